"""From the name that a person gives to the thing that is meant.

Accounts and connections answer to their id or to their name, a connection to ``account/name``, too; a name that fits
two connections is refused rather than guessed. A domain must belong to the account it is used with.
"""

from __future__ import annotations

from ..interfaces.registry import Account, Connection, Domain, IRegistry
from ..mail.address import Mailbox
from . import checked
from .errors import Invalid, Unknown


async def account(registry: IRegistry, name: str) -> Account:
    """The account of that id or name; "" means the only one there is."""
    everyone = await registry.accounts()
    if not name and everyone:
        if len(everyone) > 1:
            raise Invalid("account", "there are several: name one")
        return everyone[0]
    for each in everyone:
        if name in (each.id, each.name):
            return each
    if not name:
        raise Invalid("account", "there is none yet: create one")
    raise Unknown("account", name)


async def account_id(registry: IRegistry, name: str) -> str:
    """The id of an account; for "" that of the only one that is seen, or else "" (all accounts)."""
    return (await account(registry, name)).id if name else str(registry.only)


async def connection(registry: IRegistry, name: str, account: str = "") -> Connection:
    """The connection of that id, name, or ``account/name``; `account` (an id) narrows the choice."""
    everyone = await registry.connections(account)
    owners = {each.id: each.name for each in await registry.accounts()}
    found = [each for each in everyone if name in (each.id, each.name, f"{owners.get(each.account, '')}/{each.name}")]
    if not found:
        raise Unknown("connection", name)
    exact = [each for each in found if each.id == name]
    if len(found) > 1 and not exact:
        names = ", ".join(f"{owners.get(each.account, each.account)}/{each.name}" for each in found)
        raise Invalid("connection", f"{name!r} is the name of several: give one of {names}, or an id")
    return (exact or found)[0]


async def domain(registry: IRegistry, account: Account, text: str) -> Domain:
    """The sending domain of an account."""
    key = checked.domain("domain", text)
    for each in await registry.domains(account.id):
        if each.name == key:
            return each
    raise Unknown("domain", key)


async def sender(registry: IRegistry, account: Account, text: str) -> Mailbox:
    """An address that stands on a domain of the account, verified or not."""
    mailbox = checked.mailbox("sender", text)
    if all(each.name != mailbox.domain for each in await registry.domains(account.id)):
        raise Invalid(
            "sender", f"the domain {mailbox.domain!r} is not a domain of the account {account.name!r}; add it first"
        )
    return mailbox
