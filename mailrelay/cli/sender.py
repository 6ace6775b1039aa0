"""Commands about sender addresses."""

from __future__ import annotations

import click

from ..manage import domains, plain
from . import output
from .frame import Group
from .opening import Opened, installed, wait

_account = click.option("--account", default="", help="Whose it is; may be left out while there is only one account.")


@click.group(cls=Group)
def sender() -> None:
    """Sender addresses of an account, on its registered domains."""


@sender.command()
@click.argument("address")
@_account
@installed
def add(opened: Opened, address: str, account: str) -> None:
    """Make an ADDRESS a sender.

    \b
    Example:
      mailrelay sender add news@shop.example --account shop
    """
    output.card(plain.sender(wait(domains.add_sender(opened.installation, account, address)), opened.owners()))


@sender.command("list")
@click.option("--account", default="", help="Only of this account.")
@installed
def list_(opened: Opened, account: str) -> None:
    """List senders."""
    owners = opened.owners()
    rows = [plain.sender(each, owners) for each in wait(domains.senders(opened.installation, account))]
    output.table(rows, ("address", "account", "created_at"))


@sender.command()
@click.argument("address")
@_account
@installed
def remove(opened: Opened, address: str, account: str) -> None:
    """Let an ADDRESS be no sender any more; connections keep the sender they have."""
    wait(domains.remove_sender(opened.installation, account, address))
    output.done(f"Removed {address}.", {"removed": address})
