"""Sums of the counters by the hour, and counters by provider by the hour instead of the quarter hour.

Revision ID: 0033
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"

_HOUR = "quarter - quarter % 3600000000"


def _key(name: str) -> sa.Column[str]:
    kind = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    return sa.Column(name, kind, primary_key=True, nullable=False)


def _number(name: str, *, primary: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, primary_key=primary, nullable=False, autoincrement=False)


def upgrade() -> None:
    op.create_table(
        "hour_counters",
        _key("connection"),
        _key("tag"),
        _number("hour", primary=True),
        _key("kind"),
        _key("node"),
        _number("count"),
        sqlite_with_rowid=False,
    )
    op.execute(
        f"INSERT INTO hour_counters SELECT connection, tag, {_HOUR}, kind, node, sum(count) FROM counters "
        f"GROUP BY connection, tag, {_HOUR}, kind, node"
    )
    op.execute(
        f"CREATE TEMPORARY TABLE provider_hours AS SELECT connection, {_HOUR} AS hour, provider, kind, node, "
        f"CAST(sum(count) AS BIGINT) AS count FROM provider_counters GROUP BY connection, {_HOUR}, provider, kind, node"
    )
    op.drop_table("provider_counters")
    op.create_table(
        "provider_counters",
        _key("connection"),
        _number("hour", primary=True),
        _key("provider"),
        _key("kind"),
        _key("node"),
        _number("count"),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO provider_counters SELECT * FROM provider_hours")
    op.drop_table("provider_hours")
