"""The database's doors: where it is, how a connection is made, which SQLite is good enough, who may write.

SQLite runs in WAL mode with `synchronous=FULL`; writers begin with BEGIN IMMEDIATE behind an flock that every process
takes, readers with a plain BEGIN and may not write. PostgreSQL is refused when the server itself does not sync.
This module never runs a statement of the ledger and never retries.
"""

from __future__ import annotations

import fcntl
import importlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

FILE_NAME = "mailrelay.sqlite3"
#: Versions before this one can corrupt a WAL with two writers.
OLDEST_SQLITE = (3, 51, 3)

_SQLITE_FULL = 13

#: A page of a new file holds a usual message with its verdicts: a third fewer of them are written than of 4 KiB.
_PRAGMAS = (
    "PRAGMA page_size = 8192",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 2000",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA cache_size = -16000",
)

Row = tuple[Any, ...]


class Unfit(Exception):
    """The database cannot be used as it is: too old a library, too new a schema, a server that does not sync."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the state is: a URL, and for SQLite the folder of its files."""

    url: sa.URL
    folder: Path | None

    @property
    def file(self) -> Path | None:
        return Path(self.url.database) if self.folder is not None and self.url.database else None


def locate(where: str | Path) -> Place:
    """A state folder, a SQLite file (``*.sqlite3``), or a PostgreSQL URL."""
    text = str(where)
    if "://" in text:
        url = sa.make_url(text)
        if url.get_backend_name() in ("postgresql", "postgres"):
            return Place(url.set(drivername="postgresql+psycopg"), None)
        if url.get_backend_name() != "sqlite" or not url.database:
            raise Unfit(f"{url.get_backend_name()}: neither SQLite nor PostgreSQL")
        text = url.database
    path = Path(text)
    file = path if path.suffix == ".sqlite3" else path / FILE_NAME
    return Place(sa.URL.create("sqlite", database=str(file)), file.parent)


