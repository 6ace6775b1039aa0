"""The audit log over the memory twin, SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.changes import Change, IChanges, Wanted
from mailrelay.store import open_store
from mailrelay.store.memory.changes import MemoryChanges
from tests.fresh import fresh_database, fresh_folder

from .worlds import HOUR, START, new_id, result

FIRST = Change("C1", START, "user", "ann", "::1", "", "connection.create", "A", "X1", "web", '{"name": "web"}')
SECOND = replace(FIRST, id="C2", at=START + HOUR, who="root", acting="B", action="connection.block", account="A")
THIRD = replace(FIRST, id="C3", at=START + 2 * HOUR, action="connections.x", account="", name="\ud800")


class ChangeLaws:
    """What is promised of the audit log."""

    changes: IChanges

    def ids(self, limit: int = 10, **wanted: object) -> str:
        return " ".join(each.id for each in result(self.changes.page(Wanted(**wanted), limit)))  # type: ignore[arg-type]

    def test_pages(self) -> None:
        """Entries come newest first, a page behind another, by whom, what, when and of which account."""
        verifyObject(IChanges, self.changes)
        for each in (SECOND, FIRST, THIRD):
            result(self.changes.write(each))
        self.assertEqual(list(result(self.changes.page(Wanted(before="C2"), 10))), [FIRST])
        self.assertEqual(self.ids(), "C3 C2 C1")
        self.assertEqual(self.ids(2), "C3 C2")
        self.assertEqual(self.ids(before="C2"), "C1")
        self.assertEqual(self.ids(who="root"), "C2")
        self.assertEqual(self.ids(action="connection"), "C2 C1")
        self.assertEqual(self.ids(action="connection.create"), "C1")
        self.assertEqual(self.ids(account="A"), "C2 C1")
        self.assertEqual(self.ids(account="B"), "C2", "what an administrator did for an account")
        self.assertEqual(self.ids(since=START + HOUR, until=START + 2 * HOUR), "C2")
        self.assertEqual(self.ids(who="eve\0"), "")

    def test_forgotten(self) -> None:
        """What is older than an instant goes."""
        for each in (FIRST, SECOND):
            result(self.changes.write(each))
        self.assertEqual(result(self.changes.forget(START + HOUR)), 1)
        self.assertEqual(self.ids(), "C2")


class MemoryChangeTests(ChangeLaws, SynchronousTestCase):
    """Over the memory twin."""

    def setUp(self) -> None:
        self.changes = MemoryChanges()


class DatabaseChangeLaws(ChangeLaws):
    """Over a database."""

    def place(self) -> str:
        raise NotImplementedError

    def setUp(self) -> None:
        self.store = open_store(self.place(), node=new_id(), now=lambda: START, inline=True)
        self.changes = self.store.changes

    def tearDown(self) -> None:
        result(self.store.close())


class SqliteChangeTests(DatabaseChangeLaws, SynchronousTestCase):
    """Over SQLite."""

    def place(self) -> str:
        return fresh_folder(self.mktemp())


class PostgresChangeTests(DatabaseChangeLaws, SynchronousTestCase):
    """Over PostgreSQL."""

    def place(self) -> str:
        return fresh_database()
