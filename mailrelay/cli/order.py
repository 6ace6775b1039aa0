"""Commands about orders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from ..interfaces.orders import STATUSES, Order
from ..manage import orders, plain_money, prices
from . import output
from .frame import Group
from .opening import Opened, installed, wait

COLUMNS = ("id", "account", "kind", "sends", "total", "currency", "status", "requested_by", "requested_at", "note")


@click.group(cls=Group)
def order() -> None:
    """Sends that somebody asks for, and an administrator grants or refuses."""


@order.command()
@click.argument("account")
@click.argument("sends", type=int)
@click.option(
    "--kind", type=click.Choice(prices.KINDS), default="prepaid", show_default=True, help="Sends that stay, or a plan."
)
@click.option("--prices", "name", default="", help="The price table, where there are several.")
@click.option("--note", default="", help="What the administrators should know.")
@installed
def request(opened: Opened, account: str, sends: int, kind: str, name: str, note: str) -> None:
    """Ask for so many SENDS for an ACCOUNT; the price of today is kept.

    \b
    Example:
      mailrelay order request shop 50000 --note "for the sale in June"
    """
    _show(opened, wait(orders.request(opened.installation, account, sends, kind, name, note)))


@order.command("list")
@click.option("--account", default="", help="Only of this account.")
@click.option("--status", type=click.Choice(STATUSES), default=None, help="Only in this state.")
@click.option("--before", default="", metavar="ID", help="Only older than this order: the next page.")
@click.option("--limit", type=int, default=50, show_default=True, help="How many at most.")
@installed
def list_(opened: Opened, account: str, status: str | None, before: str, limit: int) -> None:
    """List orders, the newest first."""
    owners = opened.owners()
    found = wait(orders.page(opened.installation, account, status or "", before, limit))
    output.table([plain_money.order(each, owners) for each in found], COLUMNS)


@order.command()
@click.argument("id")
@installed
def show(opened: Opened, id: str) -> None:
    """Show one order."""
    _show(opened, wait(orders.find(opened.installation, id)))


def _decision(use_case: Callable[..., Any], about: str) -> None:
    @order.command(use_case.__name__, help=about)
    @click.argument("id")
    @click.option("--note", default="", help="Kept with the order, and with the ledger's entry.")
    @installed
    def decide(opened: Opened, id: str, note: str) -> None:
        _show(opened, wait(use_case(opened.installation, id, note)))


_decision(orders.grant, "Grant an order: its sends are booked, once however often it is granted.")
_decision(orders.refuse, "Refuse an order; the note says why.")
_decision(orders.withdraw, "Take an order back that is not decided yet.")


def _show(opened: Opened, found: Order) -> None:
    output.card(plain_money.order(found, opened.owners()))
