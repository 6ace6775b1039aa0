"""One face over the memory twin, SQLite and PostgreSQL, so that the same laws are asked of all three.

A world holds processes (`Process`) that share one state; a process can be stopped, crash, lose the outcome of a
commit, or be cut off from its database. Time stands still until a test moves it.
"""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from mailrelay.interfaces.books import OF_RECIPIENTS
from mailrelay.interfaces.directory import ConnectionFacts, TagFacts
from mailrelay.interfaces.history import Selection
from mailrelay.interfaces.ledger import ILedger
from mailrelay.interfaces.registry import Account, Connection, Suppression
from mailrelay.mail.envelope import SECOND, Recipient, State, Submission
from mailrelay.store import Store, open_store
from mailrelay.store.memory import Entry, MemoryDirectory, MemoryLedger, MemoryNodes, MemoryState
from mailrelay.store.nodes import SILENCE
from mailrelay.store.schema import accounts, recipients
from tests.fresh import fresh_database, fresh_folder
from tests.live.postgres import fast_folder

HOUR = 3600 * SECOND
START = 1_700_000_000 * SECOND
_numbers = itertools.count(1)


def new_id() -> str:
    """An id in the order of its making."""
    return f"ID{next(_numbers):024}"


def result(deferred: Deferred[Any]) -> Any:
    """What a Deferred that must have fired gave, or its exception."""
    found: list[Any] = []
    deferred.addBoth(found.append)
    assert found, "the Deferred has not fired"
    if isinstance(found[0], Failure):
        found[0].raiseException()
    return found[0]


@dataclass(frozen=True)
class Seen:
    """A recipient as an observer of the rows sees it."""

    state: State
    lease: str
    held: bool
    attempts: int
    reserved: int
    billed: int
    due_at: int


@dataclass
class Process:
    """One process of a world."""

    node: str
    ledger: ILedger
    store: Store | None = None


def submission(
    account: str,
    connection: str,
    addresses: Sequence[str],
    now: int,
    *,
    billing: str = "accept",
    lifetime: int = HOUR,
    source: bytes = b"Subject: x\r\n\r\nx\r\n",
    verdicts: Sequence[dict[str, object]] = (),
    rejected: Mapping[str, str] | None = None,
    **more: Any,
) -> Submission:
    """A submission to these addresses; `rejected` has reasons for those that are only put on record."""
    reasons = rejected or {}
    taken = tuple(
        Recipient(new_id(), to, to.lower(), to.rpartition("@")[2].lower(), to.title(), reasons.get(to, ""))
        for to in addresses
    )
    return Submission(
        id=new_id(),
        account=account,
        connection=connection,
        dialect="standard",
        peer="192.0.2.1",
        sender="app@acme.test",
        recipients=taken,
        source=source,
        subject="x",
        received_at=now,
        expires_at=now + lifetime,
        billing=billing,
        verdicts=tuple(verdicts),
        **more,
    )


