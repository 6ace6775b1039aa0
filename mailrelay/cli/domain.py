"""Commands about sending domains."""

from __future__ import annotations

import click

from ..interfaces.registry import Domain
from ..manage import Invalid, domain_checks, domains, plain, signing
from ..manage.domain_checks import Checked
from . import output
from .asking import WaitingResolver, relay_of
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


@domain.command()
@click.argument("domain")
@_account
@installed
def rotate(opened: Opened, domain: str, account: str) -> None:
    """Change the keys of a DOMAIN, a step at a time: first a new pair to be published is made; given again, the DNS is
    asked, and mail is signed by the new pair once all of it stands there (status 1 before).

    \b
    Example:
      mailrelay domain rotate shop.example     # publish what it prints
      mailrelay domain rotate shop.example     # later: sign by it
    """
    resolver = WaitingResolver(opened.place) if opened.place.config is not None else None
    done = wait(domain_checks.rotate(opened.installation, resolver, relay_of(opened.place), account, domain))
    published = list(signing.records(done.domain.name, done.keys, opened.place.hostname))
    records = [each for each in published if each.purpose == "dkim"]
    rows = [plain.finding(each) for each in done.findings]
    if output.wants_json():
        keys = [plain.domain_key(each) for each in done.keys]
        output.as_json({"step": done.step, "keys": keys, "records": plain.records(records), "findings": rows})
    else:
        print(_STEPS[done.step])
        if rows:
            output.table(rows, ("name", "verdict", "words"))
        output.table([plain.domain_key(each) for each in done.keys], KEY_COLUMNS, "Keys")
        if done.step != "used":
            print("\n".join(["\nTo be published in the DNS:", *map(str, records)]))
    if done.step == "waiting":
        click.get_current_context().exit(1)


_STEPS = {
    "made": "A new pair of keys is made and waits: publish its records, and give the command again.",
    "waiting": "The new pair still waits: its records are not in the DNS, or not everywhere.",
    "used": "Mail is signed by the new pair from now on; the old records may go in a week.",
}


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
def check(opened: Opened, domain: str, account: str) -> None:
    """Ask the DNS what a DOMAIN publishes, and say what is missing; status 1 while it cannot be verified.

    SPF, DKIM and DMARC are required; the return path and MX are warnings.
    """
    resolver, relay = WaitingResolver(opened.place), relay_of(opened.place)
    _show_checked(opened, wait(domain_checks.check(opened.installation, resolver, relay, account, domain)))


@domain.command()
@click.argument("domain")
@_account
@click.option("--force", is_flag=True, help="By your word, whatever the DNS says; it is not looked at again then.")
@installed
def verify(opened: Opened, domain: str, account: str, force: bool) -> None:
    """Verify a DOMAIN by what it publishes in the DNS (see `domain check`), or by an administrator's word.

    An installation without a configuration, such as a sandbox, asks nobody: there your word is enough.
    """
    if force or opened.place.config is None:
        return _show(opened, wait(domains.set_verified(opened.installation, account, domain, True)))
    resolver = WaitingResolver(opened.place)
    checked = wait(domain_checks.verify(opened.installation, resolver, relay_of(opened.place), account, domain))
    _show(opened, checked.domain)


@domain.command()
@click.argument("domain")
@_account
@installed
def unverify(opened: Opened, domain: str, account: str) -> None:
    """Take that back: mail from the DOMAIN is refused."""
    _show(opened, wait(domains.set_verified(opened.installation, account, domain, False)))


@domain.command()
@click.argument("domain")
@_account
@installed
def remove(opened: Opened, domain: str, account: str) -> None:
    """Forget a DOMAIN with its keys and the senders on it; not while a connection sends from it."""
    found = wait(domains.remove(opened.installation, account, domain))
    output.done(f"Removed {found.name}.", {"removed": found.name})


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


def _show_checked(opened: Opened, checked: Checked) -> None:
    rows = [plain.finding(each) for each in checked.findings]
    card = plain.domain(checked.domain, opened.owners()) | {"publishes": checked.verified}
    if output.wants_json():
        output.as_json(card | {"findings": rows})
    else:
        output.card(card)
        output.table(rows, ("purpose", "verdict", "required", "words"), "What the DNS says")
        if records := [each.record for each in checked.findings if each.record]:
            print("\n".join(["\nTo be published in the DNS:", *records]))
    if not checked.verified:
        click.get_current_context().exit(1)
