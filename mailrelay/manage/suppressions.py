"""Addresses that an account must not be sent to any more.

An address is compared by its canonical key, so every spelling of one mailbox is the same entry. Nothing here touches
mail that is already queued: suppression is judged again when a delivery is claimed.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..interfaces.registry import Suppression
from . import checked, names
from .errors import Invalid, Unknown
from .installation import Installation, use_case

REASONS = ("unsubscribe", "complaint", "hard_bounce", "manual")


@use_case
async def add(
    installation: Installation, account: str, addresses: Sequence[str], reason: str = "manual", origin: str = ""
) -> Sequence[Suppression]:
    """Suppress addresses, for a reason of `REASONS`; all are checked before the first is kept."""
    if reason not in REASONS:
        raise Invalid("reason", f"{reason!r} is none of {', '.join(REASONS)}")
    owner = await names.account(installation.registry, account)
    mailboxes = [checked.mailbox("address", each) for each in addresses]
    made = [Suppression(owner.id, each.key, each.address, reason, origin, installation.now()) for each in mailboxes]
    for each in made:
        await installation.registry.add_suppression(each)
    return made


@use_case
async def every(installation: Installation, account: str = "") -> Sequence[Suppression]:
    """The suppressed addresses of an account, or of all, newest first."""
    return await installation.registry.suppressions(await names.account_id(installation.registry, account))


@use_case
async def remove(installation: Installation, account: str, addresses: Sequence[str]) -> None:
    """Let addresses be sent to again; all must be suppressed."""
    owner = await names.account(installation.registry, account)
    kept = {each.key for each in await installation.registry.suppressions(owner.id)}
    keys = [(each, checked.mailbox("address", each).key) for each in addresses]
    for address, key in keys:
        if key not in kept:
            raise Unknown("suppression", address)
    for _, key in keys:
        await installation.registry.remove_suppression(owner.id, key)
