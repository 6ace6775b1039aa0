"""Since when a connection is active.

Revision ID: 0020
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.add_column("connections", sa.Column("active_since", sa.BigInteger, nullable=False, server_default="0"))
