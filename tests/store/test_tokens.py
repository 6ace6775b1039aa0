"""Tokens over the memory twin, SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.people import User
from mailrelay.interfaces.registry import Taken
from mailrelay.interfaces.tokens import Found, ITokens, Token
from mailrelay.store import open_store
from mailrelay.store.memory.tokens import MemoryTokens
from tests.live.postgres import server

from .worlds import START, new_id, result

ANN = User("U1", "ann", "administrator", "", "$argon2id$1", created_at=START)
FIRST = Token("T1", "A", "shop", "d1", "mrt_abcd", ("messages:send",), ("192.0.2.0/24",), "U1", START, START + 9)
SECOND = Token("T2", "", "shop", "d2", "mrt_efgh", created_at=START + 1)


class TokenLaws:
    """What is promised of tokens."""

    tokens: ITokens
    add_user: Callable[[User], Deferred[None]]

    def test_kept(self) -> None:
        """A token is there as given, under a name that no other of its account has, until it is removed."""
        verifyObject(ITokens, self.tokens)
        for token in (SECOND, FIRST):
            result(self.tokens.add(token))
        self.assertEqual(list(result(self.tokens.every())), [FIRST, SECOND])
        self.assertEqual(list(result(self.tokens.every("A"))), [FIRST])
        self.assertEqual(list(result(self.tokens.every(""))), [SECOND])
        self.assertRaises(Taken, result, self.tokens.add(replace(FIRST, id="T3", digest="d3")))
        self.assertTrue(result(self.tokens.change("T1", {"used_at": START + 5, "networks": ()})))
        self.assertEqual(list(result(self.tokens.every("A"))), [replace(FIRST, used_at=START + 5, networks=())])
        self.assertEqual([result(self.tokens.remove("T1")) for _ in range(2)], [True, False])
        self.assertFalse(result(self.tokens.change("T1", {"used_at": 1})))
        self.assertIsNone(result(self.tokens.find("d1")))

    def test_found(self) -> None:
        """A token is found by its digest, with the user who made it while there is one."""
        for token in (FIRST, SECOND):
            result(self.tokens.add(token))
        self.assertEqual(result(self.tokens.find("d1")), Found(FIRST, None))
        result(self.add_user(ANN))
        self.assertEqual(result(self.tokens.find("d1")), Found(FIRST, ANN))
        self.assertEqual(result(self.tokens.find("d2")), Found(SECOND, None))
        self.assertIsNone(result(self.tokens.find("d3")))


class MemoryTokenTests(TokenLaws, SynchronousTestCase):
    """Over the memory twin."""

    def setUp(self) -> None:
        users: dict[str, User] = {}
        self.tokens = MemoryTokens(users)

        def add(user: User) -> Deferred[None]:
            users[user.id] = user
            done: Deferred[None] = Deferred()
            done.callback(None)
            return done

        self.add_user = add


class DatabaseTokenLaws(TokenLaws):
    """Over a database."""

    def place(self) -> str:
        raise NotImplementedError

    def setUp(self) -> None:
        self.store = open_store(self.place(), node=new_id(), now=lambda: START, inline=True)
        self.tokens = self.store.tokens
        self.add_user = self.store.people.add

    def tearDown(self) -> None:
        result(self.store.close())


class SqliteTokenTests(DatabaseTokenLaws, SynchronousTestCase):
    """Over SQLite."""

    def place(self) -> str:
        return self.mktemp()


class PostgresTokenTests(DatabaseTokenLaws, SynchronousTestCase):
    """Over PostgreSQL."""

    def place(self) -> str:
        return server().new_database()
