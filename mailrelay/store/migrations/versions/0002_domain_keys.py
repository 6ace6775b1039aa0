"""The keys by which a domain signs.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False)


def upgrade() -> None:
    op.create_table(
        "domain_keys",
        _text("account"),
        _text("domain"),
        _text("selector"),
        _text("algorithm"),
        _text("dns_text"),
        _text("sealed"),
        sa.Column("active", sa.SmallInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("account", "domain", "selector"),
        sqlite_with_rowid=False,
    )
