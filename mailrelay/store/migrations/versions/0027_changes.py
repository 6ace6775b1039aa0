"""The audit log.

Revision ID: 0027
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def _key(name: str, *, primary: bool = False) -> sa.Column[str]:
    kind = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    return sa.Column(name, kind, primary_key=primary, nullable=False)


def upgrade() -> None:
    op.create_table(
        "changes",
        _key("id", primary=True),
        sa.Column("at", sa.BigInteger, nullable=False, autoincrement=False),
        _key("kind"),
        _key("who"),
        _key("address"),
        _key("acting"),
        _key("action"),
        _key("account"),
        _key("object"),
        _key("name"),
        _key("details"),
        sqlite_with_rowid=False,
    )
    op.create_index("changes_account", "changes", ["account", "id"])
    op.create_index("changes_who", "changes", ["who", "id"])
    op.create_index("changes_at", "changes", ["at"])
