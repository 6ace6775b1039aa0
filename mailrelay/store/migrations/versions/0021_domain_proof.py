"""By what a domain is verified, when that was looked at, and since when something is missing.

Revision ID: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.add_column("domains", sa.Column("proof", key, nullable=False, server_default=""))
    op.add_column("domains", sa.Column("checked_at", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("domains", sa.Column("drifted_at", sa.BigInteger, nullable=False, server_default="0"))
