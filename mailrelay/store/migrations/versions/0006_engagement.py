"""What recipients do with mail that arrived.

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, autoincrement=False)


def upgrade() -> None:
    op.create_table(
        "engaged",
        _text("recipient"),
        _number("opened_at"),
        _number("opens"),
        _number("machine_opens"),
        _number("clicked_at"),
        _number("clicks"),
        _number("machine_clicks"),
        _number("unsubscribed_at"),
        sa.PrimaryKeyConstraint("recipient"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "engagements",
        _text("recipient"),
        _text("id"),
        _text("act"),
        _number("at"),
        _text("machine"),
        _text("target"),
        _text("address"),
        _text("agent"),
        sa.PrimaryKeyConstraint("recipient", "id"),
        sqlite_with_rowid=False,
    )
