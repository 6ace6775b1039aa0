"""Commands about accounts."""

from __future__ import annotations

import click

from ..manage import accounts, plain
from ..manage.errors import Invalid
from . import output
from .frame import Group
from .opening import Opened, installed, wait

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


@account.command("set-zone")
@click.argument("name")
@click.argument("zone")
@installed
def set_zone(opened: Opened, name: str, zone: str) -> None:
    """Let the days of an account, in its statistics, be those of a time zone.

    \b
    Example:
      mailrelay account set-zone shop Europe/Moscow
    """
    output.card(plain.account(wait(accounts.set_zone(opened.installation, name, zone))))


@account.command("set")
@click.argument("name")
@click.argument("settings", nargs=-1, required=True, metavar="OPTION=VALUE...")
@installed
def set_(opened: Opened, name: str, settings: tuple[str, ...]) -> None:
    """Set what an account is among the others; holds within two seconds.

    \b
    weight            1 to 100: how much of its mail goes out for each of an account whose weight is 1

    \b
    Example:
      mailrelay account set shop weight=5
    """
    for each in settings:
        option, sign, text = each.partition("=")
        if not sign or option.strip() != "weight":
            raise Invalid("option", f"{each!r} is not weight=NUMBER")
        if not text.strip().isdecimal():
            raise Invalid("weight", "must be a whole number")
        changed = wait(accounts.set_weight(opened.installation, name, int(text)))
    output.card(plain.account(changed))
