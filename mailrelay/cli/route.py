"""Commands about stored routes: smart hosts beside those of the configuration."""

from __future__ import annotations

import click

from ..manage import plain, routes
from . import output
from .frame import Group
from .opening import Opened, installed, read_secret, wait

COLUMNS = ("id", "account", "hosts", "weights", "tls", "username", "fallback", "created_at")

_account = click.option("--account", default="", help="Whose it is; left out, it serves every account.")


@click.group(cls=Group)
def route() -> None:
    """Smart hosts that an account sends by; those of the configuration file stand beside them."""


@route.command()
@click.argument("hosts", nargs=-1, required=True, metavar="HOST:PORT[=WEIGHT]...")
@_account
@click.option("--id", default="", help="The id, where applications know one already; else one is made.")
@click.option("--tls", type=click.Choice(routes.TLS_RULES), default="may", show_default=True, help="Rule for TLS.")
@click.option("--username", default="", help="Log in under this name; the password is read from standard input.")
@click.option("--fallback", default="", metavar="ROUTE", help="What takes over while this one is down or blocked.")
@installed
def add(opened: Opened, hosts: tuple[str, ...], account: str, id: str, tls: str, username: str, fallback: str) -> None:
    """Add a route by smart hosts, tried in the order given; it can be named within two seconds.

    With weights each host is tried first as often as its weight says, and one of weight 0 only after the others. Hosts
    that took no session come last for five minutes.

    \b
    Examples:
      mailrelay route add smtp.provider.example:587 --account shop --id eu --tls require
      mailrelay route add a.example:587=3 b.example:587=1 --id both --fallback eu
    """
    password = read_secret("Password") if username else ""
    made = wait(routes.add(opened.installation, routes.Wanted(hosts, id, account, tls, username, password, fallback)))
    output.card(plain.route(made, opened.owners()))


@route.command("list")
@click.option("--account", default="", help="Only of this account.")
@installed
def list_(opened: Opened, account: str) -> None:
    """List stored routes, the oldest first."""
    found = wait(routes.every(opened.installation, account))
    output.table([plain.route(each, opened.owners()) for each in found], COLUMNS)


@route.command()
@click.argument("id")
@_account
@installed
def remove(opened: Opened, id: str, account: str) -> None:
    """Forget the route ID; what is queued for it waits until there is one of that id again."""
    wait(routes.remove(opened.installation, account, id))
    output.done(f"Removed {id}.", {"removed": id})
