"""Stored routes.

Revision ID: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False)


def upgrade() -> None:
    op.create_table(
        "routes",
        _text("account"),
        _text("id"),
        _text("hosts"),
        _text("tls"),
        _text("username"),
        _text("sealed"),
        sa.Column("created_at", sa.BigInteger, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("account", "id"),
        sqlite_with_rowid=False,
    )
