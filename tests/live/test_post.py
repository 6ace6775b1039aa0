"""Posting to a stranger's address over real sockets: guarded when it connects, bounded in time and size (H12, H13)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor as installed
from twisted.internet.address import IPv4Address
from twisted.internet.task import LoopingCall
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from mailrelay.http.post import MAX_ANSWER, TOLD, NoAnswer, Poster
from mailrelay.policy.reach import PUBLIC, Reach, Unreachable

LOOPBACK = Reach.of(["127.0.0.0/8"], ())


class Receiver(Resource):
    """Answers by the path, and remembers what was asked."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[bytes, bytes]] = []
        self.gone: list[Any] = []
        self.closes = False

    def render_POST(self, request: Any) -> Any:
        self.asked.append((request.path, request.content.read()))
        if request.path == b"/elsewhere":
            request.redirect(b"http://127.0.0.1:1/inside")
            return b""
        if request.path == b"/endless":
            loop = LoopingCall(request.write, b"x" * 65536)
            request.notifyFinish().addErrback(lambda _: (loop.stop(), self.gone.append("endless")))
            loop.start(0)
            return NOT_DONE_YET
        if request.path == b"/silent":
            request.notifyFinish().addErrback(lambda _: self.gone.append("silent"))
            return NOT_DONE_YET
        request.setResponseCode(202)
        if self.closes:
            installed.callLater(0, request.channel.transport.loseConnection)  # type: ignore[attr-defined]
        return b"taken"


class Named:
    """The reactor, with a resolver that says what a test says."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = iter(answers)
        self.nameResolver = self

    def __getattr__(self, name: str) -> Any:
        return getattr(installed, name)

    def resolveHostName(self, receiver: Any, host: str, port: int) -> None:
        receiver.resolutionBegan(None)
        for each in next(self._answers):
            receiver.addressResolved(IPv4Address("TCP", each, port))
        receiver.resolutionComplete()


@pytest.fixture
def receiver() -> Any:
    made = Receiver()
    port: Any = installed.listenTCP(0, Site(made), interface="127.0.0.1")  # type: ignore[attr-defined]
    made.port = port.getHost().port  # type: ignore[attr-defined]
    yield made
    pytest_twisted.blockon(port.stopListening())


async def posted(poster: Poster, url: str) -> tuple[int, str]:
    try:
        return await poster.post(url, {"content-type": "application/json"}, b"{}")
    finally:
        await poster.close()


async def refused(work: Callable[[], Awaitable[object]]) -> Exception:
    """What a post failed with at the bottom."""
    try:
        await work()
    except Exception as error:
        reasons = getattr(error, "reasons", None)
        return reasons[0].value if reasons else error  # type: ignore[no-any-return]
    raise AssertionError("it went through")


@pytest_twisted.ensureDeferred
async def test_taken(receiver: Any) -> None:
    """A receiver that may be reached gets the body; its status and words come back."""
    assert await posted(Poster(installed, LOOPBACK, 5), f"http://127.0.0.1:{receiver.port}/a") == (202, "taken")
    assert receiver.asked == [(b"/a", b"{}")]


@pytest_twisted.ensureDeferred
async def test_closed_meanwhile(receiver: Any) -> None:
    """A receiver that closed the connection that was kept for it gets what is sent at once, and once (H13)."""
    receiver.closes = True
    poster = Poster(installed, LOOPBACK, 5)
    try:
        for number in range(3):
            body = str(number).encode()
            assert await poster.post(f"http://127.0.0.1:{receiver.port}/", {}, body) == (202, "taken")
    finally:
        await poster.close()
    assert [body for _, body in receiver.asked] == [b"0", b"1", b"2"]


@pytest_twisted.ensureDeferred
async def test_inside(receiver: Any) -> None:
    """H12: neither an address of this machine nor a name that leads to one is connected to."""
    open_ports = Reach.of([], ())
    for url in ("http://127.0.0.1:{}/", "http://localhost:{}/"):
        error = await refused(lambda url=url: posted(Poster(installed, open_ports, 5), url.format(receiver.port)))
        assert isinstance(error, Unreachable), error
    assert isinstance(await refused(lambda: posted(Poster(installed, PUBLIC, 5), "http://a.example:25/")), Unreachable)
    await refused(lambda: posted(Poster(installed, open_ports, 5), f"http://[::1]:{receiver.port}/"))
    assert receiver.asked == []


@pytest_twisted.ensureDeferred
async def test_rebinding(receiver: Any) -> None:
    """H12: the address that was judged is the one that is connected to: a name that leads elsewhere at the next look,
    or to two places at once, never leads inside."""
    url = f"http://hook.example:{receiver.port}/"
    only = Reach.of(["127.0.0.2/32"], ())
    error = await refused(lambda: posted(Poster(Named(["127.0.0.2"]), only, 5), url))
    assert not isinstance(error, Unreachable), "nobody listens there"
    error = await refused(lambda: posted(Poster(Named(["127.0.0.1"]), only, 5), url))
    assert isinstance(error, Unreachable)
    error = await refused(lambda: posted(Poster(Named(["127.0.0.1", "127.0.0.2"]), only, 5), url))
    assert receiver.asked == []
    assert isinstance(await refused(lambda: posted(Poster(Named([]), only, 5), url)), Unreachable)


@pytest_twisted.ensureDeferred
async def test_redirect(receiver: Any) -> None:
    """H12: a redirect is an answer like another, and not followed."""
    status, _ = await posted(Poster(installed, LOOPBACK, 5), f"http://127.0.0.1:{receiver.port}/elsewhere")
    assert status == 302
    assert len(receiver.asked) == 1


@pytest_twisted.ensureDeferred
async def test_endless(receiver: Any) -> None:
    """H13: of an answer without an end 64 KB are read, then the connection is dropped."""
    status, text = await posted(Poster(installed, LOOPBACK, 20), f"http://127.0.0.1:{receiver.port}/endless")
    assert (status, len(text)) == (200, TOLD)
    assert MAX_ANSWER == 65536
    while receiver.gone != ["endless"]:
        await _turn()


@pytest_twisted.ensureDeferred
async def test_silent(receiver: Any) -> None:
    """H13: a receiver that says nothing is left when its time is over."""
    error = await refused(lambda: posted(Poster(installed, LOOPBACK, 0.3), f"http://127.0.0.1:{receiver.port}/silent"))
    assert isinstance(error, NoAnswer), error
    while receiver.gone != ["silent"]:
        await _turn()


def _turn() -> Any:
    from twisted.internet.task import deferLater

    return deferLater(installed, 0.02)  # type: ignore[arg-type]