class MemoryWorld:
    """The memory twin."""

    commits = False

    def __init__(self) -> None:
        self.now = START
        self.state = MemoryState()
        self._opening: dict[str, int] = {}

    def start(self) -> Process:
        node = new_id()
        return Process(node, MemoryLedger(self.state, node))

    def stop(self, process: Process) -> None:
        result(process.ledger.release(self.leased(process.node)))

    def crash(self, process: Process) -> None:
        self.state.dead.add(process.node)

    def bury(self, process: Process) -> int:
        return int(result(MemoryNodes(self.state, process.node).bury()))

    def leased(self, node: str) -> set[str]:
        return {id for id, entry in self.state.recipients.items() if entry.lease == node}

    def account(self, balance: int) -> str:
        id = new_id()
        self.state.balance[id] = self._opening[id] = balance
        return id

    def connection(self, account: str) -> str:
        id = new_id()
        self.state.connections[id] = ConnectionFacts(
            id, account, id, "standard", "active", "app@acme.test", "acme.test"
        )
        return id

    def set_status(self, connection: str, status: str) -> None:
        before = self.state.connections[connection]
        self.state.connections[connection] = replace(before, status=status)
        if status == "active" and before.status != "active":
            for entry in self.state.recipients.values():
                if entry.delivery.connection == connection and entry.state is State.QUEUED:
                    entry.due_at = entry.delivery.accepted_at

    def suppress(self, account: str, key: str, reason: str = "manual") -> None:
        self.state.suppressions[account, key] = reason

    def full_at(self, account: str, key: str) -> int:
        return self.state.full.get((account, key), 0)

    def suppressed(self, account: str, key: str) -> str:
        return self.state.suppressions.get((account, key), "")

    def tag(self, account: str, tag: str) -> TagFacts:
        found: TagFacts = result(MemoryDirectory(self.state).tag(account, tag))
        return found

    def hold(self, recipient: str, held: bool) -> int:
        return self._change(recipient, lambda entry: setattr(entry, "held", held), lambda entry: entry.held is not held)

    def retry(self, recipient: str) -> int:
        def fits(entry: Entry) -> bool:
            return not entry.lease and entry.due_at > self.now

        return self._change(recipient, lambda entry: setattr(entry, "due_at", self.now), fits)

    def drop(self, recipient: str) -> int:
        return self._change(recipient, lambda entry: self.state.end(entry, State.FAILED), lambda entry: not entry.lease)

    def _change(self, recipient: str, change: Callable[[Entry], object], fits: Callable[[Entry], bool]) -> int:
        return self.state.change(change, lambda entry: entry.delivery.recipient == recipient and fits(entry))

    def rows(self, account: str) -> dict[str, Seen]:
        return {
            id: Seen(
                entry.state,
                entry.lease,
                entry.held,
                entry.delivery.attempts,
                entry.reserved,
                entry.billed,
                entry.due_at,
            )
            for id, entry in self.state.recipients.items()
            if entry.delivery.account == account
        }

    def heard(self, recipient: str) -> str:
        return self.state.recipients[recipient].last

    def money(self, account: str) -> tuple[int, int]:
        return self.state.balance[account], self.state.reserved(account)

    def audit(self) -> list[str]:
        faults = []
        for account, opening in self._opening.items():
            billed = sum(seen.billed for seen in self.rows(account).values())
            entered = [each for each in self.state.entries.values() if each.account == account]
            charged = sum(each.amount for each in entered if each.kind in OF_RECIPIENTS)
            moved = sum(each.amount for each in entered if each.kind not in (*OF_RECIPIENTS, "opening"))
            right = charged == -billed and self.state.balance[account] == opening - billed + moved
            if not right or self.state.available(account) < 0:
                faults.append(f"account {account} does not add up")
        for id, entry in self.state.recipients.items():
            if entry.lease in self.state.dead or (entry.state.final and (entry.lease or entry.reserved)):
                faults.append(f"recipient {id} is held by the dead or not at rest")
        return faults

    def close(self) -> None:
        """Nothing is kept."""


