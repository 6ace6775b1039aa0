"""Lanes by priority, the weight of an account among the others, and the priority of what a template makes.

Revision ID: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_WAITING = "state IN ('queued', 'deferred') AND held = 0 AND lease = ''"


def upgrade() -> None:
    op.drop_index("recipients_lane", "recipients")
    op.create_index(
        "recipients_lane",
        "recipients",
        ["account", "priority", "destination", "due_at"],
        sqlite_where=sa.text(_WAITING),
        postgresql_where=sa.text(_WAITING),
    )
    op.add_column("accounts", sa.Column("weight", sa.BigInteger, nullable=False, server_default="1"))
    op.add_column("templates", sa.Column("priority", sa.BigInteger, nullable=True))
