"""The tenants and what is theirs, over a database: `IRegistry`.

Every write is one transaction that checks before it changes. This module resolves no names and judges no policy.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..interfaces.registry import (
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
    Taken,
)
from .accept import clean
from .credentials import put_credential, refuse_if_found, remove_credential
from .jobs import CALL, LOOK_UP
from .plans import moved
from .reader import Reader
from .schema import (
    PENDING,
    accounts,
    connections,
    credentials,
    domain_keys,
    domains,
    recipients,
    senders,
    settings,
)
from .schema import suppressions as suppressed
from .suppressions import add_new, caused_by, delete_some, imports, put_all, search
from .work import Work
from .writer import Writer

_CHANGEABLE = frozenset(
    (
        "name",
        "sender",
        "status",
        "status_reason",
        "networks",
        "rate",
        "rate_period",
        "rate_burst",
        "options",
        "active_since",
    )
)


@implementer(IRegistry)
class Registry:
    """Accounts, connections, credentials, domains, senders, suppressions, switches."""

    only = ""

    def __init__(self, writer: Writer, reader: Reader, new_id: Callable[[], str]) -> None:
        self._writer = writer
        self._reader = reader
        self._new_id = new_id

    def accounts(self) -> Deferred[Sequence[Account]]:
        statement = sa.select(accounts).order_by(accounts.c.created_at, accounts.c.id)
        return self._read(lambda work: [_account(row) for row in work.execute(statement)])

    def add_account(self, account: Account) -> Deferred[None]:
        def add(work: Work) -> None:
            if account.balance < 0:
                raise ValueError("an opening balance below zero")
            same = sa.or_(accounts.c.id == account.id, accounts.c.name == account.name)
            refuse_if_found(work, sa.select(accounts.c.id).where(same), f"account {account.name}")
            work.execute(
                sa.insert(accounts),
                {
                    "id": account.id,
                    "name": clean(account.name),
                    "balance": account.balance,
                    "reserved": 0,
                    "created_at": account.created_at,
                    "weight": account.weight,
                    "zone": account.zone,
                },
            )
            work.enter(account.id, "opening", account.id, account.balance, "", account.created_at)

        return self._writer.ask(CALL, add)

    def change_account(self, account: str, changes: Mapping[str, object]) -> Deferred[Account]:
        statement = sa.update(accounts).where(accounts.c.id == account).values(dict(changes)).returning(accounts)

        def change(work: Work) -> Account:
            found = work.execute(statement).first()
            if found is None:
                raise KeyError(account)
            return _account(found)

        return self._writer.ask(CALL, change)

    def move_balance(self, account: str, amount: int, kind: str, note: str, now: int) -> Deferred[Account]:
        return self._writer.ask(CALL, lambda work: self._move(work, account, amount, kind, note, now))

    def set_balance(self, account: str, balance: int, note: str, now: int) -> Deferred[Account]:
        def set_it(work: Work) -> Account:
            purse = work.purse(account)
            if purse is None:
                raise KeyError(account)
            return self._move(work, account, balance - purse.available, "set", note, now)

        return self._writer.ask(CALL, set_it)

    def _move(self, work: Work, id: str, amount: int, kind: str, note: str, now: int) -> Account:
        purse = work.purse(id)
        if purse is None:
            raise KeyError(id)
        if purse.available + amount < 0:
            raise ValueError(f"{purse.available} sends are available, so {-amount} cannot be taken")
        if abs(purse.balance + amount) >= 1 << 62:
            raise ValueError("a balance this large cannot be kept")
        found = _account(work.execute(sa.select(accounts).where(accounts.c.id == id)).one())
        if amount:
            purse.move(amount)
            moved(work, id, amount)
            work.enter(self._new_id(), kind, id, amount, clean(note), now)
        return replace(found, balance=purse.balance, reserved=purse.reserved)

    def connections(self, account: str = "") -> Deferred[Sequence[Connection]]:
        return self._read(lambda work: _connections(work, connections.c.account == account if account else None))

    def holders(self, digest: str) -> Deferred[Sequence[Connection]]:
        those = sa.select(credentials.c.connection).where(credentials.c.digest == digest)
        return self._read(lambda work: _connections(work, connections.c.id.in_(those)))

    def add_connection(self, connection: Connection) -> Deferred[None]:
        def add(work: Work) -> None:
            _known_account(work, connection.account)
            same = sa.or_(
                connections.c.id == connection.id,
                sa.and_(connections.c.account == connection.account, connections.c.name == connection.name),
            )
            refuse_if_found(work, sa.select(connections.c.id).where(same), f"connection {connection.name}")
            values = {
                name: getattr(connection, name) for name in (*_CHANGEABLE, "id", "account", "dialect", "created_at")
            }
            work.execute(sa.insert(connections), _stored(values))
            for credential in connection.credentials:
                put_credential(work, connection.id, credential)

        return self._writer.ask(CALL, add)

    def change_connection(self, id: str, changes: Mapping[str, object]) -> Deferred[Connection]:
        def change(work: Work) -> Connection:
            unknown = set(changes) - _CHANGEABLE
            if unknown:
                raise ValueError(f"a connection has no {', '.join(sorted(unknown))} to be changed")
            here = connections.c.id == id
            before = _connections(work, here)
            if not before:
                raise KeyError(id)
            if "name" in changes:
                same = sa.and_(connections.c.account == before[0].account, connections.c.name == changes["name"], ~here)
                refuse_if_found(work, sa.select(connections.c.id).where(same), f"connection {changes['name']}")
            if changes:
                work.execute(sa.update(connections).where(here).values(_stored(changes)))
            if changes.get("status") == "active" and before[0].status != "active":
                _let_go_on(work, id)
            return _connections(work, here)[0]

        return self._writer.ask(CALL, change)

    def replace_credential(self, connection: str, credential: NewCredential) -> Deferred[None]:
        def replace(work: Work) -> None:
            if not work.execute(sa.select(connections.c.id).where(connections.c.id == connection)).first():
                raise KeyError(connection)
            owner = remove_credential(work, connection, credential.id)
            if owner not in ("", connection):
                raise Taken(f"credential {credential.id}")
            put_credential(work, connection, credential)

        return self._writer.ask(CALL, replace)

    def remove_credential(self, connection: str, id: str) -> Deferred[None]:
        def remove(work: Work) -> None:
            if remove_credential(work, connection, id) != connection:
                raise KeyError(id)

        return self._writer.ask(CALL, remove)

    def domains(self, account: str = "") -> Deferred[Sequence[Domain]]:
        return self._list(domains, Domain, account, domains.c.created_at, domains.c.name)

    def put_domain(self, domain: Domain, keys: Sequence[DomainKey] = ()) -> Deferred[None]:
        def put(work: Work) -> None:
            _known_account(work, domain.account)
            statement = work.upsert(domains, ("status", "proof", "checked_at", "drifted_at"))
            work.execute(statement, asdict(domain))
            for key in keys:
                if (key.account, key.domain) != (domain.account, domain.name):
                    raise ValueError(f"a key of {key.domain} with the domain {domain.name}")
                work.execute(work.upsert(domain_keys, ("active",)), {**asdict(key), "active": int(key.active)})

        return self._writer.ask(CALL, put)

    def remove_domain(self, account: str, name: str) -> Deferred[None]:
        def remove(work: Work) -> None:
            here = sa.and_(domains.c.account == account, domains.c.name == name)
            if not work.execute(sa.delete(domains).where(here)).rowcount:
                raise KeyError(name)
            work.execute(sa.delete(domain_keys).where(domain_keys.c.account == account, domain_keys.c.domain == name))
            on_it = senders.c.key.endswith(f"@{name}", autoescape=True)
            work.execute(sa.delete(senders).where(senders.c.account == account, on_it))

        return self._writer.ask(CALL, remove)

    def domain_keys(self, account: str = "") -> Deferred[Sequence[DomainKey]]:
        def made(active: int, **fields: Any) -> DomainKey:
            return DomainKey(active=bool(active), **fields)

        return self._list(domain_keys, made, account, domain_keys.c.created_at, domain_keys.c.selector)

    def senders(self, account: str = "") -> Deferred[Sequence[Sender]]:
        return self._list(senders, Sender, account, senders.c.created_at, senders.c.address)

    def add_sender(self, sender: Sender) -> Deferred[None]:
        def add(work: Work) -> None:
            _known_account(work, sender.account)
            same = sa.and_(senders.c.account == sender.account, senders.c.address == sender.address)
            refuse_if_found(work, sa.select(senders.c.address).where(same), f"sender {sender.address}")
            work.execute(sa.insert(senders), asdict(sender))

        return self._writer.ask(CALL, add)

    def confirm_sender(self, account: str, address: str) -> Deferred[None]:
        def confirm(work: Work) -> None:
            same = sa.or_(senders.c.address == address, senders.c.key == address)
            here = sa.and_(senders.c.account == account, same)
            if not work.execute(sa.update(senders).where(here).values(status="confirmed")).rowcount:
                raise KeyError(address)

        return self._writer.ask(CALL, confirm)

    def remove_sender(self, account: str, address: str) -> Deferred[None]:
        return self._remove(senders, senders.c.account == account, senders.c.address == address, what=address)

    def suppressions(self, account: str = "") -> Deferred[Sequence[Suppression]]:
        return self._list(suppressed, Suppression, account, suppressed.c.created_at.desc(), suppressed.c.key)

    def add_suppression(self, suppression: Suppression) -> Deferred[None]:
        return self.put_suppressions((suppression,))

    def put_suppressions(self, suppressions: Sequence[Suppression]) -> Deferred[None]:
        def put(work: Work) -> None:
            for account in {each.account for each in suppressions}:
                _known_account(work, account)
            put_all(work, suppressions)

        return self._writer.ask(CALL, put)

    def add_suppressions(self, suppressions: Sequence[Suppression], now: int) -> Deferred[Sequence[str]]:
        def add(work: Work) -> list[str]:
            for account in {each.account for each in suppressions}:
                _known_account(work, account)
            return add_new(work, suppressions, now)

        return self._writer.ask(CALL, add)

    def search_suppressions(self, wanted: Searched, limit: int) -> Deferred[Sequence[Suppression]]:
        return self._read(lambda work: search(work, wanted, limit))

    def suppression_imports(self, account: str, limit: int) -> Deferred[Sequence[Imported]]:
        return self._read(lambda work: imports(work, account, limit))

    def undo_suppressions(self, account: str, reason: str, origin: str, since: int, until: int) -> Deferred[int]:
        condition = caused_by(account, reason, origin, since, until)
        return self._writer.ask(CALL, lambda work: delete_some(work, condition))

    def remove_suppression(self, account: str, key: str) -> Deferred[None]:
        return self._remove(suppressed, suppressed.c.account == account, suppressed.c.key == key, what=key)

    def setting(self, key: str) -> Deferred[str]:
        statement = sa.select(settings.c.value).where(settings.c.key == key)
        return self._read(lambda work: work.execute(statement).scalar() or "")

    def put_setting(self, key: str, value: str) -> Deferred[None]:
        def put(work: Work) -> None:
            work.execute(work.upsert(settings, ("key", "value")), {"key": key, "value": clean(value)})

        return self._writer.ask(CALL, put)

    def _read(self, read: Callable[[Work], Any]) -> Deferred[Any]:
        return self._reader.ask(LOOK_UP, read)

    def _list(self, table: sa.Table, kind: Callable[..., Any], account: str, *order: Any) -> Deferred[Any]:
        statement = sa.select(table).order_by(*order)
        if account:
            statement = statement.where(table.c.account == account)
        return self._read(lambda work: [kind(**row._mapping) for row in work.execute(statement)])

    def _remove(self, table: sa.Table, *conditions: sa.ColumnElement[bool], what: str) -> Deferred[None]:
        def remove(work: Work) -> None:
            if not work.execute(sa.delete(table).where(*conditions)).rowcount:
                raise KeyError(what)

        return self._writer.ask(CALL, remove)


def _account(row: Any) -> Account:
    return Account(row.id, row.name, row.balance, row.reserved, row.created_at, row.weight, row.zone)


def _known_account(work: Work, id: str) -> None:
    if not work.execute(sa.select(accounts.c.id).where(accounts.c.id == id)).first():
        raise KeyError(id)


def _stored(values: Mapping[str, object]) -> dict[str, object]:
    """A connection's fields as columns."""
    columns = dict(values)
    if "networks" in columns:
        columns["networks"] = json.dumps(columns["networks"])
    if "options" in columns:
        columns["options"] = json.dumps(dict(values["options"]))  # type: ignore[call-overload]
    if "sender" in columns:
        columns["sender_domain"] = str(columns["sender"]).rpartition("@")[2].lower()
    if "status_reason" in columns:
        columns["status_reason"] = clean(str(columns["status_reason"]))
    return columns


