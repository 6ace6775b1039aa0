"""Counting in a Redis that is absent, dies, hangs, forgets or refuses: mail never waits for it, and it is found again.

A real server on loopback is killed, suspended and started again; the reactor's longest pause is measured meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import DeferredList
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import LoopingCall, deferLater
from twisted.internet.threads import deferToThread
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from mailrelay.store import redis
from mailrelay.store.redis import Link, dial
from mailrelay.store.redis_counters import RedisCounters, greet

from .daemon import free_port
from .redis import Server

PASSWORD = "hush-hush"
TIMEOUT = 0.5
AT_ONCE = 0.1  #: seconds of this process: whoever waits for the server waits five times as long
RECOVERS = 15.0  #: seconds


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that has not been started."""
    monkeypatch.setattr(redis, "PAUSE", 0.2)
    server = Server(password=PASSWORD)
    yield server
    server.destroy()


class Counting:
    """Counters over a real connection, and what they logged."""

    def __init__(self, port: int, path: str = "", password: str = PASSWORD, database: int = 0) -> None:
        connect = dial(reactor, "127.0.0.1", port, path)
        enter = partial(greet, prefix="t:", password=password, database=database)
        self.counters = RedisCounters(Link(connect, enter, "here", reactor, TIMEOUT), "t:", reactor)
        self.said: list[str] = []
        globalLogPublisher.addObserver(self._hear)

    def _hear(self, event: LogEvent) -> None:
        if event.get("log_namespace") == redis.__name__:
            self.said.append(formatEvent(event))

    @property
    def states(self) -> list[str]:
        """Each change: "there" or "away"."""
        return ["there" if "are counted in Redis" in line else "away" for line in self.said]

    async def take(self, key: str = "k", units: int = 1) -> float:
        """From 60 units a minute, 5 at once."""
        return float(await self.counters.throttle(key, units, 60, 60, 5))

    async def burst(self, key: str) -> int:
        """How many of seven units pass at once."""
        return [await self.take(key) for _ in range(7)].count(0.0)

    async def until(self, state: str) -> None:
        """Live on until the last change was to a state."""
        deadline = monotonic() + RECOVERS
        while self.states[-1:] != [state]:
            assert monotonic() < deadline, self.said
            await self.take("waiting")
            await deferLater(reactor, 0.02)

    def end(self) -> None:
        self.counters.stop()
        globalLogPublisher.removeObserver(self._hear)


@pytest.fixture
def counting(server: Server) -> Iterator[Counting]:
    """Counters that have not been started."""
    counting = Counting(server.port)
    yield counting
    counting.end()


