"""Users and their sessions.

Revision ID: 0026
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def _key(name: str, *, primary: bool = False) -> sa.Column[str]:
    kind = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    return sa.Column(name, kind, primary_key=primary, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, autoincrement=False)


def upgrade() -> None:
    op.create_table(
        "users",
        _key("id", primary=True),
        _key("name"),
        _key("role"),
        _key("account"),
        _key("password"),
        _key("status"),
        _key("totp"),
        _key("totp_offered"),
        _number("totp_step"),
        _key("recovery"),
        _number("created_at"),
        sa.UniqueConstraint("name", name="users_name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sessions",
        _key("digest", primary=True),
        _key("user"),
        _number("created_at"),
        _number("seen_at"),
        _key("address"),
        _key("agent"),
        _key("acting"),
        sqlite_with_rowid=False,
    )
    op.create_index("sessions_user", "sessions", ["user"])
