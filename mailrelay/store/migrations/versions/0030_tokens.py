"""Tokens of the API.

Revision ID: 0030
"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"


def _key(name: str, *, primary: bool = False) -> sa.Column[str]:
    kind = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    return sa.Column(name, kind, primary_key=primary, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, autoincrement=False)


def upgrade() -> None:
    op.create_table(
        "tokens",
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
    op.create_index("tokens_digest", "tokens", ["digest"], unique=True)
    op.create_index("tokens_name", "tokens", ["account", "name"], unique=True)
