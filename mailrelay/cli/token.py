"""Commands about the tokens by which programs use the HTTP API."""

from __future__ import annotations

import click

from ..interfaces.tokens import Token
from ..manage import plain_people, tokens
from ..manage.scopes import SCOPES
from . import output
from .frame import Group
from .opening import Opened, installed, wait

COLUMNS = ("name", "account", "begin", "scopes", "networks", "expires_at", "used_at", "id")


def _plain(opened: Opened, found: Token) -> dict[str, object]:
    makers = wait(tokens.makers(opened.installation))
    return dict(plain_people.token(found, opened.owners(), makers))


@click.group(cls=Group)
def token() -> None:
    """Tokens of the HTTP API."""


@token.command(epilog=f"Scopes: {', '.join(SCOPES)}.")
@click.argument("name")
@click.option("--account", default="", help="It sees this account alone; without it, it is an administrator's.")
@click.option("--scope", "scopes", multiple=True, help="What it may do; may be given several times. None: everything.")
@click.option("--ip", "networks", multiple=True, help="A network (CIDR) it may be used from; several times. None: any.")
@click.option("--days", default=0, help="Days after which it ends; 0 for no end.")
@installed
def create(
    opened: Opened, name: str, account: str, scopes: tuple[str, ...], networks: tuple[str, ...], days: int
) -> None:
    """Make a token and show it, this once.

    \b
    Example:
      mailrelay token create shop --account shop --scope messages:send --ip 192.0.2.0/24
    """
    wanted = tokens.Wanted(name, account, scopes, networks, days)
    made = wait(tokens.create(opened.installation, wanted))
    output.card(_plain(opened, made.token) | {"token": made.secret}, "The token is not shown again.")


@token.command("list")
@click.option("--account", default="", help="The tokens of this account.")
@installed
def list_(opened: Opened, account: str) -> None:
    """List the tokens, without their secrets."""
    found = wait(tokens.every(opened.installation, account))
    owners, makers = opened.owners(), wait(tokens.makers(opened.installation))
    output.table([plain_people.token(each, owners, makers) for each in found], COLUMNS)


@token.command()
@click.argument("name")
@click.option("--account", default="", help="The account it belongs to, where several have one of that name.")
@installed
def show(opened: Opened, name: str, account: str) -> None:
    """Show a token, by its name or id, without its secret."""
    output.card(_plain(opened, wait(tokens.find(opened.installation, name, account))))


@token.command()
@click.argument("name")
@click.option("--account", default="", help="The account it belongs to, where several have one of that name.")
@installed
def revoke(opened: Opened, name: str, account: str) -> None:
    """Forget a token: the next request with it is refused."""
    output.card(_plain(opened, wait(tokens.revoke(opened.installation, name, account))), "It opens nothing any more.")
