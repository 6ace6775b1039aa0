"""Commands about what an account may still send."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import click

from ..interfaces.books import MOVEMENTS, OF_RECIPIENTS
from ..manage import accounts, entries, plain, plain_money, plans, spans
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
    """Show the balance of an ACCOUNT: the month's sends, which are used first, and prepaid ones."""
    output.card(plain_money.balance(wait(plans.show(opened.installation, account))))


@balance.command("entries")
@click.argument("account")
@click.option("--sends", is_flag=True, help="What single recipients were charged, in place of all other movements.")
@click.option("--kind", type=click.Choice((*MOVEMENTS, *OF_RECIPIENTS)), default=None, help="Only of this kind.")
@click.option("--from", "since", default="", metavar="TIME", help="From then on, ISO 8601, in the account's zone.")
@click.option("--to", "until", default="", metavar="TIME", help="Before that time.")
@click.option("--before", default="", metavar="MARK", help="Only older than the entry of this mark: the next page.")
@click.option("--limit", type=int, default=50, show_default=True, help="How many at most.")
@installed
def list_entries(
    opened: Opened, account: str, sends: bool, kind: str | None, since: str, until: str, before: str, limit: int
) -> None:
    """List what moved the balance of an ACCOUNT, the newest first.

    \b
    Example:
      mailrelay balance entries shop --from 2026-03-01
    """
    zone = ZoneInfo(wait(accounts.find(opened.installation, account)).zone)
    first, end = (spans.instant(name, text, zone) if text else 0 for name, text in (("from", since), ("to", until)))
    found = wait(entries.page(opened.installation, account, kind or "", sends, first, end, before, limit))
    if output.wants_json():
        output.as_json(plain_money.entries(found))
        return
    output.table([plain_money.entry(each) for each in found.entries], ("at", "kind", "amount", "note", "subject"))
    if found.before:
        print(f"more: --before {found.before}")


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
