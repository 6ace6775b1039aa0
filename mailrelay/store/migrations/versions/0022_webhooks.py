"""Where events are pushed to.

Revision ID: 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, autoincrement=False)


def upgrade() -> None:
    op.create_table(
        "webhooks",
        _text("id"),
        _text("account"),
        _text("name"),
        _text("url"),
        _text("events"),
        _text("dialect"),
        _text("sealed"),
        _text("status"),
        _text("reason"),
        _number("cursor"),
        _number("replay_cursor"),
        _number("replay_until"),
        _number("failures"),
        _number("failing_since"),
        _number("next_at"),
        _text("last_error"),
        _number("delivered"),
        _number("delivered_at"),
        _number("created_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account", "name", name="webhooks_name"),
        sqlite_with_rowid=False,
    )
