"""Commands about what an account may still send."""

from __future__ import annotations

import click

from ..manage import accounts, plain
from . import output
from .frame import Group
from .opening import Opened, installed, wait

# so that a number below zero is told to be one, and not taken for an option
_NUMBERS = {"ignore_unknown_options": True}


@click.group(cls=Group)
def balance() -> None:
    """What an account may still send: available = balance - reserved, in sends."""


@balance.command()
@click.argument("account")
@installed
def show(opened: Opened, account: str) -> None:
    """Show the balance of an ACCOUNT."""
    output.card(plain.account(wait(accounts.find(opened.installation, account))))


@balance.command("set", context_settings=_NUMBERS)
@click.argument("account")
@click.argument("sends", type=int)
@click.option("--note", default="", help="Kept with the ledger's entry.")
@installed
def set_(opened: Opened, account: str, sends: int, note: str) -> None:
    """Let an ACCOUNT have exactly SENDS available.

    \b
    Example:
      mailrelay balance set shop 500
    """
    output.card(plain.account(wait(accounts.set_balance(opened.installation, account, sends, note))))


@balance.command("topup", context_settings=_NUMBERS)
@click.argument("account")
@click.argument("sends", type=int)
@click.option("--note", default="", help="Kept with the ledger's entry.")
@installed
def top_up(opened: Opened, account: str, sends: int, note: str) -> None:
    """Add SENDS to the balance of an ACCOUNT.

    \b
    Example:
      mailrelay balance topup shop 1000 --note "invoice 17"
    """
    output.card(plain.account(wait(accounts.top_up(opened.installation, account, sends, note))))


balance.add_command(top_up, "top-up")