def _connections(work: Work, condition: sa.ColumnElement[bool] | None) -> list[Connection]:
    statement = sa.select(connections).order_by(connections.c.created_at, connections.c.id)
    secrets = sa.select(credentials).order_by(credentials.c.id)
    if condition is not None:
        statement = statement.where(condition)
        secrets = secrets.join(connections, connections.c.id == credentials.c.connection).where(condition)
    theirs: dict[str, list[NewCredential]] = {}
    for row in work.execute(secrets):
        by_itself = row.username_folded == ""
        credential = NewCredential(row.id, row.username, row.kind, row.digest, row.sealed, by_itself)
        theirs.setdefault(row.connection, []).append(credential)
    return [
        Connection(
            id=row.id,
            account=row.account,
            name=row.name,
            dialect=row.dialect,
            sender=row.sender,
            status=row.status,
            status_reason=row.status_reason,
            networks=tuple(json.loads(row.networks)),
            active_since=row.active_since,
            rate=row.rate,
            rate_period=row.rate_period,
            rate_burst=row.rate_burst,
            created_at=row.created_at,
            credentials=tuple(theirs.get(row.id, ())),
            options=json.loads(row.options),
        )
        for row in work.execute(statement)
    ]


def _let_go_on(work: Work, connection: str) -> None:
    """What waited for the connection to be active is due again at once, by its own first instant."""
    waiting = sa.update(recipients).where(
        recipients.c.connection == connection, PENDING, recipients.c.state == "queued"
    )
    work.execute(waiting.values(due_at=recipients.c.accepted_at))
