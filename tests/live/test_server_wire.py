"""The server over real sockets: real handshakes, half-closed lines, lines that nobody closes."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from mailrelay.policy.dialect import Dialects
from mailrelay.smtp.listener import Limits, Listener
from mailrelay.smtp.server import SmtpServerFactory, listening_factory
from mailrelay.smtp.tls import make_certificate, server_context

from ..dialogue import ROOT, Step, Tcp, dialogues, read, run, variables_of
from ..smtp.inward import Backend

VARIABLES = variables_of("user", "secret") | {"mail_from": "sender@b.example"}
TLS_STEPS = [
    ("S:", "220 <HOST> ESMTP ready"),
    ("C:", "HELO x"),
    ("S:", "250 <HOST>"),
    ("C:", "QUIT"),
    ("S:", "221 <*>"),
]


class Server:
    """A listening server with a recording back end."""

    def __init__(self, folder: Path, dialect: str, tls: str, limits: Limits) -> None:
        self.paths = make_certificate(folder)
        spoken = Dialects.shipped().get(dialect)
        context = server_context(self.paths.chain, self.paths.key)
        clock: Any = reactor
        portal: Any = Backend(spoken)
        self.backend: Backend = portal
        listener = Listener("live", tls, limits=limits)
        self.factory = SmtpServerFactory(listener, spoken, portal, "mx.example", clock, context, os.urandom)
        self.port = clock.listenTCP(0, listening_factory(self.factory, context, clock), interface="127.0.0.1")
        self.number: int = self.port.getHost().port

    def line(self, tls: bool = False) -> Tcp:
        return Tcp("127.0.0.1", self.number, tls=tls, ca=str(self.paths.authority), timeout=5)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def start(dialect: str = "standard", tls: str = "starttls", limits: Limits | None = None) -> Server:
        made.append(Server(tmp_path, dialect, tls, limits or Limits()))
        return made[-1]

    yield start

    async def stop() -> None:
        for server in made:
            await server.port.stopListening()
            server.factory.cut()
            await server.factory.drain()

    pytest_twisted.blockon(Deferred.fromCoroutine(stop()))


@pytest_twisted.ensureDeferred
async def test_dialogues(serve: Callable[..., Server]) -> None:
    """The golden dialogues hold over TCP, STARTTLS with a real handshake among them."""
    for dialect in ("standard", "emailmassivo"):
        server = serve(dialect, limits=Limits(login_delay=0.01))
        for path in dialogues(dialect):
            if "# needs a daemon" not in path.read_text():
                await deferToThread(lambda path=path, server=server: run(read(path), server.line(), VARIABLES))


@pytest_twisted.ensureDeferred
async def test_login_within_starttls(serve: Callable[..., Server]) -> None:
    """The back end is told which TLS the client has, and nothing injected reached it (T1)."""
    server = serve()
    await deferToThread(lambda: run(read(ROOT / "standard" / "starttls.txt"), server.line(), VARIABLES))
    assert server.backend.logins[0].peer.tls == "TLSv1.3"
    assert server.backend.logins[0].peer.address == "127.0.0.1"
    assert server.backend.submissions == []


@pytest_twisted.ensureDeferred
async def test_implicit(serve: Callable[..., Server]) -> None:
    """TLS from the first octet, its certificate verified by name."""
    server = serve(tls="implicit")
    steps = [Step(kind, text, "here:1") for kind, text in TLS_STEPS]
    await deferToThread(lambda: run(steps, server.line(tls=True), VARIABLES))


@pytest_twisted.ensureDeferred
async def test_half_closed(serve: Callable[..., Server]) -> None:
    """A client that shuts down its side behind the dot reads its replies (P18)."""
    server = serve()
    text = f"EHLO x\r\nAUTH PLAIN {VARIABLES['plain']}\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\nx\r\n.\r\n"

    def talk() -> bytes:
        with socket.create_connection(("127.0.0.1", server.number), 5) as line:
            line.sendall(text.encode())
            line.shutdown(socket.SHUT_WR)
            said = b""
            while octets := line.recv(65536):
                said += octets
            return said

    assert (await deferToThread(talk)).endswith(b"250 Ok: queued as ID1\r\n")


@pytest_twisted.ensureDeferred
async def test_lines_never_closed(serve: Callable[..., Server]) -> None:
    """A handshake that stalls, and a client that never answers our closing, free their sockets (S-9, T7, T8)."""
    server = serve(limits=Limits(idle=0.2, handshake=0.2, grace=0.2))

    def talk() -> None:
        stalled = socket.create_connection(("127.0.0.1", server.number), 5)
        stalled.sendall(b"EHLO x\r\nSTARTTLS\r\n\x16")
        encrypted = server.line()
        assert encrypted.line().startswith(b"220")
        encrypted.send(b"EHLO x\r\nSTARTTLS\r\n")
        while encrypted.line()[:3] != b"220":
            pass
        encrypted.starttls()
        kept.extend([stalled, encrypted])

    kept: list[Any] = []
    await deferToThread(talk)
    assert server.factory.sessions == 2
    clock: Any = reactor
    for _ in range(100):
        if not server.factory.sessions:
            break
        await deferLater(clock, 0.03)
    assert server.factory.sessions == 0
    for each in kept:
        each.close()


@pytest_twisted.ensureDeferred
async def test_window_of_zero(serve: Callable[..., Server]) -> None:
    """A client that asks and never reads is not read any further, and is cut; its replies do not pile up (S-9, T8)."""
    server = serve(limits=Limits(idle=0.3, grace=0.3, junk=10**9))

    def talk() -> tuple[int, float]:
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect(("127.0.0.1", server.number))
        line.settimeout(0.1)
        sent, begun = 0, time.monotonic()
        try:
            while time.monotonic() - begun < 20:
                try:
                    sent += line.send(b"HELP\r\n" * 10_000)
                except TimeoutError:
                    continue
        except OSError:
            pass
        line.close()
        return sent, time.monotonic() - begun

    sent, seconds = await deferToThread(talk)
    assert seconds < 15
    assert sent < 20_000_000
    assert server.factory.sessions == 0
