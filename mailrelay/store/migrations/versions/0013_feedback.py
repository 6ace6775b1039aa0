"""When a suppression ends, and when a recipient complained.

Revision ID: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


def upgrade() -> None:
    op.add_column("suppressions", _number("expires_at"))
    op.add_column("engaged", _number("complained_at"))
