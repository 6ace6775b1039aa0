"""Templates, each save a version of its own.

Revision ID: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_TEXTS = ("name", "from_name", "from_address", "return_path", "reply_to", "subject", "html", "text", "tag", "syntax")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, autoincrement=False)


def upgrade() -> None:
    op.create_table(
        "templates",
        _text("account"),
        _text("id"),
        _number("version"),
        *map(_text, _TEXTS),
        sa.Column("strict", sa.SmallInteger, nullable=False),
        _number("created_at"),
        _number("saved_at"),
        sa.PrimaryKeyConstraint("account", "id", "version"),
    )
