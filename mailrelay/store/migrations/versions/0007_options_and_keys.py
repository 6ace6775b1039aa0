"""Switches of a connection, credentials that are looked up by themselves, and confirmed sender addresses.

Whoever was a sender before had been made one by an administrator, and stays confirmed.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

from mailrelay.mail.address import AddressError, parse_mailbox

revision = "0007"
down_revision = "0006"


def _text(name: str, default: str) -> sa.Column[str]:
    kind = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    return sa.Column(name, kind, nullable=False, server_default=default)


def _key(address: str) -> str:
    try:
        return parse_mailbox(address).key
    except AddressError:  # a damaged row hides no other
        return address


def upgrade() -> None:
    op.add_column("connections", _text("options", "{}"))
    op.add_column("senders", _text("key", ""))
    op.add_column("senders", _text("status", "confirmed"))
    senders = sa.table("senders", sa.column("account"), sa.column("address"), sa.column("key"))
    link = op.get_bind()
    for account, address in link.execute(sa.select(senders.c.account, senders.c.address)).fetchall():
        here = sa.and_(senders.c.account == account, senders.c.address == address)
        link.execute(sa.update(senders).where(here).values(key=_key(address)))
    op.create_index("senders_key", "senders", ["account", "key"])
    op.create_index("credentials_digest", "credentials", ["digest"])
