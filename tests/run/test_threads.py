"""Threads that work for the reactor: real threads, a reactor turned by hand."""

from __future__ import annotations

import threading
import time
import weakref
from queue import SimpleQueue
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.run.threads import Threads


class ByHand:
    """A reactor that runs what threads ask of it when `turn` is called."""

    def __init__(self) -> None:
        self.asked: SimpleQueue[tuple[Any, tuple[Any, ...]]] = SimpleQueue()

    def callFromThread(self, callable: Any, *args: Any) -> None:
        self.asked.put((callable, args))

    def turn(self) -> None:
        callable, args = self.asked.get(timeout=30)
        callable(*args)


class ThreadsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = ByHand()
        self.threads = Threads(self.reactor, 2, "test")
        self.threads.start()
        self.addCleanup(self.threads.stop)

    def test_result(self) -> None:
        """A result comes in the reactor's thread, and is computed in another."""
        found = self.threads.defer(lambda value: (value, threading.current_thread().name), 7)
        self.assertNoResult(found)
        self.reactor.turn()
        value, thread = self.successResultOf(found)
        self.assertEqual(value, 7)
        self.assertIn(thread, ("test-0", "test-1"))

    def test_failure(self) -> None:
        """What fails fails its caller, and the thread goes on."""
        failed = self.threads.defer(int, "x")
        self.reactor.turn()
        self.failureResultOf(failed, ValueError)
        again = self.threads.defer(int, "1")
        self.reactor.turn()
        self.assertEqual(self.successResultOf(again), 1)

    def test_nothing_is_kept(self) -> None:
        """Threads that wait keep neither what they were given last nor what came of it (L5)."""

        class Large:
            """Stands for a message."""

        def change(given: Large) -> Large:
            made = Large()
            kept.append(weakref.ref(made))
            return made

        large = [Large() for _ in range(4)]
        kept = [weakref.ref(each) for each in large]
        results = [self.threads.defer(change, each) for each in large]
        del large
        while not all(each.called for each in results):
            self.reactor.turn()
        for each in results:
            self.assertIsInstance(self.successResultOf(each), Large)
        del each, results
        until = time.monotonic() + 30
        while any(each() for each in kept) and time.monotonic() < until:
            time.sleep(0.001)  # a thread may still be on its way back to waiting
        self.assertEqual([each() for each in kept], [None] * 8)

    def test_together(self) -> None:
        """Results that are ready before the reactor looks wake it once, and none is lost."""
        jobs = [self.threads.defer(str, number) for number in range(100)]
        self.threads.stop()
        self.assertEqual(self.reactor.asked.qsize(), 1)
        self.reactor.turn()
        self.assertEqual([self.successResultOf(job) for job in jobs], [str(number) for number in range(100)])
