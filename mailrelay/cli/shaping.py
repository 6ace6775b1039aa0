"""Commands about shaping: which rule holds for a receiver, and whether a file of one's own holds."""

from __future__ import annotations

from pathlib import Path

import click

from ..manage import Invalid, plain
from ..manage.shaping import known as rules_known
from ..policy import shaping as rules
from ..policy.shaping import Rule, Shaping
from . import output
from .frame import Group
from .opening import NoInstallation, Place, place

COLUMNS = ("name", "connections", "start", "messages", "rate", "mx")
SECONDS = 10.0  #: that name servers have for an answer


@click.group(cls=Group)
def shaping() -> None:
    """How mail to the large receivers is shaped: how many connections, how fast, and what refusals lead to."""


@shaping.command()
@click.argument("receiver", default="")
def show(receiver: str) -> None:
    """Show the rule that holds for a RECEIVER: a provider by name, a mail host, or a domain, whose mail hosts are
    looked up; without one, all providers.

    \b
    Examples:
      mailrelay shaping show
      mailrelay shaping show google
      mailrelay shaping show shop.example
    """
    found = _place()
    known = found.shaping if found else rules.installed(None)
    if not receiver:
        return output.table([plain.shaping(each) for each in known.rules.values()], COLUMNS)
    rule, host = _rule(known, receiver.lower().rpartition("@")[2], found)
    shown = plain.shaping(rule) | ({"host": host} if host else {})
    if output.wants_json():
        return output.as_json(shown)
    replies = shown.pop("replies")
    output.card(shown)
    assert isinstance(replies, list)
    output.table(replies, ("codes", "text", "action"), "Replies")


@shaping.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check(file: Path) -> None:
    """Say everything that is wrong with a FILE of rules of one's own, a line for each fault.

    \b
    Example:
      mailrelay shaping check ./shaping.toml
    """
    found = rules.installed(file)
    output.done(f"{file}: ok", {"ok": True, "providers": [*found.rules]})


def _place() -> Place | None:
    try:
        return place()
    except NoInstallation:
        return None


def _rule(known: Shaping, receiver: str, found: Place | None) -> tuple[Rule, str]:
    """The rule for a receiver, and the mail host that leads to it where one was looked up."""
    rule = rules_known(known, receiver)
    if rule is not None:
        return rule, ""
    host = _exchange(receiver, found)
    return known.of_host(host), host


def _exchange(domain: str, found: Place | None) -> str:
    """The most preferred mail host of a domain, as the name servers of the installation know it."""
    import dns.exception
    import dns.resolver

    given = found.config.resolver if found and found.config else None
    try:
        asking = dns.resolver.Resolver(configure=not (given and given.servers))
        if given and given.servers:
            asking.nameservers, asking.port = [*given.servers], given.port
        records = asking.resolve(domain, "MX", lifetime=SECONDS)
    except dns.resolver.NoAnswer:
        return domain
    except dns.exception.DNSException as error:
        raise Invalid("receiver", f"mail hosts of {domain} could not be looked up: {error}") from error
    return str(min(records, key=lambda record: record.preference).exchange).rstrip(".").lower()
