"""The daemon as a Twisted service: parts that start in order and stop in the other, and the signals that say so.

A part that cannot start ends the process with one line and status 1; nothing is left half started. TERM and INT stop it
gracefully, and it ends with status 0; HUP makes the parts that can read again what they were made from, and never kills
it. The service manager is told of all that. Twisted's own handlers would end the process by the signal.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TextIO, runtime_checkable

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredLock, succeed
from twisted.logger import ILogObserver, Logger

from .log import LineLog
from .memory import lay_on_large_pages
from .notify import TO_NOBODY, Notices

log = Logger()


def _settle_in() -> None:
    """What is loaded by now lives as long as the process: lay it on large pages, let the cycle collector pass it over,
    and look less often.

    Messages leave few cycles behind; looking for them cost some 5 % of scenario R.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    lay_on_large_pages()


class Part(Protocol):
    """Something that runs while the daemon does."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


@runtime_checkable
class Reloads(Protocol):
    """A part that can read again what it was made from."""

    async def reload(self) -> None: ...


@runtime_checkable
class Hurries(Protocol):
    """A part that can end sooner than it would like to."""

    def hurry(self) -> None: ...


class Daemon(Service):
    """Runs its parts; `announce` is called when all have started, `withdraw` before the first one stops.

    `notices` go to the service manager; `status` is what it shows of a daemon that is ready.
    `log_stream`, when set before the service joins its application, is where the log goes; `owns_process` tells that
    nothing else runs here, so that the whole process may be tuned.
    """

    def __init__(
        self,
        reactor: Any,
        parts: Sequence[Part],
        announce: Callable[[], None],
        withdraw: Callable[[], None],
        notices: Notices = TO_NOBODY,
        status: str = "",
    ) -> None:
        self._reactor = reactor
        self._parts = parts
        self._announce = announce
        self._withdraw = withdraw
        self._notices = notices
        self._status = status
        self._reloads = DeferredLock()
        self._started: list[Part] = []
        self._starting: Deferred[None] = succeed(None)
        self.log_stream: TextIO | None = None
        self.owns_process = False

    def setServiceParent(self, parent: Any) -> None:
        """Join the application, and log to `log_stream` if set; twistd asks the application for an observer."""
        if self.log_stream is not None and hasattr(parent, "setComponent"):
            parent.setComponent(ILogObserver, LineLog(self.log_stream))
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]

    def startService(self) -> None:
        super().startService()  # type: ignore[no-untyped-call]
        self._reactor.callWhenRunning(self._begin)

    def _begin(self) -> None:
        self._catch_signals()
        self._starting = Deferred.fromCoroutine(self._start())
        self._starting.addErrback(self._die)

    async def _start(self) -> None:
        for part in self._parts:
            self._started.append(part)
            await part.start()
        if self.owns_process:
            _settle_in()
        self._announce()
        self._notices.ready(self._status)

    def _die(self, failure: Any) -> None:
        if not self.running:
            return  # told to stop while it started
        log.failure("cannot start", failure)
        if sys.__stderr__ is not None:  # where people look; twistd makes lines of the log of what goes to sys.stderr
            sys.__stderr__.write(f"mailrelay: cannot start: {failure.getErrorMessage()}\n")
        # twistd has no way of its own to end with a status
        self._reactor.addSystemEventTrigger("after", "shutdown", os._exit, 1)
        self._reactor.stop()

    def _catch_signals(self) -> None:
        """From here on TERM and INT mean: stop, then end with status 0, a second time: sooner; HUP means: reload."""

        def stop(number: int, frame: object) -> None:
            self._reactor.callFromThread(self._stop_reactor)

        def hang_up(number: int, frame: object) -> None:
            self._reactor.callFromThread(self.reload)

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGHUP, hang_up)

    def reload(self) -> Deferred[None]:
        """Let every part that can read again what it was made from; one that fails goes on with what it had."""
        return self._reloads.run(lambda: Deferred.fromCoroutine(self._reload()))

    async def _reload(self) -> None:
        if not self.running or not self._starting.called:
            return  # what starts reads everything anyway
        self._notices.reloading()
        for part in self._started:
            if isinstance(part, Reloads):
                try:
                    await part.reload()
                except Exception:
                    log.failure("a part could not be reloaded, it goes on with what it had")
        log.info("reloaded")
        self._notices.ready(self._status)

    def _stop_reactor(self) -> None:
        if self.running:
            self._reactor.stop()
            return
        for part in self._parts:
            if isinstance(part, Hurries):
                part.hurry()

    def stopService(self) -> Deferred[None]:
        super().stopService()  # type: ignore[no-untyped-call]
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self._notices.stopping()
        self._starting.cancel()
        self._withdraw()
        while self._started:
            part = self._started.pop()
            try:
                await part.stop()
            except Exception:
                log.failure("a part did not stop well")
