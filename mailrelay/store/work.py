"""What the members of one transaction share: the connection, the purses, the counts, the batch's name.

Purses are read once (and locked, on PostgreSQL in order of their ids), moved in memory, and written back once, so
several submissions of one account in one batch see each other. Counts are added up and written once. Tables are
written in the order accounts, messages, recipients, counters, outbox. This module never commits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ..mail.envelope import SECOND
from ..policy.duration import TOTAL, apart, bucket
from . import outbox
from .engine import Database, Row
from .schema import (
    accounts,
    batches,
    counters,
    domain_counters,
    durations,
    entries,
    hour_counters,
    plans,
    provider_counters,
)

QUARTER = 900 * SECOND
HOUR = 3600 * SECOND

#: Rows that SQLite is given in one INSERT: its driver hands the interpreter over and takes it back for every statement,
#: and keeps a prepared one for each number of rows.
TOGETHER = 24

#: Rows that one transaction of bulk work changes at most.
BULK = 500

_purse = sa.select(accounts.c.balance, accounts.c.reserved).where(accounts.c.id == sa.bindparam("account"))
_purse_locked = _purse.with_for_update()
_set_purse = (
    sa.update(accounts)
    .where(accounts.c.id == sa.bindparam("account"))
    .values(balance=sa.bindparam("balance"), reserved=sa.bindparam("reserved"))
)
_add_entry = sa.insert(entries)
_came_back = (  # `Plan.came_back`
    sa.update(plans)
    .where(plans.c.account == sa.bindparam("purse"), plans.c.base < sa.bindparam("available"))
    .values(base=sa.bindparam("available"))
)


@dataclass(slots=True)
class Purse:
    """An account's money inside one transaction, in sends; `raised` when something came back or was added."""

    balance: int
    reserved: int
    moved: bool = False
    raised: bool = False

    @property
    def available(self) -> int:
        return self.balance - self.reserved

    def move(self, balance: int, reserved: int = 0) -> None:
        """Add to both; the caller has judged that nothing falls below zero."""
        self.balance += balance
        self.reserved += reserved
        self.moved = True
        if balance > reserved:
            self.raised = True


