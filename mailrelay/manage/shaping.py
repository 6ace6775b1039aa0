"""How mail to the large receivers is shaped: the rules of an installation, and the one that holds for a receiver.

The rules are files (`policy.shaping`), read at the start; nothing here changes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..interfaces.resolver import IResolver, ResolverFailure
from ..mail.answer import MailExchange
from ..policy.shaping import Rule, Shaping
from . import checked
from .errors import Invalid, Unknown
from .installation import Installation, use_case


@dataclass(frozen=True, slots=True)
class Held:
    """The `rule` that holds for a receiver, and the mail host that leads to it where one was looked up."""

    rule: Rule
    host: str = ""


def known(shaping: Shaping, receiver: str) -> Rule | None:
    """The rule for a provider's name or a mail host, in lower case, that is known without asking anybody."""
    if receiver in shaping.rules:
        return shaping.rules[receiver]
    rule = shaping.of_host(receiver)
    if rule is not shaping.default:
        return rule
    if "." not in receiver:
        raise Unknown("provider", receiver)
    return None


@use_case
async def every(installation: Installation) -> Sequence[Rule]:
    """All rules, the default last."""
    return [*installation.shaping.rules.values()]


@use_case
async def find(installation: Installation, receiver: str) -> Held:
    """The rule that holds for a receiver: a provider by name, a mail host, or a domain, whose mail host is looked up
    where there is anything to ask."""
    receiver = receiver.strip().lower().rpartition("@")[2]
    rule = known(installation.shaping, receiver)
    if rule is not None:
        return Held(rule)
    domain = checked.domain("receiver", receiver)
    if installation.resolver is None:
        return Held(installation.shaping.default)
    host = await _exchange(installation.resolver, domain)
    return Held(installation.shaping.of_host(host), host)


async def _exchange(resolver: IResolver, domain: str) -> str:
    """The most preferred mail host of a domain; the domain itself where it names none (RFC 5321 5.1)."""
    try:
        answer = await resolver.resolve(domain, "MX")
    except ResolverFailure as error:
        raise Invalid("receiver", f"mail hosts of {domain} could not be looked up: {error}") from error
    if not answer.known:
        raise Invalid("receiver", f"mail hosts of {domain} could not be looked up: {answer.rcode}")
    found = [each for each in answer.records if isinstance(each, MailExchange)]
    return min(found, key=lambda each: each.preference).exchange if found else domain
