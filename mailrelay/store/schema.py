"""The tables, as SQLAlchemy Core knows them: one definition for SQLite and PostgreSQL.

Keys are texts compared by their bytes, instants integer microseconds, flags small integers; no table relies on a
rowid. The conditions that partial indexes stand on are constants here, so that a statement which means to use an
index names the same condition. This module never reads or writes anything.
"""

from __future__ import annotations

import sqlalchemy as sa

#: The newest migration this code knows (`migrations/versions`).
REVISION = "0033"

metadata = sa.MetaData()

_Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _key(name: str, *, primary: bool = False) -> sa.Column[str]:
    return sa.Column(name, _Key, primary_key=primary, nullable=False)


def _number(name: str, *, primary: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, primary_key=primary, nullable=False, autoincrement=False)


def _flag(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.SmallInteger, nullable=False)


#: `weight` is how much mail of the account goes out for each of another's whose weight is 1, `zone` the time zone (IANA
#: name) in which its days begin.
accounts = sa.Table(
    "accounts",
    metadata,
    _key("id", primary=True),
    _key("name"),
    _number("balance"),
    _number("reserved"),
    _number("created_at"),
    _number("weight"),
    _key("zone"),
    sa.UniqueConstraint("name", name="accounts_name"),
    sa.CheckConstraint("reserved >= 0 AND balance >= reserved", name="accounts_never_below_zero"),
    sqlite_with_rowid=False,
)

#: What moved a balance. `subject` is the recipient charged, or the entry's own id when no recipient is concerned.
entries = sa.Table(
    "entries",
    metadata,
    _key("subject", primary=True),
    _key("kind", primary=True),
    _key("account"),
    _number("amount"),
    _key("note"),
    _number("at"),
    sqlite_with_rowid=False,
)
#: What is not of single recipients, so that the index costs nothing when mail is sent.
MOVED = sa.text("kind NOT IN ('send', 'refund')")
sa.Index(
    "entries_moved",
    entries.c.account,
    entries.c.at,
    entries.c.subject,
    entries.c.kind,
    sqlite_where=MOVED,
    postgresql_where=MOVED,
)

#: `options` is JSON: what was set for the connection itself. `active_since` is when it was activated last, or 0.
connections = sa.Table(
    "connections",
    metadata,
    _key("id", primary=True),
    _key("account"),
    _key("name"),
    _key("dialect"),
    _key("sender"),
    _key("sender_domain"),
    _key("status"),
    _key("status_reason"),
    _key("networks"),
    _number("rate"),
    _number("rate_period"),
    _number("rate_burst"),
    _number("created_at"),
    _key("options"),
    _number("active_since"),
    sa.UniqueConstraint("account", "name", name="connections_name"),
    sqlite_with_rowid=False,
)

#: Whose a user name is: unique in the installation, `username` in folded case.
logins = sa.Table("logins", metadata, _key("username", primary=True), _key("connection"), sqlite_with_rowid=False)

#: `username_folded` is "" for what is looked up by its digest alone.
credentials = sa.Table(
    "credentials",
    metadata,
    _key("id", primary=True),
    _key("connection"),
    _key("username"),
    _key("username_folded"),
    _key("kind"),
    _key("digest"),
    _key("sealed"),
    sqlite_with_rowid=False,
)
sa.Index("credentials_username", credentials.c.username_folded)
sa.Index("credentials_connection", credentials.c.connection)
sa.Index("credentials_digest", credentials.c.digest)

domains = sa.Table(
    "domains",
    metadata,
    _key("account", primary=True),
    _key("name", primary=True),
    _key("status"),
    _number("created_at"),
    _key("proof"),
    _number("checked_at"),
    _number("drifted_at"),
    sqlite_with_rowid=False,
)

#: Private keys are sealed; `dns_text` is what the domain publishes for one. All that are `active` sign.
domain_keys = sa.Table(
    "domain_keys",
    metadata,
    _key("account", primary=True),
    _key("domain", primary=True),
    _key("selector", primary=True),
    _key("algorithm"),
    _key("dns_text"),
    _key("sealed"),
    _flag("active"),
    _number("created_at"),
    sqlite_with_rowid=False,
)

