"""Whether a worker can take mail: each reason in words, one look for all who ask, and never a look without an end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.reply import Refusal
from mailrelay.run.health import KEPT, PATIENCE, Health


class Looks(SynchronousTestCase):
    """A worker that takes mail, and what may keep it from that."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.written: Any = succeed(None)
        self.asked = 0

        async def writes() -> None:
            self.asked += 1
            await self.written

        self.wired = SimpleNamespace(free_space=100, free_space_floor=10)
        self.worker: Any = SimpleNamespace(
            began=1, serving=True, stopping=False, paused=False, wired=self.wired, writes=writes
        )
        self.health = Health(self.worker, self.clock, lambda: 1)

    def look(self) -> Deferred[Any]:
        return Deferred.fromCoroutine(self.health.obstacles())

    def found(self) -> Any:
        self.clock.advance(KEPT)
        return self.successResultOf(self.look())

    def test_each_reason(self) -> None:
        """Ready, starting, stopping, paused, the disk's floor, a store that refuses or fails."""
        self.assertEqual(self.found(), [])
        self.worker.paused = True
        self.wired.free_space = 9
        self.written = fail(Refusal("storage_full", rule="store_failed", facts={"error": "database or disk is full"}))
        disk = "disk: 9 octets are free, 10 are the floor"
        self.assertEqual(self.found(), ["paused", disk, "store: database or disk is full"])
        self.worker.paused, self.wired.free_space, self.written = False, 10, fail(RuntimeError("secret"))
        self.assertEqual(self.found(), ["store: RuntimeError"])
        self.worker.serving = False
        self.assertEqual(self.found(), ["starting"])
        self.worker.stopping = True
        self.assertEqual(self.found(), ["stopping"])

    def test_one_look(self) -> None:
        """However many ask, one write a second is made; those who ask meanwhile get what comes of it."""
        self.written = Deferred()
        first, second = self.look(), self.look()
        first.cancel()
        self.failureResultOf(first)
        self.written.callback(None)
        self.assertEqual(self.successResultOf(second), [])
        self.assertEqual(self.successResultOf(self.look()), [])
        self.assertEqual(self.asked, 1)

    def test_patience(self) -> None:
        """A store that says nothing is one that refuses, after two seconds."""
        self.written = Deferred()
        look = self.look()
        self.clock.advance(PATIENCE)
        self.assertEqual(self.successResultOf(look), ["store: nothing could be written within 2 s"])

    def test_not_serving(self) -> None:
        """Before it serves, and once it stops, only that is told."""
        self.worker.stopping = True
        (ready,) = self.successResultOf(Deferred.fromCoroutine(self.health.read()))
        self.assertEqual((ready.measure, ready.value), ("mailrelay_ready", 0))
