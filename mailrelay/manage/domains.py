"""Sending domains and sender addresses of an account.

A domain is registered first and verified later; addresses may be made senders on any registered domain. A verdict about
a domain is a person's here: nothing in this module asks the DNS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..interfaces import registry as registry_border
from ..interfaces.registry import Account, Domain, Sender
from . import checked, names
from .errors import Invalid, Taken, Unknown
from .installation import Installation, use_case


@use_case
async def add(installation: Installation, account: str, domain: str, *, verified: bool = False) -> Domain:
    """Register a domain with an account."""
    key = checked.domain("domain", domain)
    owner = await names.account(installation.registry, account)
    if any(each.name == key for each in await installation.registry.domains(owner.id)):
        raise Taken("domain", key)
    made = Domain(owner.id, key, "verified" if verified else "unverified", installation.now())
    await installation.registry.put_domain(made)
    return made


@use_case
async def every(installation: Installation, account: str = "") -> Sequence[Domain]:
    """The domains of an account, or of all."""
    return await installation.registry.domains(await names.account_id(installation.registry, account))


@use_case
async def set_verified(installation: Installation, account: str, domain: str, verified: bool) -> Domain:
    """Say whether a domain is proven to be the account's; without an account it must belong to one only."""
    found = await _find(installation, account, domain)
    changed = replace(found, status="verified" if verified else "unverified")
    await installation.registry.put_domain(changed)
    return changed


@use_case
async def add_sender(installation: Installation, account: str, address: str) -> Sender:
    """Make an address on a registered domain a sender of the account."""
    owner = await names.account(installation.registry, account)
    made = Sender(owner.id, (await names.sender(installation.registry, owner, address)).address, installation.now())
    try:
        await installation.registry.add_sender(made)
    except registry_border.Taken as error:
        raise Taken("sender", made.address) from error
    return made


@use_case
async def senders(installation: Installation, account: str = "") -> Sequence[Sender]:
    """The senders of an account, or of all."""
    return await installation.registry.senders(await names.account_id(installation.registry, account))


@use_case
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
    await installation.registry.add_sender(Sender(owner.id, mailbox.address, installation.now()))
    return mailbox.address


async def _find(installation: Installation, account: str, domain: str) -> Domain:
    key = checked.domain("domain", domain)
    if account:
        return await names.domain(installation.registry, await names.account(installation.registry, account), domain)
    found = [each for each in await installation.registry.domains("") if each.name == key]
    if not found:
        raise Unknown("domain", key)
    if len(found) > 1:
        raise Invalid("domain", f"{key!r} belongs to several accounts: name one")
    return found[0]