def waited() -> float:
    """Seconds that this thread was ready to run and had no processor: not its own doing."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9


@contextmanager
def lively() -> Iterator[None]:
    """The reactor comes around all the time: whatever blocks it until the server answers blocks it for longer."""
    longest, last = 0.0, monotonic() - waited()

    def beat() -> None:
        nonlocal longest, last
        before, last = last, monotonic() - waited()
        longest = max(longest, last - before)

    loop = LoopingCall(beat)
    loop.start(0.005)
    try:
        yield
    finally:
        loop.stop()
    assert longest < AT_ONCE, longest


async def timed(work: Callable[[], Any]) -> float:
    """The seconds that something takes."""
    begun = monotonic() - waited()
    await work()
    return monotonic() - waited() - begun


@pytest_twisted.ensureDeferred
async def test_absent_at_start(server: Server, counting: Counting) -> None:
    """R1: without Redis each process counts alone, and lets the steady rate pass but no burst; Redis is found as soon
    as it is there, and one line tells each."""
    with lively():
        assert await timed(counting.counters.start) < TIMEOUT + AT_ONCE
        assert counting.states == ["away"]
        assert await timed(counting.take) < AT_ONCE
        assert 0 < await counting.take() <= 1.0
        assert [await counting.counters.fail("f", 60) for _ in range(3)] == [1, 2, 3]
        assert await counting.counters.failures("f", 60) == 3
        assert await counting.counters.forget("f") == 1
        await deferLater(reactor, 0.5)
        assert counting.states == ["away"]
    server.start()
    await counting.until("there")
    assert counting.states == ["away", "there"]
    assert await counting.burst("k") == 5


@pytest_twisted.ensureDeferred
async def test_dies_under_load(server: Server, counting: Counting) -> None:
    """R2: what was asked of a server that dies is answered all the same, and nothing counts twice when it is back."""
    server.start()
    await counting.counters.start()
    with lively():
        asked = [counting.counters.fail(f"f{n % 5}", 60) for n in range(100)]
        dying = deferToThread(server.kill)
        asked += [counting.counters.fail(f"f{n % 5}", 60) for n in range(100)]
        answers = await DeferredList(asked)
        await dying
        assert all(good and 1 <= count <= 40 for good, count in answers)
        assert await counting.counters.failures("f0", 60) == 40
    server.start()
    await counting.until("there")
    assert counting.states == ["there", "away", "there"]
    assert await counting.counters.failures("f0", 60) == 0
    assert await counting.counters.fail("f0", 60) == 1


@pytest_twisted.ensureDeferred
async def test_hangs(server: Server, counting: Counting) -> None:
    """R3: a server that hangs costs one time-out in all, not one for each message; what it does late counts once at
    most."""
    server.start()
    await counting.counters.start()
    assert await counting.burst("k") == 5
    server.suspend()
    with lively():
        together = await timed(lambda: DeferredList([counting.counters.fail("f", 60) for _ in range(9)]))
        assert together < TIMEOUT + AT_ONCE
        assert counting.states == ["there", "away"]
        for _ in range(5):
            assert await timed(counting.take) < AT_ONCE
            assert await timed(lambda: counting.counters.fail("f", 60)) < AT_ONCE
            await deferLater(reactor, 0.15)
        assert await counting.counters.failures("f", 60) == 14
    server.resume()
    await counting.until("there")
    assert counting.states == ["there", "away", "there"]
    assert await counting.counters.failures("f", 60) <= 9
    assert await counting.burst("k") < 5


@pytest_twisted.ensureDeferred
async def test_forgets(server: Server, counting: Counting) -> None:
    """R4: FLUSHALL costs the counts and nothing else, with the scripts or without."""
    server.start()
    await counting.counters.start()
    for flush in (["FLUSHALL"], ["SCRIPT", "FLUSH"]):
        server.say("FLUSHALL")
        assert await counting.burst("k") == 5
        assert await counting.counters.fail("f", 60) == 1
        assert server.say(*flush) == b"+OK\r\n"
        assert await counting.counters.fail("f", 60) == (1 if flush == ["FLUSHALL"] else 2)
    assert counting.states == ["there"]


async def refused(server: Server, counting: Counting, damage: list[str], repair: list[str]) -> str:
    """Let the server refuse for a while; gives the line that told it."""
    server.start()
    await counting.counters.start()
    assert server.say(*damage) == b"+OK\r\n"
    with lively():
        await counting.until("away")
        assert [await counting.counters.fail("f", 60) for _ in range(3)] == [1, 2, 3]
        assert await counting.burst("fresh") == 1
        await deferLater(reactor, 0.5)
    assert counting.states == ["there", "away"]
    assert server.say(*repair) == b"+OK\r\n"
    await counting.until("there")
    assert counting.states == ["there", "away", "there"]
    assert await counting.burst("k") == 5
    return counting.said[1]


@pytest_twisted.ensureDeferred
async def test_full(server: Server, counting: Counting) -> None:
    """R5: a server that is full is as good as none until it has room."""
    damage, repair = ["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"]
    assert "OOM" in await refused(server, counting, damage, repair)


@pytest_twisted.ensureDeferred
async def test_only_reads(server: Server, counting: Counting) -> None:
    """R5: a server that became a replica is as good as none until it is the first again."""
    assert "READONLY" in await refused(server, counting, ["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"])


@pytest_twisted.ensureDeferred
async def test_wrong_password(server: Server) -> None:
    """R5: a server that does not let us in is as good as none; no line shows the password."""
    server.start()
    counting = Counting(server.port, password="secret")
    try:
        await counting.counters.start()
        assert await counting.burst("k") == 1
        await deferLater(reactor, 0.5)
        (line,) = counting.said
        assert "WRONGPASS" in line and "secret" not in line
        server.say("CONFIG", "SET", "requirepass", "secret")
        await counting.until("there")
        assert len(counting.said) == 2
    finally:
        counting.end()


class Moved(Protocol):
    """A server that has what is asked for elsewhere."""

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(b"-MOVED 3999 127.0.0.1:6381\r\n" * data.count(b"EVAL"))


@pytest_twisted.ensureDeferred
async def test_moved(server: Server) -> None:
    """R5: a server that sends us elsewhere, as a cluster's does, is told in the log and not followed."""
    port = reactor.listenTCP(0, Factory.forProtocol(Moved), interface="127.0.0.1")
    counting = Counting(port.getHost().port, password="")
    try:
        await counting.counters.start()
        assert await counting.burst("k") == 1
        await deferLater(reactor, 0.5)
        assert len(counting.said) == 1 and "MOVED 3999" in counting.said[0]
    finally:
        counting.end()
        await port.stopListening()


@pytest_twisted.ensureDeferred
async def test_by_socket(server: Server) -> None:
    """A unix socket and a database of one's own serve as well as a port."""
    server.start()
    counting, other = Counting(0, str(server.path), database=3), Counting(server.port)
    try:
        await counting.counters.start()
        await other.counters.start()
        assert await counting.counters.fail("f", 60) == 1
        assert await other.counters.failures("f", 60) == 0
        assert await counting.counters.failures("f", 60) == 1
    finally:
        counting.end()
        other.end()


@pytest_twisted.ensureDeferred
async def test_never_there(server: Server) -> None:
    """An end while Redis is looked for is an end: nothing goes on trying."""
    counting = Counting(free_port())
    started = counting.counters.start()
    counting.end()
    await started
    await deferLater(reactor, 0.5)
    assert counting.said == []
    assert not [call for call in reactor.getDelayedCalls() if call.active() and "Link" in repr(call)]