senders = sa.Table(
    "senders",
    metadata,
    _key("account", primary=True),
    _key("address", primary=True),
    _number("created_at"),
    _key("key"),
    _key("status"),
    sqlite_with_rowid=False,
)
sa.Index("senders_key", senders.c.account, senders.c.key)

#: `expires_at` is 0 for what has no end.
suppressions = sa.Table(
    "suppressions",
    metadata,
    _key("account", primary=True),
    _key("key", primary=True),
    _key("address"),
    _key("reason"),
    _key("origin"),
    _number("created_at"),
    _number("expires_at"),
    sqlite_with_rowid=False,
)


def holding(now: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """The suppressions that have not ended at an instant."""
    return sa.or_(suppressions.c.expires_at == sa.literal_column("0"), suppressions.c.expires_at > now)


#: When a mailbox last said that it was full.
full_mailboxes = sa.Table(
    "full_mailboxes",
    metadata,
    _key("account", primary=True),
    _key("key", primary=True),
    _number("at"),
    sqlite_with_rowid=False,
)

#: One row for each version; the newest is used. The account "" serves all. `priority` is null where it leaves that to
#: the message.
templates = sa.Table(
    "templates",
    metadata,
    _key("account", primary=True),
    _key("id", primary=True),
    _number("version", primary=True),
    _key("name"),
    _key("from_name"),
    _key("from_address"),
    _key("return_path"),
    _key("reply_to"),
    _key("subject"),
    _key("html"),
    _key("text"),
    _key("tag"),
    _key("syntax"),
    _flag("strict"),
    _number("created_at"),
    _number("saved_at"),
    sa.Column("priority", sa.BigInteger, nullable=True),
)

settings = sa.Table("settings", metadata, _key("key", primary=True), _key("value"), sqlite_with_rowid=False)

#: `source` is null when the message lies in `chunks`. `metadata` and `personal` are JSON, "" for none.
messages = sa.Table(
    "messages",
    metadata,
    _key("id", primary=True),
    _key("account"),
    _key("connection"),
    _key("dialect"),
    _key("peer"),
    _key("sender"),
    _key("subject"),
    _key("tag"),
    _key("client_ref"),
    _key("route"),
    _key("billing"),
    _number("size"),
    _number("received_at"),
    _number("expires_at"),
    _key("verdicts"),
    sa.Column("source", sa.LargeBinary, nullable=True),
    _key("template"),
    _key("metadata"),
    _key("personal"),
)

#: What the idempotency keys of a connection stand for: the message by its digest, and each recipient (`recipient` is
#: its canonical address, `id` its row). `answered` tells that another client was told of it since.
keyed = sa.Table(
    "keyed",
    metadata,
    _key("connection", primary=True),
    _key("key", primary=True),
    _key("recipient", primary=True),
    _key("id"),
    _key("message"),
    _key("digest"),
    _flag("answered"),
    _number("at"),
    sqlite_with_rowid=False,
)
sa.Index("keyed_id", keyed.c.id)
sa.Index("keyed_at", keyed.c.at)

chunks = sa.Table(
    "chunks",
    metadata,
    _key("message", primary=True),
    _number("number", primary=True),
    _number("stored_at"),
    sa.Column("octets", sa.LargeBinary, nullable=False),
)

#: Routes beside those of the configuration; `hosts` is JSON, `account` "" for those that serve every account, `options`
#: JSON of what is not as usual, "" for none.
routes = sa.Table(
    "routes",
    metadata,
    _key("account", primary=True),
    _key("id", primary=True),
    _key("hosts"),
    _key("tls"),
    _key("username"),
    _key("sealed"),
    _number("created_at"),
    _key("weights"),
    _key("fallback"),
    _key("options"),
    sqlite_with_rowid=False,
)

#: The file cache: what messages attach by a key; the octets lie in `chunks` under the file's id.
files = sa.Table(
    "files",
    metadata,
    _key("id", primary=True),
    _key("account"),
    _key("key"),
    _key("name"),
    _key("type"),
    _number("size"),
    _number("created_at"),
    sa.UniqueConstraint("account", "key", name="files_key"),
    sqlite_with_rowid=False,
)

#: `lease` is the node that has the recipient in hand, or ''. `reserved` and `billed` count sends (0 or 1). The lower
#: the `priority` the sooner (`mail.envelope.PRIORITIES`). `throttled` are microseconds for which shaping had it
#: wait.
recipients = sa.Table(
    "recipients",
    metadata,
    _key("id", primary=True),
    _key("message"),
    _key("account"),
    _key("connection"),
    _key("tag"),
    _key("address"),
    _key("key"),
    _key("destination"),
    _key("route"),
    _flag("priority"),
    _key("state"),
    _flag("held"),
    _key("lease"),
    _number("attempts"),
    _flag("reserved"),
    _flag("billed"),
    _number("accepted_at"),
    _number("due_at"),
    _number("expires_at"),
    _key("last_reply"),
    _key("last_host"),
    _number("last_at"),
    _key("name"),
    _number("throttled"),
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
    _key("recipient", primary=True),
    _number("number", primary=True),
    _number("at"),
    _key("route"),
    _key("host"),
    _key("address"),
    _key("tls"),
    _key("signed"),
    _key("state"),
    _key("reply"),
    _number("due_at"),
    _key("facts"),
    _key("transcript"),
    sqlite_with_rowid=False,
)

#: What a recipient did with the message in all: when first (0: never) and how often, by people and by machines.
engaged = sa.Table(
    "engaged",
    metadata,
    _key("recipient", primary=True),
    _number("opened_at"),
    _number("opens"),
    _number("machine_opens"),
    _number("clicked_at"),
    _number("clicks"),
    _number("machine_clicks"),
    _number("unsubscribed_at"),
    _number("complained_at"),
    sqlite_with_rowid=False,
)

#: The first acts of a recipient, one by one (`interfaces.engagement.KEPT`); `machine` is "" for a person.
engagements = sa.Table(
    "engagements",
    metadata,
    _key("recipient", primary=True),
    _key("id", primary=True),
    _key("act"),
    _number("at"),
    _key("machine"),
    _key("target"),
    _key("address"),
    _key("agent"),
    sqlite_with_rowid=False,
)

#: Recipients by what became of them, in the quarter hour (UTC) of their acceptance: `kind` is a word of
#: `policy.statistics.COUNTS` but "queued", which is what the others leave.
counters = sa.Table(
    "counters",
    metadata,
    _key("connection", primary=True),
    _key("tag", primary=True),
    _number("quarter", primary=True),
    _key("kind", primary=True),
    _key("node", primary=True),
    _number("count"),
    sqlite_with_rowid=False,
)

#: The sums of `counters` by the hour, which is what long times are read from.
hour_counters = sa.Table(
    "hour_counters",
    metadata,
    _key("connection", primary=True),
    _key("tag", primary=True),
    _number("hour", primary=True),
    _key("kind", primary=True),
    _key("node", primary=True),
    _number("count"),
    sqlite_with_rowid=False,
)

#: What recipients were counted as whom the history has forgotten: by that the counters still agree with the rows.
forgotten = sa.Table(
    "forgotten",
    metadata,
    _key("connection", primary=True),
    _key("kind", primary=True),
    _number("count"),
    sqlite_with_rowid=False,
)

#: Recipients of a connection that count against its daily limit, on the last day on which any did (days since 1970 in
#: UTC); a connection without a limit has no row.
daily = sa.Table(
    "daily",
    metadata,
    _key("connection", primary=True),
    _number("day"),
    _number("sent"),
    sqlite_with_rowid=False,
)

#: The same by the domain of the recipient, in the hour (UTC) of their acceptance.
domain_counters = sa.Table(
    "domain_counters",
    metadata,
    _key("connection", primary=True),
    _number("hour", primary=True),
    _key("domain", primary=True),
    _key("kind", primary=True),
    _key("node", primary=True),
    _number("count"),
    sqlite_with_rowid=False,
)

#: The same by provider (`policy.shaping`), in the hour of their acceptance: recipients at their end, by their state,
#: and "deferrals", attempts that were put off. The provider is "" where no host was asked.
provider_counters = sa.Table(
    "provider_counters",
    metadata,
    _key("connection", primary=True),
    _number("hour", primary=True),
    _key("provider", primary=True),
    _key("kind", primary=True),
    _key("node", primary=True),
    _number("count"),
    sqlite_with_rowid=False,
)

#: How long deliveries took, in the hour (UTC) of their acceptance: a histogram for each part (`policy.duration`).
durations = sa.Table(
    "durations",
    metadata,
    _key("connection", primary=True),
    _number("hour", primary=True),
    _key("phase", primary=True),
    _number("bucket", primary=True),
    _key("node", primary=True),
    _number("count"),
    sqlite_with_rowid=False,
)

#: What happened, a row for each commit (`store.outbox`): `at` is the latest instant in it.
outbox = sa.Table("outbox", metadata, _number("id", primary=True), _number("at"), _key("events"))
sa.Index("outbox_at", outbox.c.at)

#: What was erased of persons: `person` is the keyed hash of an address, `counts` JSON.
erasures = sa.Table(
    "erasures",
    metadata,
    _key("id", primary=True),
    _number("at"),
    _key("account"),
    _key("person"),
    _key("counts"),
    sqlite_with_rowid=False,
)

#: Where events are pushed to (`interfaces.webhooks.Webhook`); `events` are words with blanks between.
webhooks = sa.Table(
    "webhooks",
    metadata,
    _key("id", primary=True),
    _key("account"),
    _key("name"),
    _key("url"),
    _key("events"),
    _key("dialect"),
    _key("sealed"),
    _key("status"),
    _key("reason"),
    _number("cursor"),
    _number("replay_cursor"),
    _number("replay_until"),
    _number("failures"),
    _number("failing_since"),
    _number("next_at"),
    _key("last_error"),
    _number("delivered"),
    _number("delivered_at"),
    _number("created_at"),
    _number("replay_from"),
    sa.UniqueConstraint("account", "name", name="webhooks_name"),
    sqlite_with_rowid=False,
)

#: The newest requests to each webhook (`interfaces.webhooks.Delivery`).
webhook_deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    _key("webhook", primary=True),
    _key("id", primary=True),
    _number("event"),
    _key("kind"),
    _number("at"),
    _number("took"),
    _number("status"),
    _key("answer"),
    _number("again"),
    sqlite_with_rowid=False,
)

