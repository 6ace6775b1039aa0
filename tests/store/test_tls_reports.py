"""What is kept of TLS, over the memory twin, SQLite and PostgreSQL: sessions, reports about them, others' policies."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.sts import IStsMemory, KeptPolicy
from mailrelay.interfaces.tls_reports import SENT, ITlsReports, TlsReport
from mailrelay.mail.tls_report import Session
from mailrelay.store import open_store
from mailrelay.store.memory.sts_policies import MemoryPolicies
from mailrelay.store.memory.tls_reports import MemoryTlsReports
from tests.fresh import fresh_database, fresh_folder

from .worlds import START, new_id, result

GOOD = Session("b.test", 20_000, "sts", ("version: STSv1", "mode: enforce"), ("*.b.test",))
BAD = replace(GOOD, result="certificate-expired", host="mx.b.test", address="192.0.2.1", source="198.51.100.1")
LONG = replace(GOOD, strings=("x" * 9000,))
POLICY = KeptPolicy("b.test", "1", "version: STSv1\nmode: none\nmax_age: 5\n", START, START + 5)


class TlsLaws:
    """What is promised."""

    reports: ITlsReports
    policies: IStsMemory

    def test_interfaces(self) -> None:
        verifyObject(ITlsReports, self.reports)
        verifyObject(IStsMemory, self.policies)

    def test_counted(self) -> None:
        """Sessions add up by what they have in common, however long that is; a domain's day is read by itself."""
        other = replace(GOOD, domain="c.test"), replace(GOOD, day=20_001)
        result(
            self.reports.add({GOOD: 2, BAD: 1, LONG: 1, other[0]: 1}, {("b.test", 20_000): 7, ("c.test", 20_000): 5})
        )
        result(self.reports.add({GOOD: 3, other[1]: 9}, {("b.test", 20_000): 99, ("b.test", 20_001): 8}))
        self.assertEqual(result(self.reports.sessions("b.test", 20_000)), {GOOD: 5, BAD: 1, LONG: 1})
        self.assertEqual(result(self.reports.sessions("b.test", 20_001)), {other[1]: 9})
        self.assertEqual(result(self.reports.sessions("a.test", 20_000)), {})

    def test_due(self) -> None:
        """A report is due from its time on, the one that waited longest first; of two that take the same one is told
        no, and one that was sent is not due."""
        places = {("b.test", 20_000): 7, ("c.test", 20_000): 5, ("b.test", 20_001): 8}
        result(self.reports.add({}, places))
        first, second = TlsReport("c.test", 20_000, due_at=5), TlsReport("b.test", 20_000, due_at=7)
        self.assertEqual(list(result(self.reports.due(7, 9))), [first, second])
        self.assertEqual(list(result(self.reports.due(7, 1))), [first])
        self.assertIs(result(self.reports.change(first, replace(first, due_at=50))), True)
        self.assertIs(result(self.reports.change(first, replace(first, due_at=60))), False)
        sent = replace(second, status=SENT, sent_to=("mailto:a@b.test",), sent_at=9, attempts=2, error="x")
        self.assertIs(result(self.reports.change(second, sent)), True)
        self.assertIs(result(self.reports.change(second, second)), False)
        self.assertEqual(list(result(self.reports.due(7, 9))), [])
        day = TlsReport("b.test", 20_001, due_at=8)
        self.assertEqual(list(result(self.reports.every())), [day, sent, replace(first, due_at=50)])
        self.assertEqual(list(result(self.reports.every("b.test"))), [day, sent])

    def test_forgotten(self) -> None:
        """Days before one are forgotten, with their sessions."""
        later = replace(GOOD, day=20_001)
        result(self.reports.add({GOOD: 1, later: 1}, {("b.test", 20_000): 7, ("b.test", 20_001): 8}))
        self.assertEqual(result(self.reports.forget(20_001)), 1)
        self.assertEqual([each.day for each in result(self.reports.every())], [20_001])
        self.assertEqual(result(self.reports.sessions("b.test", 20_000)), {})
        self.assertEqual(result(self.reports.sessions("b.test", 20_001)), {later: 1})

    def test_policies(self) -> None:
        """A domain's newest policy is kept while it holds; the latest fetched are told first."""
        other = KeptPolicy("c.test", "2", "y", START + 1, START + 9)
        for policy in (POLICY, other, replace(POLICY, id="3", until=START + 7)):
            result(self.policies.put(policy))
        held = [other, replace(POLICY, id="3", until=START + 7)]
        self.assertEqual(list(result(self.policies.every(START, 5))), held)
        self.assertEqual(list(result(self.policies.every(START, 1))), held[:1])
        self.assertEqual(list(result(self.policies.every(START + 7, 5))), held[:1])
        self.assertEqual(result(self.policies.forget(START + 7)), 1)
        self.assertEqual(list(result(self.policies.every(START, 5))), held[:1])


class MemoryTlsTests(TlsLaws, SynchronousTestCase):
    """Over the memory twins."""

    def setUp(self) -> None:
        self.reports, self.policies = MemoryTlsReports(), MemoryPolicies()


class DatabaseTlsLaws(TlsLaws):
    """Over a database."""

    def place(self) -> str:
        raise NotImplementedError

    def setUp(self) -> None:
        self.store = open_store(self.place(), node=new_id(), now=lambda: START, inline=True)
        self.reports, self.policies = self.store.tls_reports, self.store.sts_policies

    def tearDown(self) -> None:
        result(self.store.close())


class SqliteTlsTests(DatabaseTlsLaws, SynchronousTestCase):
    """Over SQLite."""

    def place(self) -> str:
        return fresh_folder(self.mktemp())


class PostgresTlsTests(DatabaseTlsLaws, SynchronousTestCase):
    """Over PostgreSQL."""

    def place(self) -> str:
        return fresh_database()
