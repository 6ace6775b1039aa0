"""Sending domains and sender addresses of an account.

A domain is registered first, with keys to sign by, and verified later; addresses may be made senders on any registered
domain. A verdict about a domain is a person's here: nothing in this module asks the DNS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..interfaces import registry as registry_border
from ..interfaces.registry import Account, Domain, DomainKey, Sender
from . import checked, names, signing
from .audited import audited
from .errors import Invalid, Taken, Unknown
from .installation import Installation, use_case
from .rights import administrators_only, require_administrator


@audited("domain.add")
async def add(installation: Installation, account: str, domain: str, *, verified: bool = False) -> Domain:
    """Register a domain with an account, and make the keys by which it signs from then on."""
    if verified:
        require_administrator(installation.caller, "say that a domain is verified")
    key = checked.domain("domain", domain)
    owner = await names.account(installation.registry, account)
    if any(each.name == key for each in await installation.registry.domains(owner.id)):
        raise Taken("domain", key)
    made = Domain(owner.id, key, "verified" if verified else "unverified", installation.now())
    await installation.registry.put_domain(made, await signing.new_pair(installation, owner.id, key, active=True))
    return made


@use_case
async def keys(installation: Installation, account: str, domain: str) -> tuple[Domain, Sequence[DomainKey]]:
    """A domain and its keys, oldest first; without an account it must belong to one only."""
    found = await _find(installation, account, domain)
    return found, await _keys(installation, found)


@audited("domain.add-keys")
async def add_keys(installation: Installation, account: str, domain: str) -> Domain:
    """Make a pair of keys for a domain. It waits for `use_keys`, unless the domain has no key that signs."""
    found = await _find(installation, account, domain)
    signs = any(each.active for each in await _keys(installation, found))
    made = await signing.new_pair(installation, found.account, found.name, active=not signs)
    await installation.registry.put_domain(found, made)
    return found


@audited("domain.use-keys")
async def use_keys(installation: Installation, account: str, domain: str) -> Domain:
    """Sign by the newest pair of a domain from now on, and by no other."""
    found = await _find(installation, account, domain)
    owned = await _keys(installation, found)
    if not owned:
        raise Invalid("domain", f"{found.name!r} has no keys")
    newest = owned[-1].created_at
    await installation.registry.put_domain(found, [replace(each, active=each.created_at == newest) for each in owned])
    return found


@audited("domain.provide-keys")
@administrators_only
async def provide_keys(installation: Installation) -> Sequence[Domain]:
    """Make keys for every domain that never had any, as those of before there were keys; fires with these domains."""
    provided = {(each.account, each.domain) for each in await installation.registry.domain_keys()}
    bare = [each for each in await installation.registry.domains() if (each.account, each.name) not in provided]
    for each in bare:
        pair = await signing.new_pair(installation, each.account, each.name, active=True)
        await installation.registry.put_domain(each, pair)
    return bare


@use_case
async def every(installation: Installation, account: str = "") -> Sequence[Domain]:
    """The domains of an account, or of all."""
    return await installation.registry.domains(await names.account_id(installation.registry, account))


@audited("domain.verify-by-word")
@administrators_only
async def set_verified(installation: Installation, account: str, domain: str, verified: bool) -> Domain:
    """Say whether a domain is proven to be the account's; without an account it must belong to one only."""
    found = await _find(installation, account, domain)
    changed = replace(found, status="verified" if verified else "unverified", proof="", drifted_at=0)
    await installation.registry.put_domain(changed)
    return changed


@audited("domain.remove")
async def remove(installation: Installation, account: str, domain: str) -> Domain:
    """Forget a domain with its keys and the senders on it, unless a connection sends from it. Mail that still waits
    leaves without its signature."""
    found = await _find(installation, account, domain)
    for each in await installation.registry.connections(found.account):
        if checked.mailbox("sender", each.sender).domain == found.name:
            raise Invalid(
                "domain", f"the connection {each.name!r} sends as {each.sender}: give it another sender first"
            )
    await installation.registry.remove_domain(found.account, found.name)
    return found


@audited("sender.add")
async def add_sender(installation: Installation, account: str, address: str) -> Sender:
    """Make an address on a registered domain a sender of the account."""
    owner = await names.account(installation.registry, account)
    mailbox = await names.sender(installation.registry, owner, address)
    made = Sender(owner.id, mailbox.address, installation.now(), mailbox.key)
    try:
        await installation.registry.add_sender(made)
    except registry_border.Taken as error:
        raise Taken("sender", made.address) from error
    return made


@use_case
async def senders(installation: Installation, account: str = "") -> Sequence[Sender]:
    """The senders of an account, or of all."""
    return await installation.registry.senders(await names.account_id(installation.registry, account))


@audited("sender.remove")
async def remove_sender(installation: Installation, account: str, address: str) -> None:
    """An address is no sender of the account any more; connections keep the sender they have."""
    owner = await names.account(installation.registry, account)
    key = checked.mailbox("sender", address).key
    for each in await installation.registry.senders(owner.id):
        if checked.mailbox("sender", each.address).key == key:
            return await installation.registry.remove_sender(owner.id, each.address)
    raise Unknown("sender", address)


async def ensure_sender(installation: Installation, owner: Account, address: str) -> str:
    """The address as a sender of the account, made one on the way when its domain is registered."""
    mailbox = await names.sender(installation.registry, owner, address)
    for each in await installation.registry.senders(owner.id):
        if checked.mailbox("sender", each.address).key == mailbox.key:
            return each.address
    await installation.registry.add_sender(Sender(owner.id, mailbox.address, installation.now(), mailbox.key))
    return mailbox.address


async def _keys(installation: Installation, domain: Domain) -> list[DomainKey]:
    return [each for each in await installation.registry.domain_keys(domain.account) if each.domain == domain.name]


async def _find(installation: Installation, account: str, domain: str) -> Domain:
    if account:
        return await names.domain(installation.registry, await names.account(installation.registry, account), domain)
    key = checked.domain("domain", domain)
    found = [each for each in await installation.registry.domains("") if each.name == key]
    if not found:
        raise Unknown("domain", key)
    if len(found) > 1:
        raise Invalid("domain", f"{key!r} belongs to several accounts: name one")
    return found[0]
