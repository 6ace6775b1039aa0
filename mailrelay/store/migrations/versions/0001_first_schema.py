"""The first schema.

A released step is never changed: what the tables are today stands in `schema`, what they were at first stands here.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_PENDING = "state IN ('queued', 'deferred')"
_WAITING = "state IN ('queued', 'deferred') AND held = 0 AND lease = ''"


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, autoincrement=False)


def _flag(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.SmallInteger, nullable=False)


def _octets(name: str, nullable: bool) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary, nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "accounts",
        _text("id"),
        _text("name"),
        _number("balance"),
        _number("reserved"),
        _number("created_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("reserved >= 0 AND balance >= reserved", name="accounts_never_below_zero"),
        sa.UniqueConstraint("name", name="accounts_name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "entries",
        _text("subject"),
        _text("kind"),
        _text("account"),
        _number("amount"),
        _text("note"),
        _number("at"),
        sa.PrimaryKeyConstraint("subject", "kind"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "connections",
        _text("id"),
        _text("account"),
        _text("name"),
        _text("dialect"),
        _text("sender"),
        _text("sender_domain"),
        _text("status"),
        _text("status_reason"),
        _text("networks"),
        _number("rate"),
        _number("rate_period"),
        _number("rate_burst"),
        _number("created_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account", "name", name="connections_name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "logins",
        _text("username"),
        _text("connection"),
        sa.PrimaryKeyConstraint("username"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "credentials",
        _text("id"),
        _text("connection"),
        _text("username"),
        _text("username_folded"),
        _text("kind"),
        _text("digest"),
        _text("sealed"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "domains",
        _text("account"),
        _text("name"),
        _text("status"),
        _number("created_at"),
        sa.PrimaryKeyConstraint("account", "name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "senders",
        _text("account"),
        _text("address"),
        _number("created_at"),
        sa.PrimaryKeyConstraint("account", "address"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "suppressions",
        _text("account"),
        _text("key"),
        _text("address"),
        _text("reason"),
        _text("origin"),
        _number("created_at"),
        sa.PrimaryKeyConstraint("account", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "full_mailboxes",
        _text("account"),
        _text("key"),
        _number("at"),
        sa.PrimaryKeyConstraint("account", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "settings",
        _text("key"),
        _text("value"),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "messages",
        _text("id"),
        _text("account"),
        _text("connection"),
        _text("dialect"),
        _text("peer"),
        _text("sender"),
        _text("subject"),
        _text("tag"),
        _text("client_ref"),
        _text("route"),
        _text("billing"),
        _number("size"),
        _number("received_at"),
        _number("expires_at"),
        _text("verdicts"),
        _octets("source", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "chunks",
        _text("message"),
        _number("number"),
        _number("stored_at"),
        _octets("octets", nullable=False),
        sa.PrimaryKeyConstraint("message", "number"),
    )
    op.create_table(
        "recipients",
        _text("id"),
        _text("message"),
        _text("account"),
        _text("connection"),
        _text("tag"),
        _text("address"),
        _text("key"),
        _text("destination"),
        _text("route"),
        _flag("priority"),
        _text("state"),
        _flag("held"),
        _text("lease"),
        _number("attempts"),
        _flag("reserved"),
        _flag("billed"),
        _number("accepted_at"),
        _number("due_at"),
        _number("expires_at"),
        _text("last_reply"),
        _text("last_host"),
        _number("last_at"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "counters",
        _text("connection"),
        _text("tag"),
        _number("quarter"),
        _text("kind"),
        _text("node"),
        _number("count"),
        sa.PrimaryKeyConstraint("connection", "tag", "quarter", "kind", "node"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "batches",
        _text("node"),
        _text("batch"),
        _number("voids"),
        sa.PrimaryKeyConstraint("node"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "nodes",
        _text("id"),
        _number("beat"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "refusals",
        _text("id"),
        _number("at"),
        _text("connection"),
        _text("account"),
        _text("peer"),
        _text("stage"),
        _text("verdicts"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("credentials_connection", "credentials", ["connection"])
    op.create_index("credentials_username", "credentials", ["username_folded"])
    op.create_index("recipients_account", "recipients", ["account", "id"])
    op.create_index(
        "recipients_lane",
        "recipients",
        ["account", "destination", "due_at"],
        sqlite_where=sa.text(_WAITING),
        postgresql_where=sa.text(_WAITING),
    )
    op.create_index(
        "recipients_lease",
        "recipients",
        ["lease", "expires_at"],
        sqlite_where=sa.text(_PENDING),
        postgresql_where=sa.text(_PENDING),
    )
    op.create_index("recipients_message", "recipients", ["message"])
