"""Tables of what is set up: accounts, connections with their logins, domains, senders, suppressions and the like."""

from __future__ import annotations

import sqlalchemy as sa

from .columns import flag, key, metadata, number

#: `weight` is how much mail of the account goes out for each of another's whose weight is 1, `zone` the time zone (IANA
#: name) in which its days begin.
accounts = sa.Table(
    "accounts",
    metadata,
    key("id", primary=True),
    key("name"),
    number("balance"),
    number("reserved"),
    number("created_at"),
    number("weight"),
    key("zone"),
    sa.UniqueConstraint("name", name="accounts_name"),
    sa.CheckConstraint("reserved >= 0 AND balance >= reserved", name="accounts_never_below_zero"),
    sqlite_with_rowid=False,
)

#: `options` is JSON: what was set for the connection itself. `active_since` is when it was activated last, or 0.
connections = sa.Table(
    "connections",
    metadata,
    key("id", primary=True),
    key("account"),
    key("name"),
    key("dialect"),
    key("sender"),
    key("sender_domain"),
    key("status"),
    key("status_reason"),
    key("networks"),
    number("rate"),
    number("rate_period"),
    number("rate_burst"),
    number("created_at"),
    key("options"),
    number("active_since"),
    sa.UniqueConstraint("account", "name", name="connections_name"),
    sqlite_with_rowid=False,
)

#: Whose a user name is: unique in the installation, `username` in folded case.
logins = sa.Table("logins", metadata, key("username", primary=True), key("connection"), sqlite_with_rowid=False)

#: `username_folded` is "" for what is looked up by its digest alone.
credentials = sa.Table(
    "credentials",
    metadata,
    key("id", primary=True),
    key("connection"),
    key("username"),
    key("username_folded"),
    key("kind"),
    key("digest"),
    key("sealed"),
    sqlite_with_rowid=False,
)
sa.Index("credentials_username", credentials.c.username_folded)
sa.Index("credentials_connection", credentials.c.connection)
sa.Index("credentials_digest", credentials.c.digest)

domains = sa.Table(
    "domains",
    metadata,
    key("account", primary=True),
    key("name", primary=True),
    key("status"),
    number("created_at"),
    key("proof"),
    number("checked_at"),
    number("drifted_at"),
    sqlite_with_rowid=False,
)

#: Private keys are sealed; `dns_text` is what the domain publishes for one. All that are `active` sign.
domain_keys = sa.Table(
    "domain_keys",
    metadata,
    key("account", primary=True),
    key("domain", primary=True),
    key("selector", primary=True),
    key("algorithm"),
    key("dns_text"),
    key("sealed"),
    flag("active"),
    number("created_at"),
    sqlite_with_rowid=False,
)

senders = sa.Table(
    "senders",
    metadata,
    key("account", primary=True),
    key("address", primary=True),
    number("created_at"),
    key("key"),
    key("status"),
    sqlite_with_rowid=False,
)
sa.Index("senders_key", senders.c.account, senders.c.key)

#: `expires_at` is 0 for what has no end.
suppressions = sa.Table(
    "suppressions",
    metadata,
    key("account", primary=True),
    key("key", primary=True),
    key("address"),
    key("reason"),
    key("origin"),
    number("created_at"),
    number("expires_at"),
    sqlite_with_rowid=False,
)


def holding(now: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """The suppressions that have not ended at an instant."""
    return sa.or_(suppressions.c.expires_at == sa.literal_column("0"), suppressions.c.expires_at > now)


#: When a mailbox last said that it was full.
full_mailboxes = sa.Table(
    "full_mailboxes",
    metadata,
    key("account", primary=True),
    key("key", primary=True),
    number("at"),
    sqlite_with_rowid=False,
)

#: One row for each version; the newest is used. The account "" serves all. `priority` is null where it leaves that to
#: the message.
templates = sa.Table(
    "templates",
    metadata,
    key("account", primary=True),
    key("id", primary=True),
    number("version", primary=True),
    key("name"),
    key("from_name"),
    key("from_address"),
    key("return_path"),
    key("reply_to"),
    key("subject"),
    key("html"),
    key("text"),
    key("tag"),
    key("syntax"),
    flag("strict"),
    number("created_at"),
    number("saved_at"),
    sa.Column("priority", sa.BigInteger, nullable=True),
)

settings = sa.Table("settings", metadata, key("key", primary=True), key("value"), sqlite_with_rowid=False)

#: Routes beside those of the configuration; `hosts` is JSON, `account` "" for those that serve every account, `options`
#: JSON of what is not as usual, "" for none.
routes = sa.Table(
    "routes",
    metadata,
    key("account", primary=True),
    key("id", primary=True),
    key("hosts"),
    key("tls"),
    key("username"),
    key("sealed"),
    number("created_at"),
    key("weights"),
    key("fallback"),
    key("options"),
    sqlite_with_rowid=False,
)

#: The file cache: what messages attach by a key; the octets lie in `chunks` under the file's id.
files = sa.Table(
    "files",
    metadata,
    key("id", primary=True),
    key("account"),
    key("key"),
    key("name"),
    key("type"),
    number("size"),
    number("created_at"),
    sa.UniqueConstraint("account", "key", name="files_key"),
    sqlite_with_rowid=False,
)
