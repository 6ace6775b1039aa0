"""Answers of the API under idempotency keys.

Revision ID: 0032
"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"


def _key(name: str, *, primary: bool = False) -> sa.Column[str]:
    kind = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    return sa.Column(name, kind, primary_key=primary, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, autoincrement=False)


def upgrade() -> None:
    op.create_table(
        "answers",
        _key("caller", primary=True),
        _key("key", primary=True),
        _key("digest"),
        _number("at"),
        _number("status"),
        _key("type"),
        _key("sealed"),
        sqlite_with_rowid=False,
    )
    op.create_index("answers_at", "answers", ["at"])
