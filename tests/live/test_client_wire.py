"""The outbound wire over real sockets and real TLS: what a memory transport cannot show."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import Certificate, CertificateOptions, trustRootFromCertificates
from twisted.internet.task import deferLater

from mailrelay.mail.envelope import Hop, Outcome
from mailrelay.smtp.client import Timeouts
from mailrelay.smtp.dial import connect_by
from mailrelay.smtp.pool import Pool
from mailrelay.smtp.tls import make_certificate, server_context
from mailrelay.smtp.trust import Trust

from ..smtp.outward import MESSAGE, words
from ..smtp.scripted import CLOSE, RESET, STALL, ScriptedSink

#: short enough for a test, long enough for a busy machine
HASTY = Timeouts(connect=5, banner=5, ehlo=5, tls=2, mail=5, rcpt=5, data=5, block=1, final=5, idle=5, quit=1)


class SinkProtocol(Protocol):
    """A scripted sink on a socket."""

    def __init__(self, sink: ScriptedSink, context: CertificateOptions | None) -> None:
        self.sink = sink
        self.context = context

    def connectionMade(self) -> None:
        self.play(self.sink.greet())

    def dataReceived(self, data: bytes) -> None:
        self.play(self.sink.receive(data))

    def play(self, steps: Sequence[Any]) -> None:
        for step in steps:
            if step is CLOSE:
                self.transport.loseConnection()
            elif step is RESET:
                self.transport.abortConnection()
            elif step is not STALL:
                self.transport.write(step)
                if self.sink.heard[-1:] == [b"STARTTLS"] and not self.sink.in_tls and self.context is not None:
                    self.sink.started_tls()
                    self.transport.startTLS(self.context)


class Place:
    """Sinks that were opened for one test, and a pool to reach them; `sinks` are those connected to, in order."""

    def __init__(self, folder: Path) -> None:
        paths = make_certificate(folder, ("localhost",))
        self.context = server_context(paths.chain, paths.key)
        self.root = trustRootFromCertificates([Certificate.loadPEM(paths.authority.read_bytes())])
        self.sinks: list[ScriptedSink] = []
        self.closing: list[Any] = []

    def pool(self, trusted: bool = True, **options: Any) -> Pool:
        pool = Pool(
            connect_by(reactor),  # type: ignore[arg-type]
            reactor,  # type: ignore[arg-type]
            lambda: int(time.time() * 1_000_000),
            "relay.example",
            trust=Trust(self.root if trusted else None),
            timeouts=HASTY,
            grace=2,
            **options,
        )
        self.closing.append(pool.close)
        return pool

    async def listen(self, *sinks: ScriptedSink, tls: bool = True) -> Hop:
        """A hop whose connections meet these sinks, the last of them for ever."""
        queue = list(sinks)
        context = self.context if tls else None

        class Sinks(Factory):
            noisy = False

            def buildProtocol(factory, addr: object) -> SinkProtocol:
                sink = queue.pop(0) if len(queue) > 1 else queue[0].another()
                self.sinks.append(sink)
                return SinkProtocol(sink, context)

        port: IListeningPort = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(Sinks())  # type: ignore[arg-type]
        self.closing.append(port.stopListening)
        return Hop("127.0.0.1", port.getHost().port, "none")  # type: ignore[attr-defined]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    pytest_twisted.blockon(gatherResults([Deferred.fromCoroutine(_close(place))]))


async def _close(place: Place) -> None:
    for close in place.closing:
        await close()
    await deferLater(reactor, 0.01)  # type: ignore[arg-type]


async def send(
    pool: Pool, hop: Hop, message: bytes = MESSAGE, recipients: Sequence[str] = ("a@b.example",)
) -> Sequence[Outcome]:
    return await pool.transmit(hop, "from@y.example", recipients, lambda _: succeed(message))


class Pretender(ScriptedSink):
    """Says that it starts TLS, and goes on in the clear."""

    def receive(self, data: bytes) -> list[Any]:
        return [b"500 5.5.2 what?\r\n"] if self.heard[-1:] == [b"STARTTLS"] else super().receive(data)


PLAIN = ScriptedSink()
TLS = ScriptedSink(extensions=("STARTTLS", "PIPELINING"))


@pytest_twisted.ensureDeferred
async def test_many_messages(place: Place) -> None:
    """A hundred messages at once arrive whole over at most twenty connections, which say QUIT when the pool closes."""
    hop = await place.listen(PLAIN)
    pool = place.pool()
    messages = [b"Subject: %d\r\n\r\n.%s\r\n" % (n, b"." * n) for n in range(100)]
    outcomes = await gatherResults([Deferred.fromCoroutine(send(pool, hop, message)) for message in messages])
    assert {word for outcome in outcomes for word in words(outcome)} == {"delivered"}
    assert sorted(message for sink in place.sinks for message in sink.messages) == sorted(messages)
    assert len(place.sinks) <= 20
    await pool.close()
    assert {sink.heard[-1] for sink in place.sinks} == {b"QUIT"}


@pytest_twisted.ensureDeferred
async def test_large_body(place: Place) -> None:
    """A body of megabytes made of dots arrives as it was, in the clear and in TLS (C-1, S21)."""
    message = (b"." * 61 + b"\r\n") * 20_000
    for sink, tls in ((PLAIN, "none"), (TLS, "require")):
        hop = await place.listen(sink, tls=True)
        outcomes = await send(place.pool(), Hop(hop.host, hop.port, tls), message)
        assert words(outcomes) == ["delivered"]
        assert place.sinks[-1].messages == [message]
        assert outcomes[0].tls.startswith("TLSv1.") == (tls == "require")


@pytest_twisted.ensureDeferred
async def test_rules_for_tls(place: Place) -> None:
    """T11: "may" and "require" take any certificate, "verify" one of the trusted root for the right name only."""
    hop = await place.listen(TLS)
    table = [
        ("may", "127.0.0.1", False, "delivered"),
        ("require", "127.0.0.1", False, "delivered"),
        ("verify", "localhost", False, "deferred"),
        ("verify", "localhost", True, "delivered"),
        ("verify", "127.0.0.1", True, "deferred"),
    ]
    for tls, host, trusted, expected in table:
        outcomes = await send(place.pool(trusted), Hop(host, hop.port, tls))
        assert words(outcomes) == [expected], (tls, host, trusted, outcomes)
        assert outcomes[0].tls.startswith("TLSv1.3") == (expected == "delivered")
        if expected == "deferred":
            assert outcomes[0].reply.status == "4.7.5"
            assert b"MAIL" not in place.sinks[-1].raw


@pytest_twisted.ensureDeferred
async def test_handshake_fails(place: Place) -> None:
    """T12: of a hop that says 220 and then speaks no TLS "may" asks for none on a new connection, "require" defers."""
    hop = await place.listen(Pretender(extensions=("STARTTLS",)), tls=False)
    outcomes = await send(place.pool(), Hop(hop.host, hop.port, "require"))
    assert (words(outcomes), outcomes[0].reply.status) == (["deferred"], "4.7.5")
    outcomes = await send(place.pool(), Hop(hop.host, hop.port, "may"))
    assert (words(outcomes), outcomes[0].tls) == (["delivered"], "")
    assert all(b"MAIL" not in sink.raw for sink in place.sinks[:2])


@pytest_twisted.ensureDeferred
async def test_injected_reply(place: Place) -> None:
    """T5: a reply that comes in the clear behind the 220 is never read as one from inside TLS."""
    sink = ScriptedSink({"STARTTLS": b"220 go\r\n250 AUTH PLAIN\r\n"}, extensions=("STARTTLS",))
    hop = await place.listen(sink)
    outcomes = await send(place.pool(), Hop(hop.host, hop.port, "require", "user", "secret"))
    assert (words(outcomes), outcomes[0].reply.status) == (["deferred"], "4.5.0")
    assert b"AUTH" not in b"".join(sink.raw for sink in place.sinks)


@pytest_twisted.ensureDeferred
async def test_login_in_tls(place: Place) -> None:
    """A login goes through TLS, and nothing of it before."""
    hop = await place.listen(ScriptedSink(extensions=("STARTTLS",), extensions_in_tls=("AUTH PLAIN",)))
    outcomes = await send(place.pool(), Hop("localhost", hop.port, "verify", "user", "secret"))
    assert words(outcomes) == ["delivered"]
    assert [line.split()[0] for line in place.sinks[-1].heard[:5]] == [b"EHLO", b"STARTTLS", b"EHLO", b"AUTH", b"MAIL"]


@pytest_twisted.ensureDeferred
async def test_reset_between_mails(place: Place) -> None:
    """O16: a hop that resets a kept connection as the next mail comes gets that mail over a new one."""
    hop = await place.listen(ScriptedSink({"MAIL": [b"250 Ok\r\n", RESET]}), PLAIN)
    pool = place.pool()
    assert words(await send(pool, hop)) == ["delivered"]
    assert words(await send(pool, hop)) == ["delivered"]
    assert [len(sink.messages) for sink in place.sinks] == [1, 1]


@pytest_twisted.ensureDeferred
async def test_reset_after_the_dot(place: Place) -> None:
    """O2: a connection reset after the final dot is uncertain, and not tried again here."""
    hop = await place.listen(ScriptedSink({"dot": RESET}))
    assert words(await send(place.pool(), hop)) == ["deferred uncertain"]
    assert len(place.sinks) == 1


@pytest_twisted.ensureDeferred
async def test_nobody_there(place: Place) -> None:
    """O11: a port where nobody listens defers 4.4.1 at once."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        outcomes = await send(place.pool(), Hop("127.0.0.1", held.getsockname()[1]))
    assert (words(outcomes), outcomes[0].reply.status) == (["deferred"], "4.4.1")


@pytest_twisted.ensureDeferred
async def test_zero_window(place: Place) -> None:
    """O10: a hop that stops reading in the middle of a body costs its socket no longer than the time for a block."""
    sink = ScriptedSink()
    hop = await place.listen(sink, PLAIN)

    def stop(data: bytes, receive: Any = sink.receive) -> list[Any]:
        said = receive(data)
        if said[-1:] == [b"354 go ahead\r\n"]:
            protocols[0].transport.pauseProducing()
        return said

    protocols: list[SinkProtocol] = []
    made = SinkProtocol.connectionMade
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SinkProtocol, "connectionMade", lambda self: (protocols.append(self), made(self))[1])
        patch.setattr(sink, "receive", stop)
        begun = time.monotonic()
        outcomes = await send(place.pool(), hop, b"x" * 30_000_000 + b"\r\n")
    assert words(outcomes) == ["deferred"]
    assert time.monotonic() - begun < 20
    assert sink.messages == []
    protocols[0].transport.abortConnection()
