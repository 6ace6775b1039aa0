"""Counters by provider, and how long deliveries took.

Revision ID: 0025
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def _key(name: str) -> sa.Column[str]:
    kind = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    return sa.Column(name, kind, primary_key=True, nullable=False)


def _number(name: str, *, primary: bool = False, default: str | None = None) -> sa.Column[int]:
    return sa.Column(
        name, sa.BigInteger, primary_key=primary, nullable=False, autoincrement=False, server_default=default
    )


def upgrade() -> None:
    op.add_column("recipients", _number("throttled", default="0"))
    op.create_table(
        "provider_counters",
        _key("connection"),
        _number("quarter", primary=True),
        _key("provider"),
        _key("kind"),
        _key("node"),
        _number("count"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "durations",
        _key("connection"),
        _number("hour", primary=True),
        _key("phase"),
        _number("bucket", primary=True),
        _key("node"),
        _number("count"),
        sqlite_with_rowid=False,
    )
