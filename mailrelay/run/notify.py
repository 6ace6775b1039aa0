"""What the daemon tells the service manager that started it (sd_notify(3)), and the signs of life that it gives.

Datagrams to the socket that ``NOTIFY_SOCKET`` names, a path or ``@`` and an abstract name; without one nothing is told.
A datagram that cannot be sent is dropped: the daemon never waits for its manager and never fails for it.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Awaitable, Callable, Mapping

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

log = Logger()


class Notices:
    """The messages; `send` takes one datagram, `monotonic` reads CLOCK_MONOTONIC in microseconds."""

    def __init__(self, send: Callable[[bytes], None], monotonic: Callable[[], int]) -> None:
        self._send = send
        self._monotonic = monotonic

    def ready(self, status: str = "") -> None:
        """Everything that was asked for is done: the start, or a reload."""
        self._tell("READY=1", *([f"STATUS={' '.join(status.split())}"] if status else []))

    def reloading(self) -> None:
        """A reload begins; `ready` ends it."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={self._monotonic()}", "STATUS=reloading")

    def stopping(self) -> None:
        """The stop begins."""
        self._tell("STOPPING=1", "STATUS=stopping: what was begun is being finished")

    def alive(self) -> None:
        """A sign of life."""
        self._tell("WATCHDOG=1")

    def _tell(self, *lines: str) -> None:
        self._send("\n".join(lines).encode())


def _microseconds() -> int:
    return time.monotonic_ns() // 1000


#: Told by a daemon that nobody manages.
TO_NOBODY = Notices(lambda datagram: None, _microseconds)


def notices(environment: Mapping[str, str]) -> Notices:
    """To the service manager that an environment names, or to nobody."""
    address = environment.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return TO_NOBODY
    if address[0] == "@":
        address = f"\0{address[1:]}"

    def send(datagram: bytes) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            try:
                sender.sendto(datagram, address)
            except OSError as error:
                log.warn("the service manager was not told: {error}", error=error)

    return Notices(send, _microseconds)


def watchdog_interval(environment: Mapping[str, str], pid: int) -> float:
    """Seconds between two signs of life, half of what the service manager allows this process; 0.0: none are wanted."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    if environment.get("WATCHDOG_PID", str(pid)) != str(pid) or not microseconds.isdecimal():
        return 0.0
    return int(microseconds) / 2e6


class Watchdog:
    """Gives a sign of life each `interval` seconds, and only when `answers` came to an end without a failure.

    A look that has no answer yet is waited for, and no other begun; so a reactor or a store that hangs is silent.
    """

    def __init__(
        self, clock: IReactorTime, interval: float, answers: Callable[[], Awaitable[None]], alive: Callable[[], None]
    ) -> None:
        self._answers = answers
        self._alive = alive
        self._interval = interval
        self._silent = False
        self._loop = LoopingCall(lambda: Deferred.fromCoroutine(self._look()))
        self._loop.clock = clock

    async def start(self) -> None:
        self._loop.start(self._interval)

    async def stop(self) -> None:
        if self._loop.running:
            self._loop.stop()

    async def _look(self) -> None:
        try:
            await self._answers()
        except Exception:
            if not self._silent:
                log.failure("no sign of life is given until this is over")
            self._silent = True
        else:
            self._silent = False
            self._alive()
