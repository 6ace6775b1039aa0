"""Commands about sending domains."""

from __future__ import annotations

import click

from ..interfaces.registry import Domain
from ..manage import Invalid, domains, plain, signing
from . import output
from .frame import Group
from .opening import Opened, installed, wait

COLUMNS = ("domain", "account", "status", "created_at")
KEY_COLUMNS = ("selector", "algorithm", "active", "created_at")

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
    """Register a DOMAIN with an account, and show what it publishes in the DNS.

    \b
    Example:
      mailrelay domain add shop.example --account shop --verified
    """
    _show_records(opened, wait(domains.add(opened.installation, account, domain, verified=verified)))


@domain.command()
@click.argument("domain")
@_account
@installed
def show(opened: Opened, domain: str, account: str) -> None:
    """Show a DOMAIN, and what it publishes in the DNS."""
    found, _ = wait(domains.keys(opened.installation, account, domain))
    _show_records(opened, found)


@domain.command()
@click.argument("domain")
@_account
@click.option("--new", is_flag=True, help="Make a pair of keys first; it signs once it is put to use.")
@click.option("--use", is_flag=True, help="Sign by the newest pair from now on.")
@installed
def keys(opened: Opened, domain: str, account: str, new: bool, use: bool) -> None:
    """List the keys by which a DOMAIN signs its mail.

    To change them: make a pair, publish its records, put it to use, and a week later take the old records away.

    \b
    Example:
      mailrelay domain keys shop.example --new
      mailrelay domain show shop.example
      mailrelay domain keys shop.example --use
    """
    if new and use:
        raise Invalid("keys", "give either --new or --use, not both: the records are to be published in between")
    if new:
        wait(domains.add_keys(opened.installation, account, domain))
    if use:
        wait(domains.use_keys(opened.installation, account, domain))
    _, owned = wait(domains.keys(opened.installation, account, domain))
    output.table([plain.domain_key(each) for each in owned], KEY_COLUMNS)


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


def _show_records(opened: Opened, found: Domain) -> None:
    """A domain with its keys and DNS records; people read the records as lines of a zone file."""
    _, owned = wait(domains.keys(opened.installation, found.account, found.name))
    published = list(signing.records(found.name, owned, opened.place.hostname))
    card = plain.domain(found, opened.owners())
    if output.wants_json():
        card |= {"keys": [plain.domain_key(each) for each in owned], "records": plain.records(published)}
    output.card(card, "\n".join(["\nTo be published in the DNS:", *map(str, published)]))
