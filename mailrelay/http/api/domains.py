"""Sending domains: registering them, what they publish, and what the DNS says about them.

Where nobody asks the DNS, as in a sandbox, a check is 409 and to verify is by word.
"""

from __future__ import annotations

from ...manage import domain_checks, domains, plain, signing
from ...manage.domain_checks import Checked
from ...manage.installation import Installation
from ...manage.rights import require_administrator
from ...policy.domain_check import Relay
from ..members import Owned
from ..operation import Asked, Operation, operation
from ..problem import Problem
from .domain_models import CheckedDomain, Domain, DomainCard, Force, NewDomain, Rotation
from .owners import owners

TAG = "domains"
READ, WRITE = "domains:read", "domains:write"
Plain = plain.Plain

_NOBODY = Relay("localhost", "bounces.localhost")
_NO_DNS = {409: "This installation asks no DNS."}


@operation("GET", "/domains", TAG, READ, list[Domain], query=Owned)
async def domain_list(asked: Asked[Owned, None]) -> list[Plain]:
    """The sending domains of an account, or all."""
    named = await owners(asked.installation)
    return [plain.domain(each, named) for each in await domains.every(asked.installation, asked.query.account)]


@operation("POST", "/domains", TAG, WRITE, DomainCard, 201, query=Owned, body=NewDomain)
async def domain_add(asked: Asked[Owned, NewDomain]) -> Plain:
    """Register a domain, with keys of its own.

    The answer tells what to publish. Only an administrator may say that it is verified.
    """
    body = asked.body
    if body.verified:
        require_administrator(asked.installation.caller, "verify a domain by word")
    account = asked.query.account or body.account
    made = await domains.add(asked.installation, account, body.domain, verified=body.verified)
    return await _card(asked.installation, made.account, made.name)


@operation("GET", "/domains/{domain}", TAG, READ, DomainCard, query=Owned)
async def domain_show(asked: Asked[Owned, None]) -> Plain:
    """One domain with its keys and what it is to publish."""
    return await _card(asked.installation, asked.query.account, asked.path["domain"])


async def _card(installation: Installation, account: str, name: str) -> Plain:
    found, owned = await domains.keys(installation, account, name)
    told = {
        "keys": [plain.domain_key(each) for each in owned],
        "records": plain.records(signing.records(found.name, owned, (installation.relay or _NOBODY).hostname)),
    }
    return plain.domain(found, await owners(installation)) | told


@operation("DELETE", "/domains/{domain}", TAG, WRITE, None, 204, query=Owned)
async def domain_remove(asked: Asked[Owned, None]) -> None:
    """Forget a domain with its keys and the senders on it, unless a connection sends from it."""
    await domains.remove(asked.installation, asked.query.account, asked.path["domain"])


@operation("GET", "/domains/{domain}/check", TAG, READ, CheckedDomain, query=Owned, also=_NO_DNS)
async def domain_check(asked: Asked[Owned, None]) -> Plain:
    """Ask the DNS what a domain publishes, and change nothing."""
    found = await _checked(asked.installation, asked.query.account, asked.path["domain"])
    return await _told(asked.installation, found)


@operation(
    "POST", "/domains/{domain}/verify", TAG, WRITE, CheckedDomain, query=Owned, body=Force,
    also={409: "It cannot be verified; `findings` say why."},
)  # fmt: skip
async def domain_verify(asked: Asked[Owned, Force]) -> Plain:
    """Verify a domain by what the DNS says, or by an administrator's word.

    An installation that asks no DNS verifies by word.
    """
    installation, account, name = asked.installation, asked.query.account, asked.path["domain"]
    if asked.body.force or installation.resolver is None:
        require_administrator(installation.caller, "verify a domain by word")
        found = await domains.set_verified(installation, account, name, True)
        return plain.domain(found, await owners(installation))
    if installation.relay is None:
        raise Problem(409, "this installation asks no DNS")
    try:
        proven = await domain_checks.verify(installation, installation.resolver, installation.relay, account, name)
    except domain_checks.Unverified as error:
        missing = [plain.finding(each) for each in error.checked.findings if each.required and not each.ok]
        raise Problem(409, f"{error.checked.domain.name} cannot be verified", more={"findings": missing}) from error
    return await _told(installation, proven)


@operation("POST", "/domains/{domain}/unverify", TAG, WRITE, Domain, query=Owned)
async def domain_unverify(asked: Asked[Owned, None]) -> Plain:
    """Take back that a domain is verified: its mail is refused."""
    found = await domains.set_verified(asked.installation, asked.query.account, asked.path["domain"], False)
    return plain.domain(found, await owners(asked.installation))


@operation("POST", "/domains/{domain}/rotate", TAG, WRITE, Rotation, query=Owned)
async def domain_rotate(asked: Asked[Owned, None]) -> Plain:
    """Go on with changing a domain's keys: make new ones, then use them, then forget the old ones.

    Each call goes one step as far as the DNS allows it; `step` says which.
    """
    installation, name = asked.installation, asked.path["domain"]
    relay = installation.relay or _NOBODY
    done = await domain_checks.rotate(installation, installation.resolver, relay, asked.query.account, name)
    records = [each for each in signing.records(name, done.keys, relay.hostname) if each.purpose == "dkim"]
    return {
        "step": done.step,
        "keys": [plain.domain_key(each) for each in done.keys],
        "records": plain.records(records),
        "findings": [plain.finding(each) for each in done.findings],
    }


async def _checked(installation: Installation, account: str, name: str) -> Checked:
    if installation.resolver is None or installation.relay is None:
        await domains.keys(installation, account, name)
        raise Problem(409, "this installation asks no DNS")
    return await domain_checks.check(installation, installation.resolver, installation.relay, account, name)


async def _told(installation: Installation, found: Checked) -> Plain:
    rows = [plain.finding(each) for each in found.findings]
    return plain.domain(found.domain, await owners(installation)) | {"publishes": found.verified, "findings": rows}


OPERATIONS: tuple[Operation, ...] = (
    domain_list,
    domain_add,
    domain_show,
    domain_remove,
    domain_check,
    domain_verify,
    domain_unverify,
    domain_rotate,
)