class DatabaseWorld:
    """A real database, SQLite's or PostgreSQL's; every process has a store of its own, without threads."""

    commits = True

    def __init__(self, where: str) -> None:
        self.now = START
        self.seconds = 0.0
        self._where = where
        self._processes: list[Process] = []
        self._watch = self._open(new_id())

    def _open(self, node: str) -> Store:
        return open_store(
            self._where,
            node=node,
            now=lambda: self.now,
            inline=True,
            patience=0.03,
            names=new_id,
            monotonic=lambda: self.seconds,
        )

    def start(self) -> Process:
        node = new_id()
        store = self._open(node)
        result(store.nodes.join())
        process = Process(node, store.ledger, store)
        self._processes.append(process)
        return process

    def stop(self, process: Process) -> None:
        assert process.store is not None
        result(process.store.nodes.leave())
        result(process.store.close())
        self._processes.remove(process)

    def crash(self, process: Process) -> None:
        """The process is gone without a word; the kernel lets go of its locks."""
        assert process.store is not None
        process.store._writer._let_go()
        held = getattr(process.store.nodes, "_file", None)
        if held is not None:
            os.close(held)
        self._processes.remove(process)

    def bury(self, process: Process) -> int:
        """As one process does it, after everybody alive has shown a sign of life."""
        assert process.store is not None
        released = 0
        for _ in range(2):
            for other in self._processes:
                assert other.store is not None
                if other is not process and other.store._writer._doubt is None:
                    result(other.store.nodes.bury())
            released += result(process.store.nodes.bury())
            self.seconds += SILENCE + 1
        for other in self._processes:
            assert other.store is not None
            if other is not process and other.store._writer._doubt is None:
                released += result(other.store.nodes.bury())
        return released + int(result(process.store.nodes.bury()))

    def lose_commit(self, process: Process, there: bool, cut: bool = False) -> Callable[[], None]:
        """The next commit fails with an unknown outcome: `there` or not. With `cut` the database is unreachable from
        then on, until what is returned is called."""
        assert process.store is not None
        engine = process.store._writer._database._writer
        armed = [True]

        def commit(connection: sa.Connection) -> None:
            if armed:
                armed.clear()
                if there:
                    connection.connection.driver_connection.commit()  # type: ignore[union-attr]
                if cut:
                    sa.event.listen(engine, "begin", begin)
                sa.event.remove(engine, "commit", commit)
                raise OSError(5, "Input/output error")

        def begin(connection: sa.Connection) -> None:
            raise OSError(5, "Input/output error")

        def heal() -> None:
            if cut:
                sa.event.remove(engine, "begin", begin)

        sa.event.listen(engine, "commit", commit)
        return heal

    def account(self, balance: int) -> str:
        id = new_id()
        result(self._watch.registry.add_account(Account(id, id, balance, 0, self.now)))
        return id

    def connection(self, account: str) -> str:
        id = new_id()
        made = Connection(id, account, id, "standard", "app@acme.test", "active", "", (), 0, 60, 1, self.now)
        result(self._watch.registry.add_connection(made))
        return id

    def set_status(self, connection: str, status: str) -> None:
        result(self._watch.registry.change_connection(connection, {"status": status}))

    def suppress(self, account: str, key: str, reason: str = "manual") -> None:
        result(self._watch.registry.add_suppression(Suppression(account, key, key, reason, "", self.now)))

    def full_at(self, account: str, key: str) -> int:
        self._watch.directory.forget()
        return int(result(self._watch.directory.recipient(account, key)).mailbox_full_at)

    def suppressed(self, account: str, key: str) -> str:
        self._watch.directory.forget()
        return str(result(self._watch.directory.recipient(account, key)).suppression)

    def tag(self, account: str, tag: str) -> TagFacts:
        found: TagFacts = result(self._watch.directory.tag(account, tag))
        return found

    def hold(self, recipient: str, held: bool) -> int:
        return int(result(self._watch.history.hold(Selection(recipient=recipient), held)))

    def retry(self, recipient: str) -> int:
        return int(result(self._watch.history.retry(Selection(recipient=recipient), self.now)))

    def drop(self, recipient: str) -> int:
        return int(result(self._watch.history.drop(Selection(recipient=recipient), "dropped", self.now)))

    def rows(self, account: str) -> dict[str, Seen]:
        columns = recipients.c
        statement = sa.select(
            columns.id,
            columns.state,
            columns.lease,
            columns.held,
            columns.attempts,
            columns.reserved,
            columns.billed,
            columns.due_at,
        ).where(columns.account == account)
        with self._watch._writer._database.open_reader() as connection:
            return {
                id: Seen(State(state), lease, bool(held), attempts, reserved, billed, due_at)
                for id, state, lease, held, attempts, reserved, billed, due_at in connection.execute(statement)
            }

    def heard(self, recipient: str) -> str:
        (passage,) = result(self._watch.history.passages(Selection(recipient=recipient), 1))
        return str(passage.last_reply)

    def money(self, account: str) -> tuple[int, int]:
        statement = sa.select(accounts.c.balance, accounts.c.reserved).where(accounts.c.id == account)
        with self._watch._writer._database.open_reader() as connection:
            balance, reserved = connection.execute(statement).one()
        return balance, reserved

    def audit(self) -> list[str]:
        return list(result(self._watch.history.audit()))

    def close(self) -> None:
        for process in tuple(self._processes):
            self.stop(process)
        result(self._watch.close())


@cache
def _database(kind: str, apart: str = "") -> str:
    """The place of one migrated database of a kind for this test process; `apart` names one that others do not use."""
    if kind == "sqlite":
        folder = tempfile.mkdtemp(prefix="mailrelay-store-", dir=fast_folder())
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return fresh_folder(folder)
    return fresh_database()


def sqlite_world(apart: str = "") -> DatabaseWorld:
    return DatabaseWorld(_database("sqlite", apart))


def postgres_world(apart: str = "") -> DatabaseWorld:
    return DatabaseWorld(_database("postgres", apart))
