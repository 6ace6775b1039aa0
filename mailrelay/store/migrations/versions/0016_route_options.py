"""Stored routes by MX, from a pool of our addresses, and for some recipient domains.

Revision ID: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    kind = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.add_column("routes", sa.Column("options", kind, nullable=False, server_default=""))
