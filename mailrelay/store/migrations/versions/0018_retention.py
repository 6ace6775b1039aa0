"""What was counted of recipients whom the history has forgotten.

Revision ID: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def _key(name: str) -> sa.Column[str]:
    kind = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    return sa.Column(name, kind, primary_key=True, nullable=False)


def upgrade() -> None:
    op.create_table(
        "forgotten",
        _key("connection"),
        _key("kind"),
        sa.Column("count", sa.BigInteger, nullable=False, autoincrement=False),
        sqlite_with_rowid=False,
    )