#: Sessions with TLS of a domain's day that are reported about (`mail.tls_report.Session`); `strings` and `mx` are JSON.
#: `id` is the digest of everything but the count, for some of it is long.
tls_sessions = sa.Table(
    "tls_sessions",
    metadata,
    _number("day", primary=True),
    _key("domain", primary=True),
    _key("id", primary=True),
    _key("kind"),
    _key("strings"),
    _key("mx"),
    _key("result"),
    _key("host"),
    _key("address"),
    _key("source"),
    _number("count"),
    sqlite_with_rowid=False,
)

#: What became of the report about a domain's day (`interfaces.tls_reports.TlsReport`); `sent_to` is JSON.
tls_reports = sa.Table(
    "tls_reports",
    metadata,
    _number("day", primary=True),
    _key("domain", primary=True),
    _key("status"),
    _number("due_at"),
    _number("attempts"),
    _key("sent_to"),
    _number("sent_at"),
    _key("error"),
    sqlite_with_rowid=False,
)
sa.Index("tls_reports_due", tls_reports.c.status, tls_reports.c.due_at)

#: Policies of MTA-STS that others publish (`interfaces.sts.KeptPolicy`).
sts_policies = sa.Table(
    "sts_policies",
    metadata,
    _key("domain", primary=True),
    _key("id"),
    _key("text"),
    _number("fetched_at"),
    _number("until"),
    sqlite_with_rowid=False,
)

