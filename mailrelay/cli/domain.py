"""Commands about sending domains."""

from __future__ import annotations

import click

from ..interfaces.registry import Domain
from ..manage import domains, plain
from . import output
from .frame import Group
from .opening import Opened, installed, wait

COLUMNS = ("domain", "account", "status", "created_at")

_account = click.option("--account", default="", help="Whose it is; may be left out while only one can be meant.")


@click.group(cls=Group)
def domain() -> None:
    """Sending domains: registered with an account first, verified then."""


@domain.command()
@click.argument("domain")
@_account
@click.option("--verified", is_flag=True, help="Verify it at once.")
@installed
def add(opened: Opened, domain: str, account: str, verified: bool) -> None:
    """Register a DOMAIN with an account.

    \b
    Example:
      mailrelay domain add shop.example --account shop --verified
    """
    _show(opened, wait(domains.add(opened.installation, account, domain, verified=verified)))


@domain.command("list")
@click.option("--account", default="", help="Only of this account.")
@installed
def list_(opened: Opened, account: str) -> None:
    """List domains."""
    owners = opened.owners()
    output.table([plain.domain(each, owners) for each in wait(domains.every(opened.installation, account))], COLUMNS)


@domain.command()
@click.argument("domain")
@_account
@installed
def verify(opened: Opened, domain: str, account: str) -> None:
    """Say that a DOMAIN is proven to be the account's."""
    _show(opened, wait(domains.set_verified(opened.installation, account, domain, True)))


@domain.command()
@click.argument("domain")
@_account
@installed
def unverify(opened: Opened, domain: str, account: str) -> None:
    """Take that back: mail from the DOMAIN is refused."""
    _show(opened, wait(domains.set_verified(opened.installation, account, domain, False)))


def _show(opened: Opened, found: Domain) -> None:
    output.card(plain.domain(found, opened.owners()))
