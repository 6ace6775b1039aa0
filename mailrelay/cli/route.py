"""Commands about stored routes: ways out beside those of the configuration."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import click

from ..interfaces.route_tests import RouteTest
from ..manage import Invalid, plain, route_test, routes
from . import output
from .frame import FAILED, Group
from .opening import Opened, installed, read_secret, wait
from .trying import tried

COLUMNS = ("id", "account", "hosts", "mx", "sources", "domains", "tls", "username", "fallback", "created_at")

_account = click.option("--account", default="", help="Whose it is; left out, it serves every account.")
_tls = click.Choice(routes.TLS_RULES)


@click.group(cls=Group)
def route() -> None:
    """Ways out that accounts send by; those of the configuration file stand beside them."""


@route.command()
@click.argument("hosts", nargs=-1, metavar="[HOST:PORT[=WEIGHT]...]")
@_account
@click.option("--id", default="", help="The id, where applications know one already; else one is made.")
@click.option("--tls", type=_tls, default="may", show_default=True, help="Rule for TLS.")
@click.option("--username", default="", help="Log in under this name; the password is read from standard input.")
@click.option("--fallback", default="", metavar="ROUTE", help="What takes over while this one is down or blocked.")
@click.option("--mx", is_flag=True, help="By the mail hosts of each recipient's domain, not by smart hosts.")
@click.option("--port", type=int, default=25, show_default=True, help="With --mx: their port.")
@click.option("--source", "sources", multiple=True, metavar="ADDRESS", help="With --mx: connect from it; repeatable.")
@click.option("--rotate", is_flag=True, help="With --source: from each in turn, not from one for each domain.")
@click.option(
    "--domain", "domains", multiple=True, help="Takes this domain's mail, where no route is named; repeatable."
)
@installed
def add(opened: Opened, /, username: str, **given: Any) -> None:
    """Add a route by smart hosts, tried in the order given, or by MX; it can be named within two seconds.

    With weights each host is tried first as often as its weight says, and one of weight 0 only after the others. Hosts
    that took no session come last for five minutes. A message takes the route that its header names, else that of its
    connection, else that for the recipient's domain, else the account's only one.

    \b
    Examples:
      mailrelay route add smtp.provider.example:587 --account shop --id eu --tls require
      mailrelay route add a.example:587=3 b.example:587=1 --id both --fallback eu
      mailrelay route add --mx --id pool --source 192.0.2.1 --source 192.0.2.2 --domain '*.example.com'
    """
    password = read_secret("Password") if username else ""
    wanted = routes.Wanted(username=username, password=password, **given)
    output.card(plain.route(wait(routes.add(opened.installation, wanted)), opened.owners()))


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
def show(opened: Opened, id: str, account: str) -> None:
    """Show the route ID, without its password."""
    output.card(plain.route(wait(routes.find(opened.installation, account, id)), opened.owners()))


@route.command("set")
@click.argument("id")
@click.argument("hosts", nargs=-1, metavar="[HOST:PORT[=WEIGHT]...]")
@_account
@click.option("--tls", type=_tls, default=None, help="Rule for TLS.")
@click.option("--username", default=None, help='Log in under this name; "" is no login.')
@click.option("--password", "asks", is_flag=True, help="Read a new password from standard input.")
@click.option("--fallback", default=None, metavar="ROUTE", help='What takes over; "" is nothing.')
@click.option("--port", type=int, default=None, help="By MX: the hosts' port.")
@click.option("--source", "sources", multiple=True, metavar="ADDRESS", help='By MX: connect from here; "" is no pool.')
@click.option("--rotate/--no-rotate", default=None, help="From each source in turn, or from one for each domain.")
@click.option("--domain", "domains", multiple=True, help='Takes this domain\'s mail; "" is none.')
@installed
def set_(opened: Opened, /, id: str, account: str, asks: bool, **given: Any) -> None:
    """Change what is given of the route ID; the rest stays, and what is queued for it goes by the new one.

    \b
    Examples:
      mailrelay route set eu --tls verify --fallback spare
      mailrelay route set pool --source 192.0.2.1 --source 192.0.2.3
    """
    changes = {name: value for name, value in given.items() if value not in (None, ())}
    for name in ("sources", "domains"):
        if changes.get(name) == ("",):
            changes[name] = ()
    if changes.get("username") == "":
        changes["password"] = ""
    elif asks or "username" in changes:
        changes["password"] = read_secret("Password")
    if not changes:
        raise Invalid("id", "nothing to change was given")
    output.card(plain.route(wait(routes.change(opened.installation, account, id, changes)), opened.owners()))


@route.command()
@click.argument("name")
@_account
@click.option("--to", default="", metavar="ADDRESS|DOMAIN", help="Whose hosts, by MX; an address is asked about, too.")
@click.option(
    "--from", "sender", default="", metavar="ADDRESS", help="Ask in this sender's name, not the null sender's."
)
@installed
def test(opened: Opened, name: str, account: str, to: str, sender: str) -> None:
    """Try the route NAME, stored or configured: connect to its hosts, encrypt, log in, ask about a recipient.

    No message is sent. Ends with status 1 when no host would take mail.

    \b
    Examples:
      mailrelay route test eu --to ann@example.net
      mailrelay route test mx --to example.net
    """
    found = tried(opened, account, name, to, sender)
    if output.wants_json():
        output.as_json(route_test.plain(found))
    else:
        for line in _told(found):
            print(output.cell(line))
    if not found.serves:
        sys.exit(FAILED)


def _told(found: RouteTest) -> Iterator[str]:
    """What came of it, in lines."""
    if found.reply:
        yield f"{found.route}: no way: {found.reply}"
    for each in found.probes:
        hop, how = each.hop, each.tls or "not encrypted"
        yield f"{hop.host}:{hop.port} {'serves' if each.serves else 'FAILS'} in {each.seconds} s, {how}: {each.reply}"
        if each.fault:
            yield f"  fault: {each.fault}"
        yield f"  offers: {', '.join(each.offers) or 'nothing'}"
        yield from (f"  {line}" for line in each.transcript.split("\n"))


@route.command()
@click.argument("id")
@_account
@installed
def remove(opened: Opened, id: str, account: str) -> None:
    """Forget the route ID; what is queued for it waits until there is one of that id again."""
    wait(routes.remove(opened.installation, account, id))
    output.done(f"Removed {id}.", {"removed": id})
