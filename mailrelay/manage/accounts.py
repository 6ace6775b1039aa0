"""Accounts and what they may still send.

An account is a tenant; its balance counts sends. Every movement is an entry of the ledger, made by the registry in one
transaction; nothing here lets the available balance fall below zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..interfaces import registry as registry_border
from ..interfaces.registry import Account
from . import checked, names
from .audited import audited
from .errors import Invalid, Taken
from .installation import Installation, use_case
from .rights import administrators_only, require_administrator

#: More would let one account wait for minutes while another has its turn.
MAX_WEIGHT = 100


@audited("account.create")
@administrators_only
async def create(installation: Installation, name: str, balance: int = 0) -> Account:
    """A new account with an opening balance of that many sends."""
    name = checked.name("account", name)
    balance = checked.number("balance", balance, 0)
    taken = {spelling for each in await installation.registry.accounts() for spelling in (each.id, each.name)}
    if name in taken:
        raise Taken("account", name)
    made = Account(installation.new_id(), name, balance, 0, installation.now())
    try:
        await installation.registry.add_account(made)
    except registry_border.Taken as error:
        raise Taken("account", name) from error
    return made


@use_case
async def every(installation: Installation) -> Sequence[Account]:
    """All accounts, oldest first."""
    return await installation.registry.accounts()


@use_case
async def find(installation: Installation, name: str) -> Account:
    """One account by id or name."""
    return await names.account(installation.registry, name)


@audited("account.change")
async def change(installation: Installation, name: str, settings: Mapping[str, str]) -> Account:
    """Set what an account is among the others: `weight`, how much of its mail goes out for each of another's whose
    weight is 1, and `zone`, the time zone in which its days begin, such as Europe/Moscow."""
    changes: dict[str, object] = {}
    for option, text in settings.items():
        if option == "weight":
            require_administrator(installation.caller, "change the weight of an account")
            changes[option] = checked.number(option, checked.whole(option, text), 1, MAX_WEIGHT)
        elif option == "zone":
            changes[option] = checked.zone(option, text)
        else:
            raise Invalid("option", f"{option!r} is none of weight, zone")
    if not changes:
        raise Invalid("option", "none is given")
    account = await names.account(installation.registry, name)
    return await installation.registry.change_account(account.id, changes)


@audited("account.top-up")
@administrators_only
async def top_up(installation: Installation, name: str, sends: int, note: str = "") -> Account:
    """Add sends to what an account may still send."""
    sends = checked.number("amount", sends, 1)
    note = checked.printable("note", note, checked.MAX_NAME)
    account = await names.account(installation.registry, name)
    checked.number("balance", account.balance + sends, 0)
    return await installation.registry.move_balance(account.id, sends, "topup", note, installation.now())


@audited("account.set-balance")
@administrators_only
async def set_balance(installation: Installation, name: str, sends: int, note: str = "") -> Account:
    """Let an account have exactly that many sends available, besides those reserved."""
    sends = checked.number("balance", sends, 0)
    note = checked.printable("note", note, checked.MAX_NAME)
    account = await names.account(installation.registry, name)
    try:
        return await installation.registry.set_balance(account.id, sends, note, installation.now())
    except ValueError as error:
        raise Invalid("balance", "would fall below what is reserved") from error
