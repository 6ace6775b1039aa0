"""Each hot statement uses its index, as the engine's own plan tells, on both engines and among thousands of rows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import sqlalchemy as sa
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.interfaces.books import Mark
from mailrelay.interfaces.books import Wanted as WantedEntries
from mailrelay.interfaces.history import Selection
from mailrelay.mail.envelope import State
from mailrelay.store import books, pages, settle
from mailrelay.store.bodies import _source
from mailrelay.store.claim import _lease, _release, head, head_locked, lanes_of, next_account, next_priority
from mailrelay.store.directory import credentials_by_name, suppression_by_key, tags_statement
from mailrelay.store.engine import Database
from mailrelay.store.migrate import bring_up_to_date
from mailrelay.store.schema import (
    chunks,
    connections,
    counters,
    credentials,
    entries,
    messages,
    recipients,
    suppressions,
)
from mailrelay.store.work import Work
from tests.fresh import fresh_database

from .worlds import HOUR, START, _database

ROWS = 4000


def _fill(database: Database) -> None:
    """Thousands of rows, most of them at an end, as in a real store."""
    texts = dict.fromkeys(("route", "last_reply", "last_host", "tag", "name"), "")
    numbers = dict.fromkeys(("priority", "held", "attempts", "reserved", "billed", "last_at"), 0)
    connection_row = dict.fromkeys(("dialect", "sender", "sender_domain", "status_reason", "networks"), "")
    connection_row |= {"rate": 0, "rate_period": 1, "rate_burst": 1, "created_at": 0}  # type: ignore[dict-item]
    message_texts = "connection dialect peer sender subject tag client_ref route billing verdicts"
    message_row = dict.fromkeys((*message_texts.split(), "template", "metadata", "personal"), "")
    with database.open_writer() as connection, connection.begin():
        connection.execute(
            sa.insert(recipients),
            [
                {
                    **texts,
                    **numbers,
                    "id": f"r{n}",
                    "tag": f"t{n % 3}" if n % 2 else "",
                    "message": f"m{n}",
                    "account": "a1" if n % 3 else f"a{n % 7}",
                    "connection": f"c{n % 7}",
                    "address": f"u{n}@b.test",
                    "key": f"u{n}@b.test",
                    "destination": "d1" if n % 3 else f"d{n % 11}",
                    "state": "queued" if n % 4 == 0 else "bounced" if n % 5 == 0 else "delivered",
                    "lease": "node" if n % 20 == 0 else "",
                    "accepted_at": START,
                    "due_at": START + n,
                    "expires_at": START + n,
                }
                for n in range(ROWS)
            ],
        )
        connection.execute(
            sa.insert(messages),
            [
                {
                    **message_row,
                    "id": f"m{n}",
                    "account": "a",
                    "client_ref": f"ref{n}" if n % 2 else "",
                    "size": 1,
                    "received_at": 0,
                    "expires_at": 0,
                    "source": b"",
                }
                for n in range(ROWS)
            ],
        )
        connection.execute(
            sa.insert(chunks),
            [{"message": f"x{n}", "number": 0, "stored_at": 0, "octets": b""} for n in range(ROWS)],
        )
        connection.execute(
            sa.insert(connections),
            [
                {**connection_row, "id": f"c{n}", "account": f"a{n}", "name": "n", "status": "active"}
                for n in range(ROWS)
            ],
        )
        connection.execute(
            sa.insert(credentials),
            [
                {
                    "id": f"k{n}",
                    "connection": f"c{n}",
                    "username": f"u{n}",
                    "username_folded": f"u{n}",
                    "kind": "generated",
                    "digest": "",
                    "sealed": "",
                }
                for n in range(ROWS)
            ],
        )
        connection.execute(
            sa.insert(suppressions),
            [
                {"account": "a1", "key": f"u{n}", "address": "", "reason": "manual", "origin": "", "created_at": 0}
                for n in range(ROWS)
            ],
        )
        entry = {"account": "a1", "amount": -1, "note": "", "at": START}
        sent = [{**entry, "subject": f"r{n}", "kind": "send"} for n in range(ROWS)]
        moved = [{**entry, "subject": f"e{n}", "kind": "topup", "at": START + n} for n in range(ROWS)]
        connection.execute(sa.insert(entries), sent + moved)
        counted = {"quarter": 0, "kind": "accepted", "node": "n", "count": 1}
        rows = [{**counted, "connection": f"c{n % 7}", "tag": f"t{n % 70}", "quarter": n} for n in range(ROWS)]
        connection.execute(sa.insert(counters), rows)
        connection.exec_driver_sql("ANALYZE")


class PlanLaws:
    """What every engine's plan must say. A plan is one line of text."""

    def database(self) -> Database:
        raise NotImplementedError

    def plan(self, statement: sa.ClauseElement, values: Mapping[str, object]) -> str:
        raise NotImplementedError

    def primary(self, table: str) -> str:
        raise NotImplementedError

    def test_claim(self) -> None:
        """The head of a lane is read by the lane's index, its neighbours by their keys; nothing is scanned or
        sorted."""
        values = {"lane_account": "a1", "lane_priority": 0, "lane_destination": "d1", "now": START + ROWS, "number": 5}
        for statement in (head, head_locked):
            if statement is head or not self.database().sqlite:
                found = self.plan(statement, values)
                self.assertIn("recipients_lane", found)
                for table in ("messages", "chunks", "connections", "suppressions"):
                    self.assertIn(self.primary(table), found)
                self.assertIsFree(found)

    def test_lanes(self) -> None:
        """The lanes are found by steps over the lane's index."""
        values = {"lane_account": "a1", "lane_priority": 0, "last_destination": "", "number": 5}
        found = self.plan(lanes_of, values)
        self.assertGreaterEqual(found.count("recipients_lane"), 2)
        self.assertNotIn("Seq Scan", found)
        if self.database().sqlite:
            self.assertEqual(found.count("recipients_lane (account=? AND priority=? AND destination>?)"), 2)
        for statement, values in (
            (next_priority, {"last_account": "a1", "last_priority": 0}),
            (next_account[self.database().sqlite], {"last_account": "a1"}),
        ):
            found = self.plan(statement, values)
            self.assertIn("recipients_lane", found)
            self.assertIsFree(found)

    def test_settle(self) -> None:
        """Settling, leasing, releasing, spending and ending reach a recipient by its key."""
        values = {
            "recipient": "r10",
            "ours": "node",
            "at_end": 1,
            "new_state": "delivered",
            "new_due_at": 0,
            "attempted": 1,
            "reply": "",
            "host": "",
            "at": 0,
            "bill": 1,
            "throttled": 0,
        }
        for statement in (settle._settle, settle._spend, settle._end, settle._unbill, _lease, _release):
            wanted = set(self.database().compiled(statement).constants) | {
                name for name in values if name in statement.compile().params
            }
            found = self.plan(statement, {name: value for name, value in values.items() if name in wanted})
            self.assertIn(self.primary("recipients"), found)
            self.assertIsFree(found)

    def test_leases(self) -> None:
        """What a node has in hand, and what is past its deadline, is found by the lease index."""
        leased = sa.select(recipients.c.id).where(recipients.c.lease == sa.bindparam("node"), settle.PENDING)
        self.assertIn("recipients_lease", self.plan(leased, {"node": "node"}))
        overdue = sa.select(recipients.c.id).where(
            settle.PENDING, recipients.c.lease == "", recipients.c.expires_at <= sa.bindparam("now")
        )
        self.assertIn("recipients_lease", self.plan(overdue, {"now": START + 10}))

    def test_login(self) -> None:
        """A user name and its connection are found by their indexes."""
        found = self.plan(credentials_by_name, {"username": "u1"})
        self.assertIn("credentials_username", found)
        self.assertIn(self.primary("connections"), found)
        self.assertNotIn("Seq Scan", found)

    def test_suppression(self) -> None:
        """A suppression is found by its key."""
        found = self.plan(suppression_by_key, {"owner": "a1", "mailbox": "u1", "hidden": "h1", "now": START})
        self.assertIn(self.primary("suppressions"), found)
        self.assertIsFree(found)

    def test_tags(self) -> None:
        """The tags of a connection are found by steps of the counters' key, not by reading all its counts."""
        found = self.plan(tags_statement(), {"connection_id": "c1"})
        self.assertIn(self.primary("counters"), found)
        self.assertNotIn("Seq Scan on counters", found)

    def test_history(self) -> None:
        """Each main filter of the send history reads its own index, whose entries come in the order of a page:
        nothing is read whole and nothing sorted. So does every combination of filters, since one of them leads."""
        for index, selection in (
            ("recipients_account", Selection(account="a1")),
            ("recipients_connection", Selection(account="a1", connection="c1")),
            ("recipients_address", Selection(to="u1@b.test")),
            ("recipients_tag", Selection(tag="t1")),
            ("recipients_state", Selection(states=(State.BOUNCED,))),
            (self.primary("recipients"), Selection(since=START, until=START + HOUR)),
        ):
            (way, *_) = pages.candidates(selection)
            assert isinstance(way, pages.Lead)
            (condition,) = way.conditions
            found = self.plan(pages.reading(condition, *pages.bounds(selection), 10), {})
            self.assertIn(index, found)
            self.assertIsFree(found)
        for index, selection in (
            ("recipients_address", Selection(destination="d2")),
            ("messages_client_ref", Selection(client_ref="ref1")),
            ("recipients_lease", Selection(states=(State.QUEUED,))),
        ):
            (few, *_) = pages.candidates(selection)
            assert isinstance(few, pages.Few)
            found = self.plan(few.ids(100), {})
            if self.database().sqlite or "lease" not in index:  # PostgreSQL knows that a quarter of these rows wait
                self.assertIn(index, found)
            self.assertNotIn("Seq Scan on messages", found)

    def test_ledger(self) -> None:
        """Movements are read off their own index, in its order, and nothing of what is sent is looked at."""
        before = Mark(START + 9, "e9", "topup")
        for wanted in (WantedEntries("a1"), WantedEntries("a1", since=START + 5, until=START + 99, before=before)):
            found = self.plan(books.movements(wanted).limit(10), {})
            self.assertIn("entries_moved", found)
            self.assertIsFree(found)

    def test_source(self) -> None:
        """A message is found by its key."""
        self.assertIsFree(self.plan(_source, {"message": "m1"}))

    def assertIsFree(self, plan: str) -> None:
        """Nothing is read whole and nothing is sorted."""
        for word in ("Seq Scan", "SCAN", "Sort", "TEMP B-TREE"):
            self.assertNotIn(word, plan)