#: People who sign in (`interfaces.people`); `recovery` is a JSON list.
users = sa.Table(
    "users",
    metadata,
    _key("id", primary=True),
    _key("name"),
    _key("role"),
    _key("account"),
    _key("password"),
    _key("status"),
    _key("totp"),
    _key("totp_offered"),
    _number("totp_step"),
    _key("recovery"),
    _number("created_at"),
    sa.UniqueConstraint("name", name="users_name"),
    sqlite_with_rowid=False,
)

sessions = sa.Table(
    "sessions",
    metadata,
    _key("digest", primary=True),
    _key("user"),
    _number("created_at"),
    _number("seen_at"),
    _key("address"),
    _key("agent"),
    _key("acting"),
    sqlite_with_rowid=False,
)
sa.Index("sessions_user", sessions.c.user)

#: Monthly plans (`interfaces.plans.Plan`).
plans = sa.Table(
    "plans",
    metadata,
    _key("account", primary=True),
    _number("monthly"),
    _number("month"),
    _number("granted"),
    _number("base"),
    sqlite_with_rowid=False,
)

#: What sends cost (`interfaces.orders.PriceTable`); `steps` is JSON: pairs of sends and price.
prices = sa.Table(
    "prices",
    metadata,
    _key("name", primary=True),
    _key("kind"),
    _key("account"),
    _key("currency"),
    _key("steps"),
    _number("changed_at"),
    sqlite_with_rowid=False,
)

