"""The daemon's reactor: Twisted's own over epoll, without the context that it makes around each event.

Twisted calls whatever has something to read in a context that tells old log messages whom they are from, and asks first
whether its descriptor still is one. Our lines say themselves whom they are about, and what is closed is not polled any
more; a message is six such events, and these calls were a twentieth of what it costs. Every other event goes Twisted's
way, and so does whoever chose a reactor by ``twistd --reactor``.
"""

from __future__ import annotations

import sys
from select import EPOLLIN
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.main import installReactor
from twisted.logger import Logger
from twisted.python.log import callWithLogger

_log = Logger()


class Reactor(EPollReactor):
    """Reads with fewer calls."""

    def doPoll(self, timeout: float | None) -> None:
        """Wait for events for that many seconds (None: as long as it takes), and take each to whom it concerns."""
        selectables = self._selectables
        try:
            events = self._poller.poll(-1 if timeout is None else timeout, max(1, len(selectables)))
        except InterruptedError:
            return
        for descriptor, event in events:
            selectable = selectables.get(descriptor)
            if selectable is None:
                continue  # closed by one that came before it
            if event == EPOLLIN:
                self._read(selectable)
            else:
                callWithLogger(selectable, self._doReadOrWrite, selectable, descriptor, event)  # type: ignore[no-untyped-call]

    doIteration = doPoll

    def _read(self, selectable: Any) -> None:
        try:
            why = selectable.doRead()
            if why:
                self._disconnectSelectable(selectable, why, True)  # type: ignore[no-untyped-call]
        except Exception as error:
            _log.failure("reading from {selectable} failed", selectable=selectable)
            self._disconnectSelectable(selectable, error, True)  # type: ignore[no-untyped-call]


def install() -> None:
    """Make it the process's reactor, unless there is one."""
    if "twisted.internet.reactor" not in sys.modules:
        installReactor(Reactor())  # type: ignore[no-untyped-call]