def sqlite_module() -> ModuleType:
    """The first SQLite driver whose library is new enough; `Unfit` when there is none."""
    found = []
    for name in ("pysqlite3.dbapi2", "sqlite3.dbapi2"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        if module.sqlite_version_info >= OLDEST_SQLITE:
            return module
        found.append(f"{name} {module.sqlite_version}")
    oldest = ".".join(map(str, OLDEST_SQLITE))
    raise Unfit(f"SQLite {oldest} or newer is needed, found: {', '.join(found) or 'none'}")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement in the driver's own words; `order` turns a mapping of values into what the driver takes. `group` is
    the one row of an INSERT's VALUES, "" for any other statement."""

    sql: str
    order: Callable[[Mapping[str, object]], Any] | None
    constants: Mapping[str, object]
    group: str = ""

    def times(self, rows: int) -> str:
        """An INSERT of so many rows."""
        return self.sql.replace(self.group, ", ".join([self.group] * rows), 1)

    def values(self, row: Mapping[str, object]) -> Any:
        if self.constants:
            row = {**self.constants, **row}
        return row if self.order is None else self.order(row)


class Database:
    """Both engines of one place, and the statements compiled for it."""

    def __init__(
        self, where: str | Path, *, busy: float = 1.0, provider_of: Callable[[str], str] = lambda host: host
    ) -> None:
        """`busy` is how many seconds one BEGIN waits for a foreign lock before it fails; `provider_of` names whose a
        mail host is, for the counters."""
        self.provider_of = provider_of
        self.place = locate(where)
        self.sqlite = self.place.folder is not None
        self._busy = busy
        self._compiled: dict[sa.ClauseElement, Compiled] = {}
        if self.sqlite:
            self._prepare_folder()
            self._writer = self._sqlite_engine("BEGIN IMMEDIATE", ())
            self._reader = self._sqlite_engine("BEGIN", ("PRAGMA query_only = ON",))
        else:
            self._writer = sa.create_engine(self.place.url, poolclass=NullPool)
            self._reader = sa.create_engine(
                self.place.url,
                poolclass=NullPool,
                connect_args={"options": "-c default_transaction_read_only=on -c statement_timeout=10s"},
            )
            self._guard_postgresql()

        driver: Any = self._writer.dialect.dbapi
        self._trouble = (OSError, sa.exc.OperationalError, driver.OperationalError)

    @property
    def dialect(self) -> sa.Dialect:
        return self._writer.dialect

    def open_writer(self) -> sa.Connection:
        return self._writer.connect()

    def open_reader(self) -> sa.Connection:
        return self._reader.connect()

    def compiled(self, statement: sa.ClauseElement) -> Compiled:
        """The statement for this database's driver, compiled once."""
        known = self._compiled.get(statement)
        if known is None:
            made: Any = statement.compile(dialect=self.dialect)
            order = _picker(made.positiontup) if made.positional else None
            constants = {name: bind.value for name, bind in made.binds.items() if not bind.required}
            group = f"({', '.join('?' * len(made.positiontup))})" if made.positional and made.isinsert else ""
            known = self._compiled[statement] = Compiled(str(made), order, constants, group)
        return known

    def limit(self, connection: sa.Connection, seconds: float) -> None:
        """Cut off what this connection does from now on when it takes longer; PostgreSQL counts by itself."""
        if self.sqlite:
            driver: Any = connection.connection.driver_connection
            until = time.monotonic() + seconds
            driver.set_progress_handler(lambda: time.monotonic() > until, 100_000)

    def is_trouble(self, error: BaseException) -> bool:
        """The database's own trouble (full, unreadable, gone), not the fault of what was written."""
        return isinstance(error, self._trouble)

    def is_full(self, error: BaseException) -> bool:
        """There is no room on the disk; nothing of the transaction is there, even when COMMIT says so: in SQLite its
        last frame is missing (without it the others count for nothing), in PostgreSQL the server has answered."""
        cause = getattr(error, "orig", error)
        return getattr(cause, "sqlite_errorcode", None) == _SQLITE_FULL or getattr(cause, "sqlstate", None) == "53100"

    def is_again(self, error: BaseException) -> bool:
        """PostgreSQL gave the transaction up for another's sake: serialisation failure or deadlock."""
        cause = getattr(error, "orig", error)
        return getattr(cause, "sqlstate", None) in ("40001", "40P01")

    def _prepare_folder(self) -> None:
        folder, file = self.place.folder, self.place.file
        assert folder is not None and file is not None
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))

    def _sqlite_engine(self, begin: str, pragmas: Sequence[str]) -> sa.Engine:
        engine = sa.create_engine(
            self.place.url,
            module=sqlite_module(),
            poolclass=NullPool,
            connect_args={"timeout": self._busy, "check_same_thread": False, "cached_statements": 256},
        )

        @sa.event.listens_for(engine, "connect")
        def connected(connection: Any, _record: object) -> None:
            connection.isolation_level = None
            connection.text_factory = _text
            for pragma in (*_PRAGMAS, *pragmas):
                connection.execute(pragma)

        @sa.event.listens_for(engine, "begin")
        def begun(connection: sa.Connection) -> None:
            driver: Any = connection.connection.driver_connection
            driver.execute(begin)

        return engine

    def _guard_postgresql(self) -> None:
        """R8: a server that does not sync cannot keep law 1."""
        with self.open_writer() as connection:
            for name in ("fsync", "synchronous_commit"):
                value = connection.exec_driver_sql(f"SHOW {name}").scalar()
                if value == "off":
                    raise Unfit(f"PostgreSQL runs with {name} = off, so an accepted message could be lost")


def _text(octets: bytes) -> str:
    """A text as it is read: octets that are no UTF-8 spoil one value, not every statement that meets them."""
    return octets.decode("utf-8", "replace")


def _picker(names: Sequence[str]) -> Callable[[Mapping[str, object]], Any]:
    """From a mapping the values of these names, as a tuple."""
    if len(names) > 1:
        pick: Any = itemgetter
        picker: Callable[[Mapping[str, object]], Any] = pick(*names)
        return picker
    return lambda row: tuple(row[name] for name in names)


class WriterLock:
    """The flock that every writer of a SQLite state folder holds while it writes; nothing at all for PostgreSQL."""

    def __init__(self, folder: Path | None, patience: float | None = None) -> None:
        """`patience` in seconds bounds the waiting; None waits as long as it takes."""
        self._patience = patience
        self._file = (
            None if folder is None else os.open(folder / "writer.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock; `TimeoutError` when patience ends."""
        if self._file is None:
            yield
            return
        self._take(self._file)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _take(self, file: int) -> None:
        if self._patience is None:
            fcntl.flock(file, fcntl.LOCK_EX)
            return
        limit = time.monotonic() + self._patience
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > limit:
                    raise TimeoutError("another process is writing") from None
                time.sleep(0.005)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
