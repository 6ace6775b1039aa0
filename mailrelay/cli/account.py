"""Commands about accounts."""

from __future__ import annotations

import click

from ..manage import accounts, plain
from . import output
from .frame import Group
from .opening import Opened, installed, options_of, wait

COLUMNS = ("name", "available", "balance", "reserved", "weight", "zone", "id", "created_at")


@click.group(cls=Group)
def account() -> None:
    """Accounts: the tenants who own connections, domains and a balance."""


@account.command()
@click.argument("name")
@click.option("--balance", type=int, default=0, show_default=True, help="Sends to begin with.")
@installed
def create(opened: Opened, name: str, balance: int) -> None:
    """Create an account.

    \b
    Example:
      mailrelay account create shop --balance 1000
    """
    output.card(plain.account(wait(accounts.create(opened.installation, name, balance))))


@account.command("list")
@installed
def list_(opened: Opened) -> None:
    """List all accounts."""
    output.table([plain.account(each) for each in wait(accounts.every(opened.installation))], COLUMNS)


@account.command()
@click.argument("name")
@installed
def show(opened: Opened, name: str) -> None:
    """Show an account, named by its name or id."""
    output.card(plain.account(wait(accounts.find(opened.installation, name))))


@account.command("set")
@click.argument("name")
@click.argument("settings", nargs=-1, required=True, metavar="OPTION=VALUE...")
@installed
def set_(opened: Opened, name: str, settings: tuple[str, ...]) -> None:
    """Set what an account is among the others; holds within two seconds.

    \b
    weight            1 to 100: how much of its mail goes out for each of an account whose weight is 1
    zone              the time zone in which its days begin, such as Europe/Moscow

    \b
    Example:
      mailrelay account set shop weight=5 zone=Europe/Moscow
    """
    output.card(plain.account(wait(accounts.change(opened.installation, name, options_of(settings)))))
