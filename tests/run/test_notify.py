"""What the service manager is told, and when there is no sign of life."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.run.notify import Watchdog, notices, watchdog_interval


class NoticeTests(SynchronousTestCase):
    """Over real datagram sockets."""

    def path(self) -> str:
        """Where a socket may be: short, as its address must be."""
        folder = tempfile.mkdtemp(prefix="mr-notify-")
        self.addCleanup(shutil.rmtree, folder)
        return f"{folder}/socket"

    def manager(self, address: str) -> socket.socket:
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(address)
        manager.setblocking(False)
        return manager

    def test_path_and_abstract(self) -> None:
        """A socket with a path is told as one with an abstract name; each message is one datagram."""
        path = self.path()
        name = f"mailrelay-test-{os.getpid()}"
        for bound, named in ((path, path), (f"\0{name}", f"@{name}")):
            manager = self.manager(bound)
            told = notices({"NOTIFY_SOCKET": named})
            told.ready("one\ntwo=3")
            told.alive()
            self.assertEqual(manager.recv(1000), b"READY=1\nSTATUS=one two=3")
            self.assertEqual(manager.recv(1000), b"WATCHDOG=1")

    def test_reloading_says_when(self) -> None:
        """RELOADING comes with the monotonic time, as later managers want it."""
        path = self.path()
        manager = self.manager(path)
        told = notices({"NOTIFY_SOCKET": path})
        told.reloading()
        told.reloading()
        found = [manager.recv(1000).decode().split("\n") for _ in range(2)]
        self.assertEqual([lines[0] for lines in found], ["RELOADING=1"] * 2)
        first, second = (int(lines[1].removeprefix("MONOTONIC_USEC=")) for lines in found)
        self.assertLessEqual(first, second)

    def test_nobody(self) -> None:
        """Without a socket, with one that is no address, or with one that is gone, nothing happens."""
        for environment in ({}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}, {"NOTIFY_SOCKET": "/gone/x"}):
            notices(environment).ready()

    def test_never_waits(self) -> None:
        """A manager that reads nothing costs messages, not time."""
        path = self.path()
        self.manager(path)
        for _ in range(2000):
            notices({"NOTIFY_SOCKET": path}).alive()


class WatchdogTests(SynchronousTestCase):
    """Signs of life, by a clock of the test."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.signs: list[float] = []
        self.asked = 0
        self.answer: Deferred[None] | None = None
        self.failing = False
        self.watchdog = Watchdog(self.clock, 30.0, self.answers, lambda: self.signs.append(self.clock.seconds()))

    async def answers(self) -> None:
        self.asked += 1
        if self.answer is not None:
            await self.answer
        if self.failing:
            raise TimeoutError("no answer")

    def start(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.watchdog.start()))

    def pass_by(self, seconds: int) -> None:
        self.clock.pump([1] * seconds)

    def test_interval(self) -> None:
        """Half of what the manager allows, when it allows this process anything."""
        for environment, seconds in (
            ({"WATCHDOG_USEC": "60000000"}, 30.0),
            ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"}, 30.0),
            ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "8"}, 0.0),
            ({"WATCHDOG_USEC": "soon"}, 0.0),
            ({"WATCHDOG_USEC": "0"}, 0.0),
            ({}, 0.0),
        ):
            self.assertEqual(watchdog_interval(environment, 7), seconds)

    def test_signs(self) -> None:
        """A sign at once, then one each interval, until it stops."""
        self.start()
        self.pass_by(90)
        self.assertEqual(self.signs, [0, 30, 60, 90])
        self.successResultOf(Deferred.fromCoroutine(self.watchdog.stop()))
        self.pass_by(90)
        self.assertEqual((len(self.signs), self.clock.getDelayedCalls()), (4, []))

    def test_no_answer(self) -> None:
        """A store that hangs is asked once, and there is no sign before it answers."""
        self.start()
        self.answer = Deferred()
        self.pass_by(100)
        self.assertEqual((self.signs, self.asked), ([0], 2))
        self.answer.callback(None)
        self.assertEqual(self.signs, [0, 100])
        self.pass_by(30)
        self.assertEqual(self.signs, [0, 100, 120])

    def test_failing(self) -> None:
        """A store that does not come to it is asked again, logged once, and no sign is given until it does."""
        self.failing = True
        self.start()
        self.pass_by(100)
        self.assertEqual((self.signs, self.asked), ([], 4))
        self.assertEqual(len(self.flushLoggedErrors(TimeoutError)), 1)
        self.failing = False
        self.pass_by(20)
        self.assertEqual(self.signs, [120])

    def test_stop_while_asking(self) -> None:
        """A stop waits for no answer."""
        self.start()
        self.answer = Deferred()
        self.pass_by(30)
        self.successResultOf(Deferred.fromCoroutine(self.watchdog.stop()))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.answer.callback(None)
        self.assertEqual(self.clock.getDelayedCalls(), [])
