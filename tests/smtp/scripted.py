"""A next hop that says what it is told, and the memory network on which to reach it.

`ScriptedSink` is without I/O: a script of stage → what to say, with `CLOSE`, `RESET` and `STALL` beside plain octets.
It records every octet it was sent and unstuffs messages by the letter of RFC 5321, so that a smuggled command would be
seen as one. `Network` connects protocols to sinks without sockets; nothing moves but in `flush`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from cryptography.x509 import Certificate
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import ITLSTransport
from twisted.internet.protocol import Protocol
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from .certificates import certificate


class Act(Enum):
    """What a sink can do instead of answering."""

    CLOSE = "close"
    RESET = "reset"
    STALL = "stall"


CLOSE, RESET, STALL = Act.CLOSE, Act.RESET, Act.STALL
Step = bytes | Act

USUAL: Mapping[str, Step] = {
    "banner": b"220 sink.example ESMTP\r\n",
    "HELO": b"250 sink.example\r\n",
    "STARTTLS": b"220 2.0.0 go ahead\r\n",
    "AUTH": b"235 2.7.0 welcome\r\n",
    "MAIL": b"250 2.1.0 Ok\r\n",
    "RCPT": b"250 2.1.5 Ok\r\n",
    "DATA": b"354 go ahead\r\n",
    "dot": b"250 2.0.0 Ok: queued\r\n",
    "RSET": b"250 2.0.0 Ok\r\n",
    "QUIT": b"221 2.0.0 Bye\r\n",
}


def offer(*keywords: str) -> bytes:
    """A reply to EHLO."""
    lines = ["sink.example", *keywords]
    return "".join(f"250{'-' if n < len(lines) - 1 else ' '}{line}\r\n" for n, line in enumerate(lines)).encode()


@dataclass
class ScriptedSink:
    """`script` says what to answer at a stage (a list: one after the other, the last for ever); `handshake` is "ok",
    "fail" or "stall"; with `zero_window` nothing of a body is taken."""

    script: Mapping[str, Step | list[Step]] = field(default_factory=dict)
    extensions: Iterable[str] = ("PIPELINING", "8BITMIME", "SIZE 0")
    extensions_in_tls: Iterable[str] | None = None
    handshake: str = "ok"
    zero_window: bool = False
    heard: list[bytes] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)
    raw: bytes = b""
    in_tls: bool = False

    def __post_init__(self) -> None:
        self._buffer = b""
        self._data = False
        self._silent = False  # it stalls, or has closed: nothing of what follows is answered
        self._said: dict[str, int] = {}

    def another(self) -> ScriptedSink:
        """A sink with the same script that nobody has spoken to."""
        return type(self)(self.script, self.extensions, self.extensions_in_tls, self.handshake, self.zero_window)

    def greet(self) -> list[Step]:
        step = self._say("banner")
        self._silent = not isinstance(step, bytes)
        return [step]

    def receive(self, data: bytes) -> list[Step]:
        """Take what the client wrote; gives what is said to it."""
        self.raw += data
        self._buffer += data
        said: list[Step] = []
        while True:
            step = self._message() if self._data else self._command()
            if step is None or self._silent:
                return said
            said.append(step)
            self._silent = not isinstance(step, bytes)

    def started_tls(self) -> None:
        self.in_tls = True
        self._buffer = b""

    def _command(self) -> Step | None:
        line, end, rest = self._buffer.partition(b"\r\n")
        if not end:
            return None
        self._buffer = rest
        self.heard.append(line)
        stage = line[:4].upper().decode() if line[:8].upper() != b"STARTTLS" else "STARTTLS"
        if stage not in (*USUAL, "EHLO"):
            stage = "AUTH"  # a line of AUTH LOGIN
        step = self._say(stage)
        self._data = stage == "DATA" and isinstance(step, bytes) and step.startswith(b"3")
        return step

    def _message(self) -> Step | None:
        if self._buffer.startswith(b".\r\n"):
            body, rest = b"", self._buffer[3:]
        else:
            body, end, rest = self._buffer.partition(b"\r\n.\r\n")
            if not end:
                return None
            body += b"\r\n"
        self._buffer, self._data = rest, False
        self.heard.append(b"<dot>")
        self.messages.append(b"".join(line.removeprefix(b".") for line in body.splitlines(keepends=True)))
        return self._say("dot")

    def _say(self, stage: str) -> Step:
        step = self.script.get(stage)
        if step is None and stage == "EHLO":
            inside = self.in_tls and self.extensions_in_tls is not None
            return offer(*(self.extensions_in_tls or () if inside else self.extensions))
        if step is None:
            return USUAL[stage]
        if not isinstance(step, list):
            return step
        turn = self._said.get(stage, 0)
        self._said[stage] = turn + 1
        return step[min(turn, len(step) - 1)]


@implementer(ITLSTransport)
class Line(StringTransport):
    """One connection in memory."""

    def __init__(self, protocol: Protocol, sink: ScriptedSink) -> None:
        super().__init__()
        self.far = protocol
        self.sink = sink
        self.open = True
        self.aborted = False
        self.no_delay = False
        self.context: object = None
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        if self.open:
            self.writes.append(data)
            super().write(data)

    def abortConnection(self) -> None:
        self.aborted = True

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled

    def getTcpNoDelay(self) -> bool:
        return self.no_delay

    def setTcpKeepAlive(self, enabled: bool) -> None: ...

    def getTcpKeepAlive(self) -> bool:
        return False

    def loseWriteConnection(self) -> None: ...

    def startTLS(self, contextFactory: object, normal: bool = True) -> None:
        self.context = contextFactory

    def getHandle(self) -> object:
        return Handle()

    def close(self, reason: Exception) -> None:
        """The connection is lost for both sides."""
        if self.open:
            self.open = False
            self.far.connectionLost(Failure(reason))

    def step(self) -> bool:
        """Move what can be moved; False when nothing could."""
        if not self.open:
            return False
        if self.aborted:
            self.close(ConnectionAborted())
            return True
        if self.producer is not None and not self.sink.zero_window:
            self.producer.resumeProducing()
        data = self.value()
        if data:
            self.clear()
            for step in self.sink.receive(data):
                self.play(step)
            return True
        if self.context is not None and not self.sink.in_tls and self.sink.handshake != "stall":
            self._shake_hands()
            return True
        if self.disconnecting:
            self.close(ConnectionDone())
            return True
        return False

    def play(self, step: Step) -> None:
        """Let the sink say or do something, asked or not."""
        if step is STALL or not self.open:
            return
        if step is CLOSE:
            self.close(ConnectionDone())
        elif step is RESET:
            self.close(ConnectionLost())
        else:
            assert isinstance(step, bytes)
            self.far.dataReceived(step)

    def _shake_hands(self) -> None:
        if self.sink.handshake == "ok":
            self.sink.started_tls()
            self.far.handshakeCompleted()  # type: ignore[attr-defined]
        else:
            self.close(ConnectionLost("handshake failure"))


class Handle:
    """What TLS came to: a certificate for the sink, by an authority that is trusted."""

    def get_protocol_version_name(self) -> str:
        return "TLSv1.3"

    def get_cipher_name(self) -> str:
        return "TLS_AES_256_GCM_SHA384"

    def get_peer_certificate(self, as_cryptography: bool) -> Certificate:
        return certificate("sink.example")


class Network:
    """Connects protocols to the sinks that `sinks` makes (None: the connection is refused, `STALL`: never answered)."""

    def __init__(self, sinks: Callable[[], ScriptedSink | Act | None] = ScriptedSink) -> None:
        self.sinks = sinks
        self.lines: list[Line] = []
        self.asked: list[tuple[str, int, float]] = []

    def connect(self, protocol: Protocol, host: str, port: int, timeout: float, source: str = "") -> Deferred[Protocol]:
        self.asked.append((host, port, timeout))
        sink = self.sinks()
        if sink is None:
            return fail(ConnectionRefusedError())
        if not isinstance(sink, ScriptedSink):
            return Deferred(lambda deferred: deferred.errback(CancelledError()))
        line = Line(protocol, sink)
        self.lines.append(line)
        protocol.makeConnection(line)
        for step in sink.greet():
            line.play(step)
        return succeed(protocol)

    @property
    def sink(self) -> ScriptedSink:
        """The sink connected to last."""
        return self.lines[-1].sink

    def flush(self) -> None:
        """Let everything happen that needs no time."""
        while any(line.step() for line in self.lines):
            pass
