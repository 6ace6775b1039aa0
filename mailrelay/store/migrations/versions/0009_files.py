"""The file cache.

Revision ID: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, autoincrement=False)


def upgrade() -> None:
    op.create_table(
        "files",
        _text("id"),
        _text("account"),
        _text("key"),
        _text("name"),
        _text("type"),
        _number("size"),
        _number("created_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account", "key", name="files_key"),
        sqlite_with_rowid=False,
    )
