"""The daemon: parts in order, one line for what keeps it from running, and an orderly end."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.run.daemon import Daemon
from mailrelay.run.notify import Notices


class FakeReactor:
    """Runs, and notes that it is told to stop."""

    def __init__(self) -> None:
        self.stopped = 0
        self.triggers: list[tuple[Any, ...]] = []

    def callWhenRunning(self, call: Callable[[], object]) -> None:
        call()

    def callFromThread(self, call: Callable[[], object]) -> None:
        call()

    def addSystemEventTrigger(self, *trigger: Any) -> None:
        self.triggers.append(trigger)

    def stop(self) -> None:
        self.stopped += 1


class FakePart:
    """Tells what is asked of it; starts and stops when the test says so, if it is slow."""

    def __init__(self, name: str, told: list[str], *, fails: str = "", slow: str = "") -> None:
        self.name = name
        self.told = told
        self.fails = fails
        self.slow = slow
        self.hand: Deferred[None] = Deferred()

    async def _do(self, what: str) -> None:
        self.told.append(f"{what} {self.name}")
        if what in self.slow:
            await self.hand
        if what in self.fails:
            raise OSError(5, f"{self.name} cannot {what}")

    async def start(self) -> None:
        await self._do("start")

    async def stop(self) -> None:
        await self._do("stop")


class HurryingPart(FakePart):
    """One that can end sooner."""

    def hurry(self) -> None:
        self.told.append(f"hurry {self.name}")


class ReloadingPart(FakePart):
    """One that can read again what it was made from."""

    async def reload(self) -> None:
        await self._do("reload")


class DaemonTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.told: list[str] = []
        self.notices: list[list[str]] = []
        self.stderr = io.StringIO()
        self.handlers: dict[int, Any] = {}
        self.patch(signal, "signal", self.handlers.__setitem__)

    def daemon(self, *parts: FakePart) -> Daemon:
        return Daemon(
            self.reactor,
            parts,
            lambda: self.told.append("announce"),
            lambda: self.told.append("withdraw"),
            Notices(lambda datagram: self.notices.append(datagram.decode().split("\n")), lambda: 77),
            "listening",
        )

    def hang_up(self) -> None:
        self.handlers[signal.SIGHUP](signal.SIGHUP, None)

    def part(self, name: str, **how: str) -> FakePart:
        return FakePart(name, self.told, **how)

    def start(self, daemon: Daemon) -> None:
        with patch("sys.__stderr__", self.stderr):
            daemon.startService()

    def test_order(self) -> None:
        """Parts start in order, then the daemon is announced; it is withdrawn first, and they stop in reverse."""
        daemon = self.daemon(self.part("store"), self.part("web"))
        self.start(daemon)
        self.assertEqual(self.told, ["start store", "start web", "announce"])
        self.successResultOf(daemon.stopService())
        self.assertEqual(self.told[3:], ["withdraw", "stop web", "stop store"])
        self.assertEqual((self.reactor.stopped, self.reactor.triggers, self.stderr.getvalue()), (0, [], ""))

    def test_one_after_another(self) -> None:
        """A part starts when the one before it has, and nothing is announced before the last."""
        store = self.part("store", slow="start")
        self.start(self.daemon(store, self.part("web")))
        self.assertEqual(self.told, ["start store"])
        store.hand.callback(None)
        self.assertEqual(self.told, ["start store", "start web", "announce"])

    def test_stop_waits(self) -> None:
        """A part stops when the one that leans on it has."""
        web = self.part("web", slow="stop")
        daemon = self.daemon(self.part("store"), web)
        self.start(daemon)
        stopping = daemon.stopService()
        self.assertEqual(self.told[-1], "stop web")
        self.assertNoResult(stopping)
        web.hand.callback(None)
        self.successResultOf(stopping)
        self.assertEqual(self.told[-1], "stop store")

    def test_part_that_cannot_start(self) -> None:
        """It is one line and status 1, after all that had begun was stopped, its own half included."""
        daemon = self.daemon(self.part("store"), self.part("web", fails="start"), self.part("never"))
        self.start(daemon)
        self.assertEqual(self.stderr.getvalue(), "mailrelay: cannot start: [Errno 5] web cannot start\n")
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        self.assertEqual(self.reactor.triggers, [("after", "shutdown", os._exit, 1)])
        self.assertEqual(self.reactor.stopped, 1)
        self.successResultOf(daemon.stopService())
        self.assertEqual(self.told, ["start store", "start web", "withdraw", "stop web", "stop store"])

    def test_part_that_cannot_stop(self) -> None:
        """It is logged; the others stop all the same."""
        daemon = self.daemon(self.part("store"), self.part("web", fails="stop"), self.part("sink", fails="stop"))
        self.start(daemon)
        self.successResultOf(daemon.stopService())
        self.assertEqual(self.told[-3:], ["stop sink", "stop web", "stop store"])
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 2)

    def test_stop_while_starting(self) -> None:
        """Told to stop before it has started, it starts nothing more, announces nothing, and ends well (status 0)."""
        store = self.part("store", slow="start")
        daemon = self.daemon(store, self.part("web"))
        self.start(daemon)
        self.handlers[signal.SIGTERM](signal.SIGTERM, None)
        self.assertEqual(self.reactor.stopped, 1)
        self.successResultOf(daemon.stopService())
        self.assertEqual(self.told, ["start store", "withdraw", "stop store"])
        self.assertTrue(store.hand.called)
        self.assertEqual((self.reactor.triggers, self.stderr.getvalue()), ([], ""))

    def test_signals(self) -> None:
        """TERM and INT stop it, once; HUP never does."""
        daemon = self.daemon(self.part("store"))
        self.start(daemon)
        self.hang_up()
        self.assertEqual(self.reactor.stopped, 0)
        self.handlers[signal.SIGINT](signal.SIGINT, None)
        self.assertEqual(self.reactor.stopped, 1)
        self.successResultOf(daemon.stopService())
        self.handlers[signal.SIGTERM](signal.SIGTERM, None)
        self.assertEqual(self.reactor.stopped, 1)

    def test_a_second_signal(self) -> None:
        """A second TERM hurries the parts that can be, and nothing else (D15)."""
        daemon = self.daemon(self.part("store"), HurryingPart("worker", self.told, slow="stop"))
        self.start(daemon)
        self.handlers[signal.SIGTERM](signal.SIGTERM, None)
        daemon.stopService()
        self.assertNotIn("hurry worker", self.told)
        self.handlers[signal.SIGTERM](signal.SIGTERM, None)
        self.assertEqual(self.told[-2:], ["stop worker", "hurry worker"])
        self.assertEqual(self.reactor.stopped, 1)

    def test_service_manager(self) -> None:
        """It is told READY after the last part has started, and STOPPING before the first one stops."""
        web = self.part("web", slow="start stop")
        daemon = self.daemon(self.part("store"), web)
        self.start(daemon)
        self.assertEqual(self.notices, [])
        web.hand.callback(None)
        self.assertEqual(self.notices, [["READY=1", "STATUS=listening"]])
        web.hand = Deferred()
        daemon.stopService()
        self.assertEqual(self.notices[1][0], "STOPPING=1")
        self.assertNotIn("stop store", self.told)

    def test_never_ready(self) -> None:
        """What cannot start, or is told to stop while it starts, is never READY."""
        self.start(self.daemon(self.part("web", fails="start")))
        self.flushLoggedErrors(OSError)
        daemon = self.daemon(self.part("web", slow="start"))
        self.start(daemon)
        self.hang_up()
        self.successResultOf(daemon.stopService())
        self.hang_up()
        self.assertEqual([notice[0] for notice in self.notices], ["STOPPING=1"])

    def test_reload(self) -> None:
        """HUP reloads the parts that can, between RELOADING and READY; the others do not notice."""
        web = ReloadingPart("web", self.told, slow="reload")
        self.start(self.daemon(self.part("store"), web))
        del self.told[:], self.notices[:]
        self.hang_up()
        self.assertEqual(self.told, ["reload web"])
        self.assertEqual(self.notices, [["RELOADING=1", "MONOTONIC_USEC=77", "STATUS=reloading"]])
        web.hand.callback(None)
        self.assertEqual(self.notices[1:], [["READY=1", "STATUS=listening"]])

    def test_reload_that_fails(self) -> None:
        """A part that cannot be reloaded is logged; the others are reloaded, and the daemon is READY again."""
        parts = (ReloadingPart("web", self.told, fails="reload"), ReloadingPart("store", self.told))
        self.start(self.daemon(*parts))
        self.hang_up()
        self.assertEqual(self.told[-2:], ["reload web", "reload store"])
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        self.assertEqual(self.notices[-1][0], "READY=1")

    def test_reloads_in_turn(self) -> None:
        """A second HUP waits for the first one's reload."""
        web = ReloadingPart("web", self.told, slow="reload")
        self.start(self.daemon(web))
        del self.told[:], self.notices[:]
        self.hang_up()
        self.hang_up()
        self.assertEqual(self.told, ["reload web"])
        web.hand.callback(None)
        self.assertEqual(self.told, ["reload web"] * 2)
        self.assertEqual([notice[0] for notice in self.notices], ["RELOADING=1", "READY=1"] * 2)