class Work:
    """One transaction under way."""

    def __init__(self, database: Database, connection: sa.Connection, node: str) -> None:
        self.connection = connection
        self.node = node
        self.sqlite = database.sqlite
        self._compiled = database.compiled
        self._driver: Any = connection.connection.driver_connection
        self._purses: dict[str, Purse | None] = {}
        self._counts: dict[tuple[str, str, int, str], int] = {}
        self._domain_counts: dict[tuple[str, int, str, str], int] = {}
        self._provider_counts: dict[tuple[str, int, str, str], int] = {}
        self._durations: dict[tuple[str, int, str, int], int] = {}
        self._provider_of = database.provider_of
        self._entries: list[Mapping[str, object]] = []
        self._lines: list[str] = []
        self._told_at = 0

    def insert(self, table: sa.ClauseElement, rows: Sequence[Mapping[str, object]]) -> None:
        """Insert rows in bulk; every row has every column of the table."""
        if not rows:
            return
        statement = self._compiled(table)
        values = statement.values
        cursor = self._driver.cursor()
        try:
            if statement.group and len(rows) <= TOGETHER:
                cursor.execute(statement.times(len(rows)), [value for row in rows for value in values(row)])
            else:
                cursor.executemany(statement.sql, [values(row) for row in rows])
        finally:
            cursor.close()

    def each(self, statement: sa.ClauseElement, rows: Sequence[Mapping[str, object]]) -> list[Row | None]:
        """Run a statement once for each row of values, in bulk; gives the first row that each returned."""
        if not rows:
            return []
        made = self._compiled(statement)
        values = made.values
        cursor = self._driver.cursor()
        try:
            if self.sqlite:
                execute = cursor.execute
                return [execute(made.sql, values(row)).fetchone() for row in rows]
            cursor.executemany(made.sql, [values(row) for row in rows], returning=True)
            found: list[Row | None] = []
            for _ in rows:
                found.append(cursor.fetchone())
                cursor.nextset()
            return found
        finally:
            cursor.close()

    def rows(self, statement: sa.ClauseElement, values: Mapping[str, object]) -> list[Row]:
        """All rows of one hot statement."""
        made = self._compiled(statement)
        cursor = self._driver.cursor()
        try:
            fetched: list[Row] = cursor.execute(made.sql, made.values(values)).fetchall()
            return fetched
        finally:
            cursor.close()

    def one_by_one(self, statement: sa.ClauseElement, values: Mapping[str, object]) -> Iterator[Row]:
        """The rows of a statement, each of which may be forgotten before the next is read."""
        made = self._compiled(statement)
        cursor = self._driver.cursor()
        try:
            yield from cursor.execute(made.sql, made.values(values))
        finally:
            cursor.close()

    def execute(self, statement: sa.Executable, values: Any = None) -> sa.CursorResult[*tuple[Any, ...]]:
        """Any statement, through SQLAlchemy."""
        result: Any = self.connection.execute(statement, values)
        return result  # type: ignore[no-any-return]

    @contextmanager
    def whole(self) -> Iterator[None]:
        """What is done inside is undone when it fails; purses must not be moved before the last thing that can."""
        with self.connection.begin_nested():
            yield

    def upsert(self, table: sa.Table, columns: Sequence[str], changes: Mapping[str, object] | None = None) -> Any:
        """INSERT … ON CONFLICT: set the columns that are not keys to the new values, or to `changes`."""
        make = sqlite.insert if self.sqlite else postgresql.insert
        statement = make(table)
        keys = [column.name for column in table.primary_key]
        values = changes or {name: statement.excluded[name] for name in columns if name not in keys}
        return statement.on_conflict_do_update(index_elements=keys, set_=values)

    def purses(self, ids: Iterable[str]) -> None:
        """Read and lock several purses at once."""
        missing = sorted(set(ids).difference(self._purses))
        rows = self.each(_purse if self.sqlite else _purse_locked, [{"account": id} for id in missing])
        for id, row in zip(missing, rows, strict=True):
            self._purses[id] = None if row is None else Purse(*row)

    def purse(self, id: str) -> Purse | None:
        """The purse of an account, None when there is no such account."""
        if id not in self._purses:
            self.purses((id,))
        return self._purses[id]

    def enter(self, subject: str, kind: str, account: str, amount: int, note: str, at: int) -> None:
        """One ledger entry: unique by (subject, kind)."""
        self._entries.append(
            {"subject": subject, "kind": kind, "account": account, "amount": amount, "note": note, "at": at}
        )

    def count(self, connection: str, tag: str, domain: str, accepted_at: int, kind: str, number: int = 1) -> None:
        """Move the counters of the quarter hour, and of the domain's hour, in which the recipient was accepted."""
        key = (connection, tag, accepted_at - accepted_at % QUARTER, kind)
        self._counts[key] = self._counts.get(key, 0) + number
        place = (connection, accepted_at - accepted_at % HOUR, domain, kind)
        self._domain_counts[place] = self._domain_counts.get(place, 0) + number

    def count_provider(self, connection: str, host: str, accepted_at: int, kind: str, number: int = 1) -> None:
        """Move the counters of the provider that a host belongs to, "" for no host."""
        provider = self._provider_of(host) if host else ""
        place = (connection, accepted_at - accepted_at % HOUR, provider, kind)
        self._provider_counts[place] = self._provider_counts.get(place, 0) + number

    def count_times(self, connection: str, accepted_at: int, total: int, throttled: int, remote: int) -> None:
        """Count how long a delivery took, and where, in microseconds."""
        hour, counts = accepted_at - accepted_at % HOUR, self._durations
        for phase, spent in apart(total, throttled, remote).items():
            if (number := bucket(spent)) or phase == TOTAL:
                place = (connection, hour, phase, number)
                counts[place] = counts.get(place, 0) + 1

    def tell(self, event: str, subject: str, at: int, detail: str | int = "") -> None:
        """Put an event of a recipient into the outbox (see `outbox.Line`)."""
        self._lines.append(outbox.line(event, subject, at, detail))
        if at > self._told_at:
            self._told_at = at

    def tell_of_account(self, event: str, account: str, at: int, facts: Mapping[str, object]) -> None:
        """Put an event of an account into the outbox."""
        self.tell(event, "", at, outbox.detail({"account": account, **facts}))

    def name_batch(self, batch: str) -> None:
        """Write the batch's name, first of all: while this row is locked nobody can decide the batch."""
        statement = _name_batch[self.sqlite]
        self.insert(statement, ({"node": self.node, "batch": batch, "voids": 0},))

    def finish(self) -> None:
        """Write back what was gathered."""
        moved = [
            {"account": id, "balance": purse.balance, "reserved": purse.reserved}
            for id, purse in sorted(self._purses.items())
            if purse is not None and purse.moved
        ]
        self.insert(_set_purse, moved)
        raised = [
            {"purse": id, "available": purse.available}
            for id, purse in sorted(self._purses.items())
            if purse is not None and purse.raised
        ]
        self.insert(_came_back, raised)
        self.insert(_add_entry, self._entries)
        self.insert(
            _move_counter[self.sqlite],
            [
                {"connection": key[0], "tag": key[1], "quarter": key[2], "kind": key[3], "node": self.node, "count": n}
                for key, n in sorted(self._counts.items())
                if n
            ],
        )
        hours: dict[tuple[str, str, int, str], int] = {}
        for (connection, tag, quarter, kind), n in self._counts.items():
            key = (connection, tag, quarter - quarter % HOUR, kind)
            hours[key] = hours.get(key, 0) + n
        self.insert(
            _move_hour_counter[self.sqlite],
            [
                {"connection": key[0], "tag": key[1], "hour": key[2], "kind": key[3], "node": self.node, "count": n}
                for key, n in sorted(hours.items())
                if n
            ],
        )
        self.insert(
            _move_domain_counter[self.sqlite],
            [
                {"connection": key[0], "hour": key[1], "domain": key[2], "kind": key[3], "node": self.node, "count": n}
                for key, n in sorted(self._domain_counts.items())
                if n
            ],
        )
        self.insert(
            _move_provider_counter[self.sqlite],
            [
                {
                    "connection": key[0],
                    "hour": key[1],
                    "provider": key[2],
                    "kind": key[3],
                    "node": self.node,
                    "count": n,
                }
                for key, n in sorted(self._provider_counts.items())
                if n
            ],
        )
        self.insert(
            _move_duration[self.sqlite],
            [
                {"connection": key[0], "hour": key[1], "phase": key[2], "bucket": key[3], "node": self.node, "count": n}
                for key, n in sorted(self._durations.items())
            ],
        )
        if self._lines:
            self._write_events()

    def _write_events(self) -> None:
        """The last thing before COMMIT: on PostgreSQL others wait from here on."""
        if not self.sqlite:
            self.rows(outbox.lock, _NOTHING)
        ((last,),) = self.rows(outbox.newest, _NOTHING)
        self.insert(outbox.add, outbox.rows(self._lines, last, self._told_at))


