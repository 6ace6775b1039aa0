"""Time zones of accounts; counters of sends billed and of deferred recipients, and all of them by domain.

What stands in the queue and in the history already is counted here once.

Revision ID: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_QUARTER = "accepted_at - accepted_at % 900000000"
_HOUR = "accepted_at - accepted_at % 3600000000"


def _key(name: str, *, primary: bool = False, default: str | None = None) -> sa.Column[str]:
    kind = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    return sa.Column(name, kind, primary_key=primary, nullable=False, server_default=default)


def _number(name: str, *, primary: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, primary_key=primary, nullable=False, autoincrement=False)


def upgrade() -> None:
    op.add_column("accounts", _key("zone", default="UTC"))
    op.create_table(
        "domain_counters",
        _key("connection", primary=True),
        _number("hour", primary=True),
        _key("domain", primary=True),
        _key("kind", primary=True),
        _key("node", primary=True),
        _number("count"),
        sqlite_with_rowid=False,
    )
    for kind, fits in (("billed", "billed = 1"), ("deferred", "state = 'deferred'")):
        op.execute(
            f"INSERT INTO counters SELECT connection, tag, {_QUARTER}, '{kind}', '', count(*) "
            f"FROM recipients WHERE {fits} GROUP BY 1, 2, 3"
        )
    for kind, fits in (("'accepted'", "1 = 1"), ("state", "state <> 'queued'"), ("'billed'", "billed = 1")):
        op.execute(
            f"INSERT INTO domain_counters SELECT connection, {_HOUR}, destination, {kind}, '', count(*) "
            f"FROM recipients WHERE {fits} GROUP BY 1, 2, 3, 4"
        )
    for kind, fits in (
        ("opened", "opened_at > 0"),
        ("clicked", "clicked_at > 0"),
        ("unsubscribed", "unsubscribed_at > 0"),
        ("complained", "complained_at > 0"),
    ):
        op.execute(
            f"INSERT INTO domain_counters SELECT connection, {_HOUR}, destination, '{kind}', '', count(*) "
            f"FROM recipients JOIN engaged ON engaged.recipient = recipients.id WHERE {fits} GROUP BY 1, 2, 3"
        )
    for kind, column in (
        ("opens", "opens"),
        ("clicks", "clicks"),
        ("opened_machine", "machine_opens"),
        ("clicked_machine", "machine_clicks"),
    ):
        op.execute(
            f"INSERT INTO domain_counters SELECT connection, {_HOUR}, destination, '{kind}', '', sum({column}) "
            f"FROM recipients JOIN engaged ON engaged.recipient = recipients.id WHERE {column} > 0 GROUP BY 1, 2, 3"
        )
