"""Price tables, orders, and the movements of a balance in their order.

Revision ID: 0031
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def _key(name: str, *, primary: bool = False) -> sa.Column[str]:
    kind = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    return sa.Column(name, kind, primary_key=primary, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, autoincrement=False)


def upgrade() -> None:
    op.create_table(
        "prices",
        _key("name", primary=True),
        _key("kind"),
        _key("account"),
        _key("currency"),
        _key("steps"),
        _number("changed_at"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "orders",
        _key("id", primary=True),
        _key("account"),
        _key("kind"),
        _number("sends"),
        _key("status"),
        _key("prices"),
        _key("currency"),
        _number("per_thousand"),
        _number("total"),
        _key("note"),
        _key("requested_by"),
        _number("requested_at"),
        _key("answer"),
        _key("decided_by"),
        _number("decided_at"),
        sqlite_with_rowid=False,
    )
    op.create_index("orders_account", "orders", ["account", "id"])
    op.create_index("orders_status", "orders", ["status", "id"])
    moved = sa.text("kind NOT IN ('send', 'refund')")
    columns = ["account", "at", "subject", "kind"]
    op.create_index("entries_moved", "entries", columns, sqlite_where=moved, postgresql_where=moved)
