"""Monthly plans.

Revision ID: 0028
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, autoincrement=False)


def upgrade() -> None:
    kind = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "plans",
        sa.Column("account", kind, primary_key=True, nullable=False),
        _number("monthly"),
        _number("month"),
        _number("granted"),
        _number("base"),
        sqlite_with_rowid=False,
    )
