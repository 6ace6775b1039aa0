"""How each attempt at a recipient went.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, autoincrement=False)


def upgrade() -> None:
    op.create_table(
        "attempts",
        _text("recipient"),
        _number("number"),
        _number("at"),
        _text("route"),
        _text("host"),
        _text("address"),
        _text("tls"),
        _text("signed"),
        _text("state"),
        _text("reply"),
        _number("due_at"),
        _text("facts"),
        _text("transcript"),
        sa.PrimaryKeyConstraint("recipient", "number"),
        sqlite_with_rowid=False,
    )
