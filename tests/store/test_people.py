"""Users and sessions over the memory twin, SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.people import BLOCKED, IPeople, Session, User
from mailrelay.interfaces.registry import Taken
from mailrelay.store import open_store
from mailrelay.store.memory.people import MemoryPeople
from tests.fresh import fresh_database, fresh_folder

from .worlds import HOUR, START, new_id, result

ANN = User("U1", "ann", "member", "A", "$argon2id$1", "active", "sealed", "", 5, ("r1", "r2"), START)
BOB = User("U2", "bob", "administrator", "", "$argon2id$2", created_at=START + 1)
HERS = Session("d1", "U1", START, START, "192.0.2.1", "Firefox")


class PeopleLaws:
    """What is promised of users and sessions."""

    people: IPeople

    def test_kept(self) -> None:
        """A user is there as given, under a name that nobody else has, until removed; the sessions go with them."""
        verifyObject(IPeople, self.people)
        for user in (BOB, ANN):
            result(self.people.add(user))
        self.assertEqual(list(result(self.people.users())), [ANN, BOB])
        self.assertEqual(result(self.people.named("ann")), ANN)
        self.assertIsNone(result(self.people.named("eve\0")))
        self.assertRaises(Taken, result, self.people.add(replace(BOB, id="U3", name="ann")))
        self.assertTrue(result(self.people.open(HERS, ANN.password)))
        result(self.people.remove("U1"))
        self.assertRaises(KeyError, result, self.people.remove("U1"))
        self.assertRaises(KeyError, result, self.people.change("U1", {"role": "x"}))
        self.assertIsNone(result(self.people.session("d1")))
        self.assertEqual(list(result(self.people.users())), [BOB])

    def test_password_ends_sessions(self) -> None:
        """A9: the commit that changes a password ends the sessions; one with the old password is not opened later."""
        result(self.people.add(ANN))
        self.assertTrue(result(self.people.open(HERS, ANN.password)))
        self.assertEqual(result(self.people.session("d1")), (HERS, ANN))
        changed = result(self.people.change("U1", {"password": "new", "recovery": ("r3",)}, True))
        self.assertEqual(changed, replace(ANN, password="new", recovery=("r3",)))
        self.assertIsNone(result(self.people.session("d1")))
        self.assertFalse(result(self.people.open(HERS, ANN.password)))
        result(self.people.change("U1", {"status": BLOCKED}))
        self.assertFalse(result(self.people.open(HERS, "new")))
        self.assertFalse(result(self.people.open(replace(HERS, user="U9"), "new")))

    def test_codes_serve_once(self) -> None:
        """A step of time and a recovery code can be used once, and no step before one that was used."""
        result(self.people.add(ANN))
        self.assertEqual([result(self.people.use_step("U1", step)) for step in (5, 7, 7, 6, 8)], [0, 1, 0, 0, 1])
        self.assertFalse(result(self.people.use_step("U9", 9)))
        self.assertEqual([result(self.people.use_recovery("U1", each)) for each in ("r2", "r2", "x")], [1, 0, 0])
        self.assertFalse(result(self.people.use_recovery("U9", "r1")))
        self.assertEqual(result(self.people.named("ann")).recovery, ("r1",))

    def test_sessions(self) -> None:
        """Sessions are listed by user, noted as used, and end one by one or by their age."""
        result(self.people.add(ANN))
        for digest, at in (("d2", START + HOUR), ("d1", START), ("d3", START + 2 * HOUR)):
            result(self.people.open(replace(HERS, digest=digest, created_at=at, seen_at=at), ANN.password))
        self.assertEqual([each.digest for each in result(self.people.sessions("U1"))], ["d1", "d2", "d3"])
        result(self.people.touch("d1", {"seen_at": START + 3 * HOUR, "acting": "A"}))
        result(self.people.touch("none", {"seen_at": 1}))
        session, _ = result(self.people.session("d1"))
        self.assertEqual((session.seen_at, session.acting), (START + 3 * HOUR, "A"))
        self.assertEqual(result(self.people.end_old(0, START + HOUR + 1)), 1)
        self.assertEqual(result(self.people.end_old(START + 1, 0)), 1)
        result(self.people.end("d3"))
        result(self.people.end("d3"))
        self.assertEqual(list(result(self.people.sessions("U1"))), [])


class MemoryPeopleTests(PeopleLaws, SynchronousTestCase):
    """Over the memory twin."""

    def setUp(self) -> None:
        self.people = MemoryPeople()


class DatabasePeopleLaws(PeopleLaws):
    """Over a database."""

    def place(self) -> str:
        raise NotImplementedError

    def setUp(self) -> None:
        self.store = open_store(self.place(), node=new_id(), now=lambda: START, inline=True)
        self.people = self.store.people

    def tearDown(self) -> None:
        result(self.store.close())


class SqlitePeopleTests(DatabasePeopleLaws, SynchronousTestCase):
    """Over SQLite."""

    def place(self) -> str:
        return fresh_folder(self.mktemp())


class PostgresPeopleTests(DatabasePeopleLaws, SynchronousTestCase):
    """Over PostgreSQL."""

    def place(self) -> str:
        return fresh_database()
