"""Stored routes over the memory twin, SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.directory import IDirectory
from mailrelay.interfaces.registry import Taken
from mailrelay.interfaces.routes import IRoutes, RouteNames, StoredRoute
from mailrelay.store import open_store
from mailrelay.store.memory import MemoryDirectory, MemoryRoutes, MemoryState
from tests.fresh import fresh_database, fresh_folder

from .worlds import START, new_id, result

EU = StoredRoute("A", "eu", (("smtp.example", 587), ("2001:db8::1", 25)), "require", "u", "sealed", START, (3, 0), "us")


class RouteLaws:
    """What is promised of stored routes."""

    routes: IRoutes

    def directory(self) -> IDirectory:
        """One that remembers nothing yet."""
        raise NotImplementedError

    def test_kept(self) -> None:
        """A route is there for its account as it was given, until it is removed."""
        verifyObject(IRoutes, self.routes)
        result(self.routes.add(EU))
        self.assertEqual(list(result(self.routes.every("A"))), [EU])
        self.assertEqual(list(result(self.routes.every("B"))), [])
        self.assertEqual(result(self.directory().route("A", "eu")), EU)
        self.assertRaises(Taken, result, self.routes.add(EU))
        result(self.routes.remove("A", "eu"))
        self.assertRaises(KeyError, result, self.routes.remove("A", "eu"))
        self.assertIsNone(result(self.directory().route("A", "eu")))

    def test_options(self) -> None:
        """A route by MX is there as it was given, and another in its place when it was put there."""
        pool = StoredRoute("A", "pool", (), created_at=START, mx=True, port=26, sources=("::1",), rotate=True)
        result(self.routes.add(pool))
        self.assertEqual(result(self.directory().route("A", "pool")), pool)
        plain = replace(pool, mx=False, port=25, sources=(), rotate=False, hosts=(("a", 25),), domains=("a.test",))
        result(self.routes.put(plain))
        self.assertEqual(list(result(self.routes.every("A"))), [plain])
        self.assertRaises(KeyError, result, self.routes.put(replace(plain, account="B")))

    def test_domains(self) -> None:
        """Which route serves a domain is told to the account: its own before a shared one. It is nobody's usual one."""
        result(self.routes.add(replace(EU, account="", id="all", domains=("a.test", "b.test"))))
        result(self.routes.add(replace(EU, id="own", domains=("a.test",))))
        result(self.routes.add(replace(EU, id="eu")))
        names = result(self.directory().routes("A"))
        self.assertEqual((names.domains, names.usual), ({"a.test": "own", "b.test": "all"}, "eu"))
        self.assertEqual(result(self.directory().routes("B")).usual, "")

    def test_whose(self) -> None:
        """An account may name its own and the shared ones; its own goes before a shared one of the same id."""
        shared = replace(EU, account="", tls="none")
        for route in (EU, shared, replace(EU, id="us", created_at=START + 1), replace(shared, id="all")):
            result(self.routes.add(route))
        self.assertEqual(
            result(self.directory().routes("A")), RouteNames(frozenset({"eu", "us"}), frozenset({"eu", "all"}))
        )
        self.assertEqual(result(self.directory().routes("B")), RouteNames(frozenset(), frozenset({"eu", "all"})))
        self.assertEqual(result(self.directory().route("A", "eu")), EU)
        self.assertEqual(result(self.directory().route("B", "eu")), shared)
        self.assertIsNone(result(self.directory().route("B", "us")))
        self.assertIsNone(result(self.directory().route("B", "\0")))
        self.assertEqual(len(result(self.routes.every())), 4)


class MemoryRouteTests(RouteLaws, SynchronousTestCase):
    """Over the memory twin."""

    def setUp(self) -> None:
        self.state = MemoryState()
        self.routes = MemoryRoutes(self.state)

    def directory(self) -> IDirectory:
        found: IDirectory = MemoryDirectory(self.state)
        return found


class DatabaseRouteLaws(RouteLaws):
    """Over a database."""

    def place(self) -> str:
        raise NotImplementedError

    def setUp(self) -> None:
        self.store = open_store(self.place(), node=new_id(), now=lambda: START, inline=True)
        self.routes = self.store.routes

    def tearDown(self) -> None:
        result(self.store.close())

    def directory(self) -> IDirectory:
        self.store.directory.forget()
        return self.store.directory


class SqliteRouteTests(DatabaseRouteLaws, SynchronousTestCase):
    """Over SQLite."""

    def place(self) -> str:
        return fresh_folder(self.mktemp())


class PostgresRouteTests(DatabaseRouteLaws, SynchronousTestCase):
    """Over PostgreSQL."""

    def place(self) -> str:
        return fresh_database()
