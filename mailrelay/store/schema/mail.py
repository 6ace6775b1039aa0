"""Tables of mail: messages, recipients and what became of them, what was refused, and who is at work on it."""

from __future__ import annotations

import sqlalchemy as sa

from .columns import flag, key, metadata, number

#: `source` is null when the message lies in `chunks`. `metadata` and `personal` are JSON, "" for none.
messages = sa.Table(
    "messages",
    metadata,
    key("id", primary=True),
    key("account"),
    key("connection"),
    key("dialect"),
    key("peer"),
    key("sender"),
    key("subject"),
    key("tag"),
    key("client_ref"),
    key("route"),
    key("billing"),
    number("size"),
    number("received_at"),
    number("expires_at"),
    key("verdicts"),
    sa.Column("source", sa.LargeBinary, nullable=True),
    key("template"),
    key("metadata"),
    key("personal"),
)

#: What the idempotency keys of a connection stand for: the message by its digest, and each recipient (`recipient` is
#: its canonical address, `id` its row). `answered` tells that another client was told of it since.
keyed = sa.Table(
    "keyed",
    metadata,
    key("connection", primary=True),
    key("key", primary=True),
    key("recipient", primary=True),
    key("id"),
    key("message"),
    key("digest"),
    flag("answered"),
    number("at"),
    sqlite_with_rowid=False,
)
sa.Index("keyed_id", keyed.c.id)
sa.Index("keyed_at", keyed.c.at)

chunks = sa.Table(
    "chunks",
    metadata,
    key("message", primary=True),
    number("number", primary=True),
    number("stored_at"),
    sa.Column("octets", sa.LargeBinary, nullable=False),
)

#: `lease` is the node that has the recipient in hand, or ''. `reserved` and `billed` count sends (0 or 1). The lower
#: the `priority` the sooner (`mail.envelope.PRIORITIES`). `throttled` are microseconds for which shaping had it
#: wait.
recipients = sa.Table(
    "recipients",
    metadata,
    key("id", primary=True),
    key("message"),
    key("account"),
    key("connection"),
    key("tag"),
    key("address"),
    key("key"),
    key("destination"),
    key("route"),
    flag("priority"),
    key("state"),
    flag("held"),
    key("lease"),
    number("attempts"),
    flag("reserved"),
    flag("billed"),
    number("accepted_at"),
    number("due_at"),
    number("expires_at"),
    key("last_reply"),
    key("last_host"),
    number("last_at"),
    key("name"),
    number("throttled"),
    sqlite_with_rowid=False,
)

#: The recipients that are not at an end, and those of them that a claim may take. Literal, so that a prepared
#: statement implies the partial index whatever its parameters are.
PENDING = sa.text("state IN ('queued', 'deferred')")

WAITING = sa.text("state IN ('queued', 'deferred') AND held = 0 AND lease = ''")

#: What the indexes of the send history hold: what did not go straight, and what has a tag or a reference. Most mail is
#: in none of the three.
TROUBLED_STATES = ("bounced", "deferred", "expired", "failed", "suppressed")

TROUBLED = sa.text("state IN ('bounced', 'deferred', 'expired', 'failed', 'suppressed')")

TAGGED = sa.text("tag <> ''")

REFERRED = sa.text("client_ref <> ''")
sa.Index("recipients_message", recipients.c.message)
sa.Index("recipients_account", recipients.c.account, recipients.c.id)
sa.Index("recipients_connection", recipients.c.connection, recipients.c.id)
sa.Index("recipients_address", recipients.c.destination, recipients.c.key, recipients.c.id)
sa.Index("recipients_tag", recipients.c.tag, recipients.c.id, sqlite_where=TAGGED, postgresql_where=TAGGED)
sa.Index("recipients_state", recipients.c.state, recipients.c.id, sqlite_where=TROUBLED, postgresql_where=TROUBLED)
sa.Index("messages_client_ref", messages.c.client_ref, messages.c.id, sqlite_where=REFERRED, postgresql_where=REFERRED)
sa.Index(
    "recipients_lane",
    recipients.c.account,
    recipients.c.priority,
    recipients.c.destination,
    recipients.c.due_at,
    sqlite_where=WAITING,
    postgresql_where=WAITING,
)
sa.Index(
    "recipients_lease",
    recipients.c.lease,
    recipients.c.expires_at,
    sqlite_where=PENDING,
    postgresql_where=PENDING,
)

#: How each attempt at a recipient went: what was said, to whom, and what followed. `facts` is JSON, "" for none.
attempts = sa.Table(
    "attempts",
    metadata,
    key("recipient", primary=True),
    number("number", primary=True),
    number("at"),
    key("route"),
    key("host"),
    key("address"),
    key("tls"),
    key("signed"),
    key("state"),
    key("reply"),
    number("due_at"),
    key("facts"),
    key("transcript"),
    sqlite_with_rowid=False,
)

#: What a recipient did with the message in all: when first (0: never) and how often, by people and by machines.
engaged = sa.Table(
    "engaged",
    metadata,
    key("recipient", primary=True),
    number("opened_at"),
    number("opens"),
    number("machine_opens"),
    number("clicked_at"),
    number("clicks"),
    number("machine_clicks"),
    number("unsubscribed_at"),
    number("complained_at"),
    sqlite_with_rowid=False,
)

#: The first acts of a recipient, one by one (`interfaces.engagement.KEPT`); `machine` is "" for a person.
engagements = sa.Table(
    "engagements",
    metadata,
    key("recipient", primary=True),
    key("id", primary=True),
    key("act"),
    number("at"),
    key("machine"),
    key("target"),
    key("address"),
    key("agent"),
    sqlite_with_rowid=False,
)

#: What was erased of persons: `person` is the keyed hash of an address, `counts` JSON.
erasures = sa.Table(
    "erasures",
    metadata,
    key("id", primary=True),
    number("at"),
    key("account"),
    key("person"),
    key("counts"),
    sqlite_with_rowid=False,
)

#: The last batch that each writer committed, by which an unknown COMMIT is decided; `voids` counts such decisions.
batches = sa.Table(
    "batches",
    metadata,
    key("node", primary=True),
    key("batch"),
    number("voids"),
    sqlite_with_rowid=False,
)

#: Who shares a PostgreSQL store, by heart-beat (SQLite tells by file locks).
nodes = sa.Table("nodes", metadata, key("id", primary=True), number("beat"), sqlite_with_rowid=False)

#: Why something was not accepted (law 11); the verdicts of what was stand with the message.
refusals = sa.Table(
    "refusals",
    metadata,
    key("id", primary=True),
    number("at"),
    key("connection"),
    key("account"),
    key("peer"),
    key("stage"),
    key("verdicts"),
    sqlite_with_rowid=False,
)