#: Who asked for sends (`interfaces.orders.Order`).
orders = sa.Table(
    "orders",
    metadata,
    _key("id", primary=True),
    _key("account"),
    _key("kind"),
    _number("sends"),
    _key("status"),
    _key("prices"),
    _key("currency"),
    _number("per_thousand"),
    _number("total"),
    _key("note"),
    _key("requested_by"),
    _number("requested_at"),
    _key("answer"),
    _key("decided_by"),
    _number("decided_at"),
    sqlite_with_rowid=False,
)
sa.Index("orders_account", orders.c.account, orders.c.id)
sa.Index("orders_status", orders.c.status, orders.c.id)

#: The audit log (`interfaces.changes.Change`).
changes = sa.Table(
    "changes",
    metadata,
    _key("id", primary=True),
    _number("at"),
    _key("kind"),
    _key("who"),
    _key("address"),
    _key("acting"),
    _key("action"),
    _key("account"),
    _key("object"),
    _key("name"),
    _key("details"),
    sqlite_with_rowid=False,
)
sa.Index("changes_account", changes.c.account, changes.c.id)
sa.Index("changes_who", changes.c.who, changes.c.id)
sa.Index("changes_at", changes.c.at)

#: Tokens of the API (`interfaces.tokens.Token`); lists are JSON.
tokens = sa.Table(
    "tokens",
    metadata,
    _key("id", primary=True),
    _key("account"),
    _key("name"),
    _key("digest"),
    _key("begin"),
    _key("scopes"),
    _key("networks"),
    _key("maker"),
    _number("created_at"),
    _number("expires_at"),
    _number("used_at"),
    sqlite_with_rowid=False,
)
sa.Index("tokens_digest", tokens.c.digest, unique=True)
sa.Index("tokens_name", tokens.c.account, tokens.c.name, unique=True)

#: Answers under idempotency keys (`interfaces.answers.Answered`).
answers = sa.Table(
    "answers",
    metadata,
    _key("caller", primary=True),
    _key("key", primary=True),
    _key("digest"),
    _number("at"),
    _number("status"),
    _key("type"),
    _key("sealed"),
    sqlite_with_rowid=False,
)
sa.Index("answers_at", answers.c.at)

#: The last batch that each writer committed, by which an unknown COMMIT is decided; `voids` counts such decisions.
batches = sa.Table(
    "batches",
    metadata,
    _key("node", primary=True),
    _key("batch"),
    _number("voids"),
    sqlite_with_rowid=False,
)

#: Who shares a PostgreSQL store, by heart-beat (SQLite tells by file locks).
nodes = sa.Table("nodes", metadata, _key("id", primary=True), _number("beat"), sqlite_with_rowid=False)

#: Why something was not accepted (law 11); the verdicts of what was stand with the message.
refusals = sa.Table(
    "refusals",
    metadata,
    _key("id", primary=True),
    _number("at"),
    _key("connection"),
    _key("account"),
    _key("peer"),
    _key("stage"),
    _key("verdicts"),
    sqlite_with_rowid=False,
)
