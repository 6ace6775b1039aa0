"""Commands about sender addresses."""

from __future__ import annotations

import click

from ..manage import domains, plain, senders
from . import output
from .frame import Group
from .opening import Opened, installed, wait

_account = click.option("--account", default="", help="Whose it is; may be left out while there is only one account.")


@click.group(cls=Group)
def sender() -> None:
    """Sender addresses of an account. Where a connection sends as confirmed addresses only, these are those."""


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


@sender.command()
@click.argument("address")
@_account
@installed
def request(opened: Opened, address: str, account: str) -> None:
    """Ask for an ADDRESS, on any domain, to be a confirmed sender: it gets a mail with a link.

    \b
    Example:
      mailrelay sender request ann@example.net --account shop
    """
    asked = wait(senders.request(opened.installation, account, address, opened.place.public_url, opened.place.hostname))
    wait(opened.store.ledger.accept(asked.letter, False))
    output.card(plain.sender(asked.sender, opened.owners()) | {"link": asked.link})


@sender.command()
@click.argument("address")
@_account
@installed
def confirm(opened: Opened, address: str, account: str) -> None:
    """Make an ADDRESS, on any domain, a confirmed sender by your own word."""
    output.card(plain.sender(wait(senders.confirm(opened.installation, account, address)), opened.owners()))


@sender.command("list")
@click.option("--account", default="", help="Only of this account.")
@installed
def list_(opened: Opened, account: str) -> None:
    """List senders."""
    owners = opened.owners()
    rows = [plain.sender(each, owners) for each in wait(domains.senders(opened.installation, account))]
    output.table(rows, ("address", "account", "status", "created_at"))


@sender.command()
@click.argument("address")
@_account
@installed
def remove(opened: Opened, address: str, account: str) -> None:
    """Let an ADDRESS be no sender any more; connections keep the sender they have."""
    wait(domains.remove_sender(opened.installation, account, address))
    output.done(f"Removed {address}.", {"removed": address})
