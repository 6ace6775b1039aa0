"""Commands about what sends cost."""

from __future__ import annotations

import click

from ..manage import plain_money, prices
from ..manage.errors import Invalid
from ..manage.plain import Plain
from . import output
from .frame import Group
from .opening import Opened, installed, wait

_KIND = click.option(
    "--kind",
    type=click.Choice(prices.KINDS),
    default="prepaid",
    show_default=True,
    help="Sends that stay, or a month's of a plan.",
)


@click.group(cls=Group)
def price() -> None:
    """What sends cost, by volume: tables for everybody, or for one account."""


@price.command("set")
@click.argument("name")
@click.argument("steps", nargs=-1, required=True, metavar="SENDS=PRICE...")
@click.option("--currency", required=True, help="ISO 4217, such as EUR.")
@_KIND
@click.option("--account", default="", help="For this account alone, in the place of what holds for everybody.")
@installed
def set_(opened: Opened, name: str, steps: tuple[str, ...], currency: str, kind: str, account: str) -> None:
    """Keep a table: from so many SENDS on, a thousand cost PRICE; the whole purchase at the price of its step.

    \b
    Example:
      mailrelay price set usual --currency EUR 1000=2.00 10000=1.50 100000=0.90
    """
    made = prices.put(opened.installation, name, currency, list(map(_step, steps)), kind, account)
    _show(plain_money.price_table(wait(made), opened.owners()))


@price.command("list")
@installed
def list_(opened: Opened) -> None:
    """List the tables."""
    owners = opened.owners()
    rows = [plain_money.price_table(each, owners) for each in wait(prices.every(opened.installation))]
    if output.wants_json():
        output.as_json(rows)
    else:
        columns = ("name", "kind", "account", "currency", "steps")
        output.table([row | {"steps": _steps(row)} for row in rows], columns)


@price.command()
@click.argument("name")
@installed
def remove(opened: Opened, name: str) -> None:
    """Forget the table NAME; orders keep the price that they were told."""
    wait(prices.remove(opened.installation, name))
    output.done(f"removed the prices {name}", {"name": name})


@price.command()
@click.argument("account")
@click.argument("sends", type=int)
@_KIND
@click.option("--prices", "name", default="", help="The table, where there are several.")
@installed
def quote(opened: Opened, account: str, sends: int, kind: str, name: str) -> None:
    """Say what so many SENDS cost an ACCOUNT, and whether more cost less."""
    found = wait(prices.quote(opened.installation, account, sends, kind, name))
    told = plain_money.quote(found, sends, kind)
    if output.wants_json():
        output.as_json(told)
        return
    output.card({name: value for name, value in told.items() if name != "cheaper"})
    if found is not None and found.cheaper is not None:
        shown = plain_money.quote(prices.Priced(found.table, found.cheaper), found.cheaper.sends, kind)
        print(f"{shown['sends']} sends cost less: {shown['total']} {shown['currency']}")


def _step(text: str) -> tuple[int, str]:
    sends, _, amount = text.partition("=")
    if not (sends.isascii() and sends.isdigit() and len(sends) < 16 and amount):
        raise Invalid("steps", f"{text!r} is none; they are written like 10000=1.50")
    return int(sends), amount


def _steps(row: Plain) -> str:
    found = row["steps"]
    assert isinstance(found, list)
    return ", ".join(f"{each['from']}={each['per_thousand']}" for each in found)


def _show(row: Plain) -> None:
    if output.wants_json():
        output.as_json(row)
    else:
        output.card(row | {"steps": _steps(row)})
