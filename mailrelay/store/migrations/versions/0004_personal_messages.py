"""What makes a message personal, and what its sender said of it.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def _text(name: str) -> sa.Column[str]:
    kind = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    return sa.Column(name, kind, nullable=False, server_default="")


def upgrade() -> None:
    for name in ("template", "metadata", "personal"):
        op.add_column("messages", _text(name))
    op.add_column("recipients", _text("name"))
