"""Commands about monthly plans."""

from __future__ import annotations

import click

from ..manage import plans
from . import output
from .frame import Group
from .opening import Opened, installed, wait

COLUMNS = ("account", "monthly", "monthly_left", "prepaid", "available", "month", "zone")


@click.group(cls=Group)
def plan() -> None:
    """Sends that an account is given each calendar month, used before prepaid ones; what is left of them lapses."""


@plan.command("set")
@click.argument("account")
@click.argument("sends", type=int)
@installed
def set_(opened: Opened, account: str, sends: int) -> None:
    """Give an ACCOUNT so many SENDS each month: at once if it has no plan, else from the next month on; 0 ends it.

    \b
    Example:
      mailrelay plan set shop 50000
    """
    output.card(plans.plain(wait(plans.give(opened.installation, account, sends))))


@plan.command()
@click.argument("account")
@installed
def show(opened: Opened, account: str) -> None:
    """Show what is left of an ACCOUNT's month, and what is prepaid."""
    output.card(plans.plain(wait(plans.show(opened.installation, account))))


@plan.command("list")
@installed
def list_(opened: Opened) -> None:
    """List the accounts that have a plan."""
    output.table([plans.plain(each) for each in wait(plans.every(opened.installation))], COLUMNS)
