"""What was sent to webhooks, and where a replay began.

Revision ID: 0029
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, autoincrement=False)


def upgrade() -> None:
    op.add_column("webhooks", sa.Column("replay_from", sa.BigInteger, nullable=False, server_default="0"))
    op.create_table(
        "webhook_deliveries",
        _text("webhook"),
        _text("id"),
        _number("event"),
        _text("kind"),
        _number("at"),
        _number("took"),
        _number("status"),
        _text("answer"),
        _number("again"),
        sa.PrimaryKeyConstraint("webhook", "id"),
        sqlite_with_rowid=False,
    )