@cache
def _filled(kind: str) -> Database:
    database = Database(_database("sqlite") + "-plans" if kind == "sqlite" else fresh_database())
    bring_up_to_date(database, 10)
    _fill(database)
    return database


class SqlitePlanTests(PlanLaws, SynchronousTestCase):
    """The plans of SQLite."""

    def database(self) -> Database:
        return _filled("sqlite")

    def primary(self, table: str) -> str:
        if table in ("messages", "chunks"):
            return f"sqlite_autoindex_{table}_1"
        return f"SEARCH {table} USING PRIMARY KEY"

    def plan(self, statement: sa.ClauseElement, values: Mapping[str, object]) -> str:
        made = self.database().compiled(statement)
        with self.database().open_reader() as connection:
            work = Work(self.database(), connection, "")
            cursor = work._driver.cursor()
            return " | ".join(row[3] for row in cursor.execute(f"EXPLAIN QUERY PLAN {made.sql}", made.values(values)))


class PostgresPlanTests(PlanLaws, SynchronousTestCase):
    """The plans of PostgreSQL."""

    def database(self) -> Database:
        return _filled("postgres")

    def primary(self, table: str) -> str:
        return f"{table}_pkey"

    def plan(self, statement: sa.ClauseElement, values: Mapping[str, object]) -> str:
        made = self.database().compiled(statement)
        with self.database().open_reader() as connection:
            work = Work(self.database(), connection, "")
            cursor = work._driver.cursor()
            return " | ".join(row[0] for row in cursor.execute(f"EXPLAIN {made.sql}", made.values(values)))
