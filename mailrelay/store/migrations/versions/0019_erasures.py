"""Receipts of persons erased.

Revision ID: 0019
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def _key(name: str, *, primary: bool = False) -> sa.Column[str]:
    kind = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    return sa.Column(name, kind, primary_key=primary, nullable=False)


def upgrade() -> None:
    op.create_table(
        "erasures",
        _key("id", primary=True),
        sa.Column("at", sa.BigInteger, nullable=False, autoincrement=False),
        _key("account"),
        _key("person"),
        _key("counts"),
        sqlite_with_rowid=False,
    )
