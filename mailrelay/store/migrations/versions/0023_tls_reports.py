"""Sessions with TLS and reports about them; policies of MTA-STS.

Revision ID: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, autoincrement=False)


def upgrade() -> None:
    op.create_table(
        "tls_sessions",
        _number("day"),
        _text("domain"),
        _text("id"),
        _text("kind"),
        _text("strings"),
        _text("mx"),
        _text("result"),
        _text("host"),
        _text("address"),
        _text("source"),
        _number("count"),
        sa.PrimaryKeyConstraint("day", "domain", "id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tls_reports",
        _number("day"),
        _text("domain"),
        _text("status"),
        _number("due_at"),
        _number("attempts"),
        _text("sent_to"),
        _number("sent_at"),
        _text("error"),
        sa.PrimaryKeyConstraint("day", "domain"),
        sqlite_with_rowid=False,
    )
    op.create_index("tls_reports_due", "tls_reports", ["status", "due_at"])
    op.create_table(
        "sts_policies",
        _text("domain"),
        _text("id"),
        _text("text"),
        _number("fetched_at"),
        _number("until"),
        sa.PrimaryKeyConstraint("domain"),
        sqlite_with_rowid=False,
    )
