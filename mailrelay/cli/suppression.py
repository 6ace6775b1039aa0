"""Commands about addresses that are not to be sent to."""

from __future__ import annotations

import click

from ..manage import plain, suppressions
from . import output
from .frame import Group
from .opening import Opened, installed, wait

COLUMNS = ("address", "account", "reason", "origin", "created_at")

_account = click.option("--account", default="", help="Whose it is; may be left out while there is only one account.")


@click.group(cls=Group)
def suppression() -> None:
    """Addresses that an account must not be sent to any more."""


@suppression.command()
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@_account
@click.option(
    "--reason", type=click.Choice(suppressions.REASONS), default="manual", show_default=True, help="Why: kept with it."
)
@installed
def add(opened: Opened, addresses: tuple[str, ...], account: str, reason: str) -> None:
    """Suppress addresses.

    \b
    Example:
      mailrelay suppression add ann@example.net --account shop --reason unsubscribe
    """
    owners = opened.owners()
    made = wait(suppressions.add(opened.installation, account, addresses, reason, "command line"))
    output.table([plain.suppression(each, owners) for each in made], COLUMNS)


@suppression.command("list")
@click.option("--account", default="", help="Only of this account.")
@installed
def list_(opened: Opened, account: str) -> None:
    """List suppressed addresses, the newest first."""
    owners = opened.owners()
    found = wait(suppressions.every(opened.installation, account))
    output.table([plain.suppression(each, owners) for each in found], COLUMNS)


@suppression.command()
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@_account
@installed
def remove(opened: Opened, addresses: tuple[str, ...], account: str) -> None:
    """Let addresses be sent to again."""
    wait(suppressions.remove(opened.installation, account, addresses))
    output.done(f"Removed {', '.join(addresses)}.", {"removed": list(addresses)})
