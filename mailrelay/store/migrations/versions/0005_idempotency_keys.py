"""What idempotency keys stand for.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False)


def upgrade() -> None:
    op.create_table(
        "keyed",
        _text("connection"),
        _text("key"),
        _text("recipient"),
        _text("id"),
        _text("message"),
        _text("digest"),
        sa.Column("answered", sa.SmallInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("connection", "key", "recipient"),
        sqlite_with_rowid=False,
    )
    op.create_index("keyed_id", "keyed", ["id"])
    op.create_index("keyed_at", "keyed", ["at"])
