"""The parts of a daemon beside its worker: the HTTP port, and the sandbox's sink.

Each is handed its listening socket, serves it from `start` to `stop`, and closes what it opened.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IListeningPort, IProtocolFactory

from ..interfaces.sandbox import IInbox
from ..smtp.listener import Listener
from ..smtp.server import SmtpServerFactory
from .inbox import open_inbox
from .ports import adopt
from .sink import Sink, sink_dialect, sink_portal


class Served:
    """One socket served by one factory, which is made when it starts."""

    def __init__(self, reactor: Any, sock: socket.socket, factory: Callable[[], IProtocolFactory]) -> None:
        self._reactor = reactor
        self._socket = sock
        self._factory = factory
        self._port: IListeningPort | None = None

    async def start(self) -> None:
        self._port = adopt(self._reactor, self._socket, self._factory())

    async def stop(self) -> None:
        if self._port is not None and (stopping := self._port.stopListening()) is not None:
            await stopping
        self._socket.close()


class SinkHost:
    """The receiving mail host of the sandbox, with the inbox in which it keeps what arrives."""

    def __init__(self, reactor: Any, sock: socket.socket, state: Path, now: Callable[[], int]) -> None:
        self._reactor = reactor
        self._socket = sock
        self._state = state
        self._now = now
        self._undo: list[Callable[[], Awaitable[None]]] = []
        self.inbox: IInbox

    async def start(self) -> None:
        self.inbox, close = open_inbox(str(self._state / "sandbox.sqlite3"), self._reactor)
        self._undo.append(close)
        dialect = sink_dialect()
        sink = Sink(self.inbox, dialect, self._reactor, self._now)
        factory = SmtpServerFactory(
            Listener("sink", login="address"),
            dialect,
            sink_portal(sink),
            "localhost",
            self._reactor,
            None,
            os.urandom,
        )
        port = Served(self._reactor, self._socket, lambda: factory)

        async def cut() -> None:
            factory.cut()

        self._undo += [cut, port.stop]
        await port.start()

    async def stop(self) -> None:
        while self._undo:
            await self._undo.pop()()
        self._socket.close()
