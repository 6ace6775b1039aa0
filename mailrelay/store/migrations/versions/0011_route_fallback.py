"""How often each host of a stored route is tried first, and which route takes over from it.

Revision ID: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def _text(name: str) -> sa.Column[str]:
    kind = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    return sa.Column(name, kind, nullable=False, server_default="")


def upgrade() -> None:
    op.add_column("routes", _text("weights"))
    op.add_column("routes", _text("fallback"))
