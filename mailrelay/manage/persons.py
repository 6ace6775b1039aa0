"""Forgetting one person, as the law may ask of an account, with a receipt of what was done."""

from __future__ import annotations

from collections.abc import Sequence

from ..interfaces.erasure import Receipt
from . import checked, names
from .audited import audited
from .installation import Installation, use_case


@audited("person.erase")
async def erase(installation: Installation, account: str, address: str) -> Receipt:
    """Let an account forget an address: see `interfaces.erasure`."""
    mailbox = checked.mailbox("address", address)
    owner = await names.account(installation.registry, account)
    return await installation.erasure.erase(owner.id, mailbox.key, mailbox.address, installation.now())


@use_case
async def receipts(installation: Installation, account: str = "") -> Sequence[Receipt]:
    """What was erased, of one account or of all, the newest first."""
    return await installation.erasure.receipts(await names.account_id(installation.registry, account))