_NOTHING: Mapping[str, object] = {}


def upsert(make: Any, table: sa.Table, change: Callable[[Any], Mapping[str, object]]) -> Any:
    """INSERT … ON CONFLICT by one engine's maker: `change` is given the new row and says what is set in the old one."""
    statement = make(table)
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=change(statement.excluded))


#: Who makes an INSERT, by whether the engine is SQLite.
MAKERS: Collection[tuple[bool, Any]] = ((True, sqlite.insert), (False, postgresql.insert))
_name_batch = {on_sqlite: upsert(make, batches, lambda new: {"batch": new.batch}) for on_sqlite, make in MAKERS}
_move_counter = {
    on_sqlite: upsert(make, counters, lambda new: {"count": counters.c.count + new.count}) for on_sqlite, make in MAKERS
}
_move_hour_counter = {
    on_sqlite: upsert(make, hour_counters, lambda new: {"count": hour_counters.c.count + new.count})
    for on_sqlite, make in MAKERS
}
_move_domain_counter = {
    on_sqlite: upsert(make, domain_counters, lambda new: {"count": domain_counters.c.count + new.count})
    for on_sqlite, make in MAKERS
}
_move_provider_counter = {
    on_sqlite: upsert(make, provider_counters, lambda new: {"count": provider_counters.c.count + new.count})
    for on_sqlite, make in MAKERS
}
_move_duration = {
    on_sqlite: upsert(make, durations, lambda new: {"count": durations.c.count + new.count})
    for on_sqlite, make in MAKERS
}
