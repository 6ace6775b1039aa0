"""Accounts, connections, domains, senders and suppressions as one account sees them: its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from ...interfaces.registry import (
    Account,
    Connection,
    Domain,
    DomainKey,
    Imported,
    IRegistry,
    NewCredential,
    Searched,
    Sender,
    Suppression,
)
from ...policy import link_keys
from ..errors import Forbidden
from ..settings import RECALLED
from .base import Narrowed, answers

#: Settings of the installation that are read, and moved, on the way of what an account may do.
_READ = frozenset({link_keys.SETTING})
_MOVED = frozenset({RECALLED})


class OwnRegistry(Narrowed[IRegistry]):
    """`IRegistry` of one account."""

    CLOSED: ClassVar[Mapping[str, str]] = {"add_account": "an account makes no others"}

    @property
    def only(self) -> str:
        return self._account

    @answers
    async def accounts(self) -> Sequence[Account]:
        return [each for each in await self._whole.accounts() if each.id == self._account]

    @answers
    async def change_account(self, account: str, changes: Mapping[str, object]) -> Account:
        self._require(account)
        return await self._whole.change_account(account, changes)

    @answers
    async def move_balance(self, account: str, amount: int, kind: str, note: str, now: int) -> Account:
        self._require(account)
        return await self._whole.move_balance(account, amount, kind, note, now)

    @answers
    async def set_balance(self, account: str, balance: int, note: str, now: int) -> Account:
        self._require(account)
        return await self._whole.set_balance(account, balance, note, now)

    @answers
    async def connections(self, account: str = "") -> Sequence[Connection]:
        return await self._whole.connections(self._account) if self._own(account) else ()

    @answers
    async def holders(self, digest: str) -> Sequence[Connection]:
        return [each for each in await self._whole.holders(digest) if each.account == self._account]

    @answers
    async def add_connection(self, connection: Connection) -> None:
        self._require(connection.account)
        await self._whole.add_connection(connection)

    @answers
    async def change_connection(self, id: str, changes: Mapping[str, object]) -> Connection:
        await self._own_connection(id)
        return await self._whole.change_connection(id, changes)

    @answers
    async def replace_credential(self, connection: str, credential: NewCredential) -> None:
        await self._own_connection(connection)
        for each in await self._whole.connections():
            if each.id != connection and any(kept.id == credential.id for kept in each.credentials):
                raise KeyError(credential.id)
        await self._whole.replace_credential(connection, credential)

    @answers
    async def remove_credential(self, connection: str, id: str) -> None:
        await self._own_connection(connection)
        await self._whole.remove_credential(connection, id)

    async def _own_connection(self, id: str) -> None:
        if all(each.id != id for each in await self._whole.connections(self._account)):
            raise KeyError(id)

    @answers
    async def domains(self, account: str = "") -> Sequence[Domain]:
        return await self._whole.domains(self._account) if self._own(account) else ()

    @answers
    async def put_domain(self, domain: Domain, keys: Sequence[DomainKey] = ()) -> None:
        for account in (domain.account, *(each.account for each in keys)):
            self._require(account)
        await self._whole.put_domain(domain, keys)

    @answers
    async def remove_domain(self, account: str, name: str) -> None:
        self._require(account)
        await self._whole.remove_domain(account, name)

    @answers
    async def domain_keys(self, account: str = "") -> Sequence[DomainKey]:
        return await self._whole.domain_keys(self._account) if self._own(account) else ()

    @answers
    async def senders(self, account: str = "") -> Sequence[Sender]:
        return await self._whole.senders(self._account) if self._own(account) else ()

    @answers
    async def add_sender(self, sender: Sender) -> None:
        self._require(sender.account)
        await self._whole.add_sender(sender)

    @answers
    async def confirm_sender(self, account: str, address: str) -> None:
        self._require(account)
        await self._whole.confirm_sender(account, address)

    @answers
    async def remove_sender(self, account: str, address: str) -> None:
        self._require(account)
        await self._whole.remove_sender(account, address)

    @answers
    async def suppressions(self, account: str = "") -> Sequence[Suppression]:
        return await self._whole.suppressions(self._account) if self._own(account) else ()

    @answers
    async def add_suppression(self, suppression: Suppression) -> None:
        self._require(suppression.account)
        await self._whole.add_suppression(suppression)

    @answers
    async def put_suppressions(self, suppressions: Sequence[Suppression]) -> None:
        for each in suppressions:
            self._require(each.account)
        await self._whole.put_suppressions(suppressions)

    @answers
    async def add_suppressions(self, suppressions: Sequence[Suppression], now: int) -> Sequence[str]:
        for each in suppressions:
            self._require(each.account)
        return await self._whole.add_suppressions(suppressions, now)

    @answers
    async def search_suppressions(self, wanted: Searched, limit: int) -> Sequence[Suppression]:
        if not self._own(wanted.account):
            return ()
        return await self._whole.search_suppressions(replace(wanted, account=self._account), limit)

    @answers
    async def suppression_imports(self, account: str, limit: int) -> Sequence[Imported]:
        return await self._whole.suppression_imports(self._account, limit) if self._own(account) else ()

    @answers
    async def undo_suppressions(self, account: str, reason: str, origin: str, since: int, until: int) -> int:
        self._require(account)
        return await self._whole.undo_suppressions(account, reason, origin, since, until)

    @answers
    async def remove_suppression(self, account: str, key: str) -> None:
        self._require(account)
        await self._whole.remove_suppression(account, key)

    @answers
    async def setting(self, key: str) -> str:
        if key not in _READ:
            raise Forbidden("a setting of the whole installation is shown to administrators only")
        return await self._whole.setting(key)

    @answers
    async def put_setting(self, key: str, value: str) -> None:
        if key not in _MOVED:
            raise Forbidden("a setting of the whole installation is moved by administrators only")
        await self._whole.put_setting(key, value)
