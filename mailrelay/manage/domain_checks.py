"""Sending domains against the DNS: a verdict in plain words, verification that stands on it, and the daily look.

A domain that was verified by the DNS is looked at again each day. What is missing then is a *drift*: an event tells it,
and for `GRACE` nothing else happens; if it lasts longer the domain is no longer verified. A domain that was verified by
an administrator's word is theirs to look after.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from twisted.internet.defer import Deferred, gatherResults

from ..interfaces.registry import Domain, DomainKey
from ..interfaces.resolver import IResolver, ResolverFailure
from ..mail.answer import Answer, Kind
from ..mail.envelope import DAY
from ..mail.event import Event
from ..policy import domain_check
from ..policy.domain_check import Finding, PublishedKey, Relay
from . import domains
from .audited import audited
from .errors import Invalid
from .installation import Installation, use_case

EVERY = DAY  #: microseconds between looks at one domain
MOST_ASKED = 300  #: questions about one domain
GRACE = 7 * DAY  #: how long a drift only warns

#: Tells an event of an account, with facts.
Tell = Callable[[Event, str, int, Mapping[str, object]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Checked:
    """A domain and what was found, the required first."""

    domain: Domain
    findings: tuple[Finding, ...]

    @property
    def verified(self) -> bool:
        """Does it publish all that it must?"""
        return domain_check.verified(self.findings)


class Unverified(Invalid):
    """A domain does not publish what it must; `checked` has all that was found."""

    def __init__(self, checked: Checked, missing: str) -> None:
        super().__init__("domain", f"{checked.domain.name} cannot be verified. {missing}")
        self.checked = checked


@use_case
async def check(installation: Installation, resolver: IResolver, relay: Relay, account: str, domain: str) -> Checked:
    """Ask the DNS about a domain; nothing is changed. Without an account it must belong to one only."""
    return await _check(installation, resolver, relay, account, domain)


@audited("domain.verify")
async def verify(installation: Installation, resolver: IResolver, relay: Relay, account: str, domain: str) -> Checked:
    """Verify a domain by the DNS; `Invalid` names all that is missing, and nothing is changed."""
    checked = await _check(installation, resolver, relay, account, domain)
    if not checked.verified:
        missing = [f"{each.purpose}: {each.words}" for each in checked.findings if each.required and not each.ok]
        raise Unverified(checked, " ".join(missing))
    return await proven(installation, checked)


async def proven(installation: Installation, checked: Checked) -> Checked:
    """Verify a domain that publishes all that it must."""
    now = installation.now()
    domain = replace(checked.domain, status="verified", proof="dns", checked_at=now, drifted_at=0)
    await installation.registry.put_domain(domain)
    return replace(checked, domain=domain)


@dataclass(frozen=True, slots=True)
class Rotation:
    """A change of keys: what was done in this step, "made" a new pair, "used" it, or "waiting" for its records; `keys`
    are the domain's, the new pair last, and `findings` about the new pair where DNS was asked."""

    step: str
    domain: Domain
    keys: Sequence[DomainKey]
    findings: tuple[Finding, ...] = ()


@audited("domain.rotate")
async def rotate(
    installation: Installation, resolver: IResolver | None, relay: Relay, account: str, domain: str
) -> Rotation:
    """Go on with changing the keys of a domain: make a new pair where none waits, and else sign by it, once its records
    stand in the DNS. Without a resolver nobody is asked."""
    found, owned = await domains.keys(installation, account, domain)
    active = max((each.created_at for each in owned if each.active), default=0)
    fresh = [each for each in owned if not each.active and each.created_at > active]
    findings: tuple[Finding, ...] = ()
    if not fresh:
        step = "made"
        await domains.add_keys(installation, found.account, found.name)
    else:
        step = "used"
        if resolver is not None:
            checked = await _check(installation, resolver, relay, found.account, found.name, by_id=found)
            selectors = {f"{each.selector}._domainkey.{found.name}" for each in fresh}
            findings = tuple(each for each in checked.findings if each.name in selectors)
            step = "used" if all(each.ok for each in findings) else "waiting"
        if step == "used":
            await domains.use_keys(installation, found.account, found.name)
    every = [each for each in await installation.registry.domain_keys(found.account) if each.domain == found.name]
    return Rotation(step, found, every, findings)


async def look_again(installation: Installation, resolver: IResolver, relay: Relay, tell: Tell) -> int:
    """A chore: look at the domains whose turn it is; gives how many have drifted."""
    drifted = 0
    for domain in await installation.registry.domains(""):
        now = installation.now()
        if domain.status != "verified" or domain.proof != "dns" or domain.checked_at > now - EVERY:
            continue
        checked = await _check(installation, resolver, relay, domain.account, domain.name, by_id=domain)
        if domain_check.undecided(checked.findings):
            continue
        seen = replace(domain, checked_at=now, drifted_at=0 if checked.verified else domain.drifted_at or now)
        if not checked.verified:
            drifted += 1
            if now - seen.drifted_at >= GRACE:
                seen = replace(seen, status="unverified")
            if not domain.drifted_at or seen.status != domain.status:
                await tell(Event.DOMAIN_DRIFT, domain.account, now, _facts(seen, checked.findings))
        await installation.registry.put_domain(seen)
    return drifted


def _facts(domain: Domain, findings: Sequence[Finding]) -> dict[str, object]:
    return {
        "domain": domain.name,
        "status": domain.status,
        "missing": [each.purpose for each in findings if each.required and not each.ok],
        "words": " ".join(each.words for each in findings if each.required and not each.ok),
    }


async def _check(
    installation: Installation,
    resolver: IResolver,
    relay: Relay,
    account: str,
    domain: str,
    by_id: Domain | None = None,
) -> Checked:
    if by_id is None:
        found, owned = await domains.keys(installation, account, domain)
    else:
        keys = await installation.registry.domain_keys(by_id.account)
        found, owned = by_id, [each for each in keys if each.domain == by_id.name]
    signing_since = min((each.created_at for each in owned if each.active), default=0)
    keys_ = [
        PublishedKey(
            each.selector, each.dns_text, each.active, retired=not each.active and each.created_at < signing_since
        )
        for each in owned
    ]
    seen: dict[tuple[str, Kind], Answer] = {}
    asked = list(dict.fromkeys(domain_check.names(found.name, keys_, relay)))
    # wherever SPF leads, as far as receivers follow it
    while asked and len(seen) < MOST_ASKED:
        answers = await gatherResults([_ask(resolver, name, kind) for name, kind in asked])
        seen |= dict(zip(asked, answers, strict=True))
        asked = domain_check.more(found.name, relay, seen)
    return Checked(found, tuple(domain_check.check(found.name, keys_, relay, seen)))


def _ask(resolver: IResolver, name: str, kind: Kind) -> Deferred[Answer]:
    def failed(failure: object) -> Answer:
        failure.trap(ResolverFailure)  # type: ignore[attr-defined]
        return Answer(rcode="SERVFAIL")

    answer: Deferred[Answer] = resolver.resolve(name, kind)
    return answer.addErrback(failed)
