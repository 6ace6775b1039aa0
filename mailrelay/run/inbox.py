"""The sandbox's box of received mail: one SQLite file of its own, apart from the relay's state.

All access runs in one thread. Whatever is asked while a batch runs makes the next batch, and one batch is one
transaction: so keeping gets cheaper the more there is to keep, with no timer. A Deferred fires after the commit of
its batch; WAL with `synchronous = NORMAL` keeps that through a crash of the process, though not through a loss of
power. Ids are ULIDs, but arrival is counted apart, so that order never depends on the clock. This module never looks
into a message.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from functools import partial
from types import ModuleType
from typing import Any, TypeAlias, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from ..interfaces.sandbox import IInbox, Kept
from ..mail.envelope import ulid

T = TypeVar("T")

#: What carries out a call somewhere else: in the box's thread, or back in the reactor's.
Carrier: TypeAlias = Callable[[Callable[[], None]], object]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    arrival INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    received_at INTEGER NOT NULL,
    mail_from TEXT NOT NULL,
    rcpt_to TEXT NOT NULL,
    recipients TEXT NOT NULL,
    subject TEXT NOT NULL,
    size INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS sources (id TEXT PRIMARY KEY, source BLOB NOT NULL) WITHOUT ROWID;
"""

_COLUMNS = "id, received_at, mail_from, rcpt_to, subject, size"
_INSERT = f"INSERT INTO messages ({_COLUMNS}, recipients) VALUES (?, ?, ?, ?, ?, ?, ?)"


def _driver() -> ModuleType:
    """SQLite, the newer one when it is there."""
    try:
        from pysqlite3 import dbapi2

        return dbapi2  # type: ignore[no-any-return]
    except ImportError:
        import sqlite3

        return sqlite3


def _connect(path: str) -> Any:
    """Open the file (0600) and lay its tables."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    os.chmod(path, 0o600)
    database = _driver().connect(path, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("PRAGMA busy_timeout = 5000")
    database.executescript(_SCHEMA)
    return database


def _framed(address: str) -> str:
    """An address as it is compared: without case, and framed so that it is found only whole."""
    return f"\n{address.casefold()}\n"


class _Job:
    """One thing asked of the database, and who waits for it."""

    __slots__ = ("answer", "result", "work")

    def __init__(self, work: Callable[[Any], object]) -> None:
        self.work = work
        self.answer: Deferred[Any] = Deferred()
        self.result: object = None

    def fire(self) -> None:
        if isinstance(self.result, Exception):
            self.answer.errback(self.result)
        else:
            self.answer.callback(self.result)


def _fire(batch: Sequence[_Job]) -> None:
    for job in batch:
        job.fire()


@implementer(IInbox)
class SqliteInbox:
    """An `IInbox` on an SQLite file; `submit` carries work to the thread of the file, `deliver` carries answers back.

    With ``lambda call: call()`` for both, every Deferred has fired on return.
    """

    def __init__(
        self, path: str, submit: Carrier, deliver: Carrier, randomness: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._database = _connect(path)
        self._submit = submit
        self._deliver = deliver
        self._randomness = randomness
        self._lock = threading.Lock()
        self._waiting: list[_Job] = []
        self._running = False

    def keep(
        self, mail_from: str, rcpt_to: Sequence[str], source: bytes, received_at: int, subject: str
    ) -> Deferred[str]:
        id = ulid(received_at, self._randomness(10))
        row = (id, received_at, mail_from, ", ".join(rcpt_to), subject, len(source), "".join(map(_framed, rcpt_to)))

        def work(database: Any) -> str:
            database.execute(_INSERT, row)
            database.execute("INSERT INTO sources (id, source) VALUES (?, ?)", (id, source))
            return id

        return self._ask(work)

    def messages(self, limit: int, to: str = "", since: int = 0, after: str = "") -> Deferred[Sequence[Kept]]:
        def work(database: Any) -> Sequence[Kept]:
            arrival = _arrival(database, after) if after else 0
            rows = database.execute(
                f"SELECT {_COLUMNS} FROM messages WHERE arrival > ? AND received_at >= ?"
                " AND (? = '' OR instr(recipients, ?)) ORDER BY arrival DESC LIMIT ?",
                (arrival, since, to, _framed(to), limit),
            )
            return tuple(Kept(*row) for row in rows)

        return self._ask(work)

    def message(self, id: str) -> Deferred[Kept]:
        def work(database: Any) -> Kept:
            row = database.execute(f"SELECT {_COLUMNS} FROM messages WHERE id = ?", (id,)).fetchone()
            if row is None:
                raise KeyError(id)
            return Kept(*row)

        return self._ask(work)

    def source(self, id: str) -> Deferred[bytes]:
        def work(database: Any) -> bytes:
            row = database.execute("SELECT source FROM sources WHERE id = ?", (id,)).fetchone()
            if row is None:
                raise KeyError(id)
            return bytes(row[0])

        return self._ask(work)

    def clear(self) -> Deferred[int]:
        def work(database: Any) -> int:
            database.execute("DELETE FROM sources")
            return int(database.execute("DELETE FROM messages").rowcount)

        return self._ask(work)

    def close(self) -> Deferred[None]:
        """Carry out what was asked so far, then close the file; nothing may be asked afterwards."""
        return self._ask(lambda database: None).addBoth(lambda _: self._database.close())

    def _ask(self, work: Callable[[Any], T]) -> Deferred[T]:
        job = _Job(work)
        with self._lock:
            self._waiting.append(job)
            idle, self._running = not self._running, True
        if idle:
            self._submit(self._drain)
        return job.answer

    def _drain(self) -> None:
        """Carry out batches until nothing waits; runs in the file's thread."""
        while True:
            with self._lock:
                batch, self._waiting = self._waiting, []
                if not batch:
                    self._running = False
                    return
            try:
                self._carry_out(batch)
            except Exception as error:
                for job in batch:
                    job.result = error
            self._deliver(partial(_fire, batch))

    def _carry_out(self, batch: Sequence[_Job]) -> None:
        """One batch, one transaction; what fails alone is undone alone."""
        database = self._database
        database.execute("BEGIN IMMEDIATE")
        try:
            for job in batch:
                database.execute("SAVEPOINT job")
                try:
                    job.result = job.work(database)
                except Exception as error:
                    job.result = error
                    database.execute("ROLLBACK TO job")
                database.execute("RELEASE job")
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise


def _arrival(database: Any, id: str) -> int:
    row = database.execute("SELECT arrival FROM messages WHERE id = ?", (id,)).fetchone()
    if row is None:
        raise KeyError(id)
    return int(row[0])


def open_inbox(path: str, reactor: IReactorFromThreads) -> tuple[SqliteInbox, Callable[[], Deferred[None]]]:
    """Open the box with a thread of its own; gives the box and what closes both."""
    pool = ThreadPool(1, 1, "sandbox inbox")
    # A start that fails half-way must not wait for this thread; what was promised is committed anyway.
    pool.threadFactory = partial(threading.Thread, daemon=True)  # type: ignore[assignment]
    inbox = SqliteInbox(path, pool.callInThread, reactor.callFromThread)
    pool.start()

    def close() -> Deferred[None]:
        return inbox.close().addBoth(lambda _: pool.stop())

    return inbox, close
