"""Answers under idempotency keys over the memory twin, SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.answers import LIFETIME, Answered, IAnswers
from mailrelay.store import open_store
from mailrelay.store.memory.answers import MemoryAnswers
from tests.live.postgres import server

from .worlds import START, new_id, result

BEGUN = Answered("T1", "k", "d", START)
DONE = replace(BEGUN, status=201, type="application/json", sealed="sealed")


class AnswerLaws:
    """What is promised of answers."""

    answers: IAnswers

    def test_once(self) -> None:
        """A key is given to one request of a caller at a time, and told of to the others, for a day."""
        verifyObject(IAnswers, self.answers)
        self.assertIsNone(result(self.answers.begin(BEGUN)))
        self.assertEqual(result(self.answers.begin(replace(BEGUN, digest="other", at=START + 5))), BEGUN)
        self.assertIsNone(result(self.answers.begin(replace(BEGUN, caller="T2"))))
        result(self.answers.end(DONE))
        self.assertEqual(result(self.answers.begin(replace(BEGUN, at=START + LIFETIME - 1))), DONE)
        later = replace(BEGUN, at=START + LIFETIME)
        self.assertIsNone(result(self.answers.begin(later)))
        self.assertEqual(result(self.answers.begin(later)), later)

    def test_freed(self) -> None:
        """A key is free again once its request is dropped, or forgotten with those of its age."""
        self.assertIsNone(result(self.answers.begin(BEGUN)))
        result(self.answers.drop("T1", "k"))
        result(self.answers.end(DONE))
        self.assertIsNone(result(self.answers.begin(BEGUN)))
        self.assertIsNone(result(self.answers.begin(replace(BEGUN, key="l", at=START + 1))))
        self.assertEqual(result(self.answers.forget(START + 1)), 1)
        self.assertIsNone(result(self.answers.begin(BEGUN)))
        self.assertIsNotNone(result(self.answers.begin(replace(BEGUN, key="l"))))


class MemoryAnswerTests(AnswerLaws, SynchronousTestCase):
    """Over the memory twin."""

    def setUp(self) -> None:
        self.answers = MemoryAnswers()


class DatabaseAnswerLaws(AnswerLaws):
    """Over a database."""

    def place(self) -> str:
        raise NotImplementedError

    def setUp(self) -> None:
        self.store = open_store(self.place(), node=new_id(), now=lambda: START, inline=True)
        self.answers = self.store.answers

    def tearDown(self) -> None:
        result(self.store.close())


class SqliteAnswerTests(DatabaseAnswerLaws, SynchronousTestCase):
    """Over SQLite."""

    def place(self) -> str:
        return self.mktemp()


class PostgresAnswerTests(DatabaseAnswerLaws, SynchronousTestCase):
    """Over PostgreSQL."""

    def place(self) -> str:
        return server().new_database()
