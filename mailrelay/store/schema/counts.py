"""Tables of what is counted, moved in the commit that changes what they count."""

from __future__ import annotations

import sqlalchemy as sa

from .columns import key, metadata, number

#: Recipients by what became of them, in the quarter hour (UTC) of their acceptance: `kind` is a word of
#: `policy.statistics.COUNTS` but "queued", which is what the others leave.
counters = sa.Table(
    "counters",
    metadata,
    key("connection", primary=True),
    key("tag", primary=True),
    number("quarter", primary=True),
    key("kind", primary=True),
    key("node", primary=True),
    number("count"),
    sqlite_with_rowid=False,
)

#: The sums of `counters` by the hour, which is what long times are read from.
hour_counters = sa.Table(
    "hour_counters",
    metadata,
    key("connection", primary=True),
    key("tag", primary=True),
    number("hour", primary=True),
    key("kind", primary=True),
    key("node", primary=True),
    number("count"),
    sqlite_with_rowid=False,
)

#: What recipients were counted as whom the history has forgotten: by that the counters still agree with the rows.
forgotten = sa.Table(
    "forgotten",
    metadata,
    key("connection", primary=True),
    key("kind", primary=True),
    number("count"),
    sqlite_with_rowid=False,
)

#: Recipients of a connection that count against its daily limit, on the last day on which any did (days since 1970 in
#: UTC); a connection without a limit has no row.
daily = sa.Table(
    "daily",
    metadata,
    key("connection", primary=True),
    number("day"),
    number("sent"),
    sqlite_with_rowid=False,
)

#: The same by the domain of the recipient, in the hour (UTC) of their acceptance.
domain_counters = sa.Table(
    "domain_counters",
    metadata,
    key("connection", primary=True),
    number("hour", primary=True),
    key("domain", primary=True),
    key("kind", primary=True),
    key("node", primary=True),
    number("count"),
    sqlite_with_rowid=False,
)

#: The same by provider (`policy.shaping`), in the hour of their acceptance: recipients at their end, by their state,
#: and "deferrals", attempts that were put off. The provider is "" where no host was asked.
provider_counters = sa.Table(
    "provider_counters",
    metadata,
    key("connection", primary=True),
    number("hour", primary=True),
    key("provider", primary=True),
    key("kind", primary=True),
    key("node", primary=True),
    number("count"),
    sqlite_with_rowid=False,
)

#: How long deliveries took, in the hour (UTC) of their acceptance: a histogram for each part (`policy.duration`).
durations = sa.Table(
    "durations",
    metadata,
    key("connection", primary=True),
    number("hour", primary=True),
    key("phase", primary=True),
    number("bucket", primary=True),
    key("node", primary=True),
    number("count"),
    sqlite_with_rowid=False,
)
