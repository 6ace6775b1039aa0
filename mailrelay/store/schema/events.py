"""Tables of what others are told: the outbox, webhooks, reports about TLS, policies of receivers."""

from __future__ import annotations

import sqlalchemy as sa

from .columns import key, metadata, number

#: What happened, a row for each commit (`store.outbox`): `at` is the latest instant in it.
outbox = sa.Table("outbox", metadata, number("id", primary=True), number("at"), key("events"))
sa.Index("outbox_at", outbox.c.at)

#: Where events are pushed to (`interfaces.webhooks.Webhook`); `events` are words with blanks between.
webhooks = sa.Table(
    "webhooks",
    metadata,
    key("id", primary=True),
    key("account"),
    key("name"),
    key("url"),
    key("events"),
    key("dialect"),
    key("sealed"),
    key("status"),
    key("reason"),
    number("cursor"),
    number("replay_cursor"),
    number("replay_until"),
    number("failures"),
    number("failing_since"),
    number("next_at"),
    key("last_error"),
    number("delivered"),
    number("delivered_at"),
    number("created_at"),
    number("replay_from"),
    sa.UniqueConstraint("account", "name", name="webhooks_name"),
    sqlite_with_rowid=False,
)

#: The newest requests to each webhook (`interfaces.webhooks.Delivery`).
webhook_deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    key("webhook", primary=True),
    key("id", primary=True),
    number("event"),
    key("kind"),
    number("at"),
    number("took"),
    number("status"),
    key("answer"),
    number("again"),
    sqlite_with_rowid=False,
)

#: Sessions with TLS of a domain's day that are reported about (`mail.tls_report.Session`); `strings` and `mx` are JSON.
#: `id` is the digest of everything but the count, for some of it is long.
tls_sessions = sa.Table(
    "tls_sessions",
    metadata,
    number("day", primary=True),
    key("domain", primary=True),
    key("id", primary=True),
    key("kind"),
    key("strings"),
    key("mx"),
    key("result"),
    key("host"),
    key("address"),
    key("source"),
    number("count"),
    sqlite_with_rowid=False,
)

#: What became of the report about a domain's day (`interfaces.tls_reports.TlsReport`); `sent_to` is JSON.
tls_reports = sa.Table(
    "tls_reports",
    metadata,
    number("day", primary=True),
    key("domain", primary=True),
    key("status"),
    number("due_at"),
    number("attempts"),
    key("sent_to"),
    number("sent_at"),
    key("error"),
    sqlite_with_rowid=False,
)
sa.Index("tls_reports_due", tls_reports.c.status, tls_reports.c.due_at)

#: Policies of MTA-STS that others publish (`interfaces.sts.KeptPolicy`).
sts_policies = sa.Table(
    "sts_policies",
    metadata,
    key("domain", primary=True),
    key("id"),
    key("text"),
    number("fetched_at"),
    number("until"),
    sqlite_with_rowid=False,
)
