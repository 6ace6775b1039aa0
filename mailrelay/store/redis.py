"""One connection to Redis that is either there or away: no call waits for longer than its time-out, none is queued.

`Link` connects, greets, and connects again by itself when a call fails, whatever the reason: a server that is dead,
hangs, is full, only reads, or has moved. Until it is back `ask` fails at once with `Away`, so that the caller can go on
without it. The log gets one line for each change. This module knows no key, and never shows a password.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, Protocol, TypeVar

from twisted.internet.defer import Deferred, TimeoutError, fail
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint, connectProtocol
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from txredisapi import RedisProtocol

T = TypeVar("T")
log = Logger()

#: Seconds between two tries to come back.
PAUSE = 1.0


class Away(Exception):
    """Redis cannot be asked now."""


class Redis(Protocol):
    """What is used of a connection to Redis."""

    transport: Any

    def auth(self, password: str, username: str | None = None) -> Deferred[Any]: ...

    def select(self, index: int) -> Deferred[Any]: ...

    def eval(self, script: bytes, keys: list[bytes], args: list[bytes]) -> Deferred[int]: ...

    def scan(self, cursor: int, pattern: bytes, count: int) -> Deferred[tuple[bytes, list[bytes]]]: ...

    def delete(self, keys: list[bytes]) -> Deferred[int]: ...

    def whenDisconnected(self) -> Deferred[Any]: ...


def dial(reactor: Any, host: str, port: int, path: str) -> Callable[[], Deferred[Redis]]:
    """Connects to a host and port, or to a unix socket when there is a path."""
    endpoint: Any = UNIXClientEndpoint if path else HostnameEndpoint
    server = endpoint(reactor, *((path,) if path else (host, port)))
    # keys may hold whatever clients call themselves: octets in, octets out
    return lambda: connectProtocol(server, RedisProtocol(charset=None, convertNumbers=False))  # type: ignore[no-untyped-call]


class Link:
    """A connection that comes back; `name` is what the log calls the server."""

    def __init__(
        self,
        connect: Callable[[], Deferred[Redis]],
        greet: Callable[[Redis], Coroutine[Deferred[Any], Any, None]],
        name: str,
        clock: IReactorTime,
        timeout: float,
    ) -> None:
        """`greet` logs in and makes sure that the server does what it will be asked; `timeout`, in seconds, is for each
        of connecting, greeting and one call."""
        self._connect = connect
        self._greet = greet
        self._name = name
        self._clock = clock
        self._timeout = timeout
        self._redis: Redis | None = None
        self._attempt: Deferred[None] | None = None
        self._retry: IDelayedCall | None = None
        self._away: bool | None = None
        self._stopped = False

    def start(self) -> Deferred[None]:
        """Connect; fires when the first try is over, well or not."""
        over: Deferred[None] = Deferred()
        self._attempt = Deferred.fromCoroutine(self._try())
        # whoever waits for the first try must not be able to cancel it
        self._attempt.addBoth(over.callback)
        return over

    def stop(self) -> None:
        """Close, and come back no more."""
        self._stopped = True
        if self._attempt is not None:
            self._attempt.cancel()
        if self._retry is not None and self._retry.active():
            self._retry.cancel()
        redis, self._redis = self._redis, None
        if redis is not None:
            redis.transport.abortConnection()

    @property
    def open(self) -> bool:
        """Whether calls go to the server; they fail at once where not."""
        return self._redis is not None

    def ask(self, call: Callable[[Redis], Deferred[T]]) -> Deferred[T]:
        """Call something of the connection; fails with `Away` within the time-out when there is no good answer."""
        redis = self._redis
        if redis is None:
            return fail(Away())
        return call(redis).addTimeout(self._timeout, self._clock).addErrback(self._lose, redis)

    def _lose(self, failure: Any, redis: Redis) -> NoReturn:
        """A connection that failed is closed: its other calls fail with it, a late answer finds nobody."""
        self._leave(redis, failure.value)
        raise Away from failure.value

    def _leave(self, redis: Redis, reason: Exception) -> None:
        if redis is self._redis:
            self._redis = None
            self._come_back(reason)
            redis.transport.abortConnection()

    def _come_back(self, reason: Exception) -> None:
        self._note(reason)
        self._retry = self._clock.callLater(PAUSE, self.start)

    async def _try(self) -> None:
        try:
            redis = await self._connect().addTimeout(self._timeout, self._clock)
            try:
                await Deferred.fromCoroutine(self._greet(redis)).addTimeout(self._timeout, self._clock)
            except BaseException:
                redis.transport.abortConnection()
                raise
        except Exception as error:
            if not self._stopped:
                self._come_back(error)
            return
        self._redis = redis
        redis.whenDisconnected().addCallback(lambda _: self._leave(redis, ConnectionError("connection lost")))
        self._note(None)

    def _note(self, reason: Exception | None) -> None:
        """Log the change, if it is one."""
        away = reason is not None
        if away is self._away:
            return
        self._away = away
        if not away:
            log.info("throttles and failed logins are counted in Redis at {name}", name=self._name)
            return
        slow = isinstance(reason, TimeoutError | ConnectingCancelledError)
        log.warn(
            "Redis at {name} cannot be used: this process counts throttles and failed logins alone, and lets no burst"
            " pass: {reason}",
            name=self._name,
            reason="no answer in time" if slow else str(reason) or type(reason).__name__,
        )
