"""Chores: switches read in time, nothing stuck, nothing given back that is about to be used."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.counters import login_key
from mailrelay.interfaces.nodes import INodes
from mailrelay.mail.envelope import SECOND, State
from mailrelay.manage.settings import PAUSED
from mailrelay.manage.switches import LOGIN_GUARD_CLEARED
from mailrelay.run.chores import Chores
from mailrelay.store.counters import MemoryCounters
from mailrelay.store.memory import Entry, MemoryDirectory, MemoryLedger, MemoryNodes, MemoryState

from ..relay.fakes import START, delivery, logged, told


class ChoresTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.state = MemoryState(balance={"A": 5})
        self.ledger = MemoryLedger(self.state, "N1")
        self.counters = MemoryCounters(self.clock)
        self.directory = MemoryDirectory(self.state)
        self.in_hand: set[str] = set()
        self.swept: list[int] = []
        self.forgotten: list[int] = []
        self.searched: list[int] = []
        self.link_keys: list[str] = []
        self.weighed: list[Mapping[str, int]] = []
        self.recalled: list[float] = []
        self.chores = Chores(
            self.ledger,
            MemoryNodes(self.state, "N1"),
            self.directory,
            self.counters,
            in_hand=self.in_hand,
            sweep=lambda now: succeed(self.swept.append(now) or 0),
            forget=lambda now: succeed(self.forgotten.append(now) or 0),
            set_aside=lambda now: succeed(self.searched.append(now) or 0),
            read_link_keys=self.link_keys.append,
            weigh=self.weighed.append,
            recall=lambda: self.recalled.append(self.clock.seconds()),
            clock=self.clock,
            now=lambda: START + round(self.clock.seconds() * SECOND),
        )
        self.chores.start()

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 4)):
            self.clock.advance(0.25)

    def leased(self, id: str, node: str = "N1") -> Entry:
        entry = self.state.recipients[id] = Entry(delivery(id), f"{id}@b.test", lease=node)
        return entry

    def test_nodes(self) -> None:
        """The twin of the nodes is what the roof asks for."""
        verifyObject(INodes, MemoryNodes(self.state, "N1"))

    def test_switches(self) -> None:
        """A switch that the command line moves holds within a second, both ways."""
        self.assertFalse(self.chores.paused)
        self.state.switches[PAUSED] = "moving house"
        self.state.switches["link_keys"] = "a new key"
        self.pass_time(0.75)
        self.assertTrue(self.chores.paused)
        self.assertEqual(self.link_keys[-1], "a new key")
        self.state.switches[PAUSED] = ""
        self.pass_time(0.75)
        self.assertFalse(self.chores.paused)

    def test_login_guard(self) -> None:
        """Clearing the guard is done once for each time it was asked for: what fails afterwards counts, also for a
        process that starts later."""
        key = login_key("192.0.2.1", "ann")
        self.state.switches[LOGIN_GUARD_CLEARED] = '{"at": 0, "prefix": "login:"}'
        self.successResultOf(self.counters.fail(key, 600))
        self.successResultOf(Deferred.fromCoroutine(self.chores.read_switches()))

        def failures() -> int:
            return self.successResultOf(self.counters.failures(key, 600))

        self.assertEqual(failures(), 1)
        self.successResultOf(self.counters.clear(key))
        for at in (1, 2):
            self.successResultOf(self.counters.fail(key, 600))
            self.assertEqual(failures(), 1)
            self.state.switches[LOGIN_GUARD_CLEARED] = f'{{"at": {at}, "prefix": "login:192.0.2.1"}}'
            self.pass_time(0.75)
            self.assertEqual(failures(), 0)
            self.successResultOf(self.counters.fail(key, 600))
            self.pass_time(5)
            self.assertEqual(failures(), 1)
            self.successResultOf(self.counters.clear(key))

    def test_expired(self) -> None:
        """What waits past its deadline ends, though nobody claims it (law 3)."""
        entry = self.leased("R1", "")
        self.clock.advance(3600)
        self.pass_time(10)
        self.assertEqual(entry.state, State.EXPIRED)

    def test_the_dead(self) -> None:
        """What a dead process had in hand is free again within seconds (law 4)."""
        entry = self.leased("R1", "N0")
        self.pass_time(10)
        self.assertEqual(entry.lease, "N0")
        self.state.dead.add("N0")
        self.pass_time(10)
        self.assertEqual(entry.lease, "")

    def test_strays(self) -> None:
        """A lease of ours that nobody here knows of, at two looks in a row, is given back and told of once."""
        stray, mine = self.leased("R1"), self.leased("R2")
        self.in_hand.add("R2")
        with logged() as events:
            self.pass_time(10)
            self.assertEqual((stray.lease, mine.lease), ("N1", "N1"))
            self.pass_time(10)
        self.assertEqual((stray.lease, mine.lease), ("", "N1"))
        self.assertIn("1 leases that nobody meant to hold", told(events))
        with logged() as events:
            self.pass_time(60)
        self.assertEqual((events, mine.lease), ([], "N1"))

    def test_commit_under_way(self) -> None:
        """A lease that the scheduler is told of only after a look is not taken from it: no mail goes twice (I2)."""
        entry = self.leased("R1")
        self.pass_time(10)
        self.in_hand.add("R1")
        self.pass_time(30)
        self.in_hand.discard("R1")
        entry.lease = ""
        self.pass_time(10)
        entry.lease = "N1"
        self.pass_time(10)
        self.in_hand.add("R1")
        self.pass_time(10)
        self.assertEqual(entry.lease, "N1")

    def test_sweep(self) -> None:
        """Orphans are swept once an hour."""
        for _ in range(2 * 360):
            self.clock.advance(10)
        self.assertEqual(self.swept, [START + 3600 * SECOND, START + 7200 * SECOND])
        self.assertEqual(self.forgotten, [START, START + 3600 * SECOND, START + 7200 * SECOND])

    def test_damage(self) -> None:
        """Damaged rows are looked for at once, and then once an hour (D8)."""
        self.assertEqual(self.searched, [START])
        for _ in range(360):
            self.clock.advance(10)
        self.assertEqual(self.searched, [START, START + 3600 * SECOND])

    def test_failures(self) -> None:
        """A chore that fails harms no other, is logged once, and is done when it can be again."""
        expire = self.ledger.expire
        for _ in range(2):
            self.ledger.expire = lambda now: fail(OSError(5, "Input/output error"))  # type: ignore[method-assign]
            self.pass_time(60)
            self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
            self.state.switches[PAUSED] = "1"
            self.pass_time(1)
            self.assertTrue(self.chores.paused)
            self.ledger.expire = expire  # type: ignore[method-assign]
            entry = self.leased("R1", "N0")
            self.state.dead.add("N0")
            self.pass_time(10)
            self.assertEqual(entry.lease, "")

    def test_slow_store(self) -> None:
        """A chore that takes longer than its period is not begun a second time meanwhile."""
        asked: list[Deferred[Collection[str]]] = []

        def slow() -> Deferred[Any]:
            asked.append(Deferred())
            return asked[-1]

        self.ledger.leases = slow  # type: ignore[method-assign]
        self.pass_time(45)
        self.assertEqual(len(asked), 1)
        asked[0].callback([])
        self.pass_time(10)
        self.assertEqual(len(asked), 2)

    def test_stop(self) -> None:
        """After the stop nothing is begun, and what was under way ends in silence, however it ends."""
        asked: list[Deferred[Any]] = []
        self.directory.settings = lambda: asked.append(Deferred()) or asked[-1]  # type: ignore[method-assign,func-returns-value]
        self.pass_time(1)
        self.chores.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        with logged() as events:
            asked[0].errback(OSError(5, "closed"))
        self.assertEqual(events, [])
