"""ClamAV's daemon as a scanner: one connection for each message, over a unix socket or TCP.

The protocol is INSTREAM (clamd(8)): the message goes in pieces behind their lengths, an empty one ends it, and one line
comes back. Nothing of it touches a disk of ours, and clamd never learns whose it is. Whatever is no clear answer (no
connection, silence beyond the time-out, an error such as clamd's own limit of size) is a temporary failure, logged in
one line: a message is never passed on because nobody looked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred, DeferredSemaphore, TimeoutError
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.interfaces import IProtocol, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import FileSender
from twisted.python.failure import Failure
from zope.interface import implementer

from ..interfaces.scanner import IScanner
from ..mail.reply import Refusal
from .dial import Once, connect_by

log = Logger()

#: Opens a connection for one protocol; cancelling it gives up.
Connect: TypeAlias = Callable[[Protocol], Deferred[IProtocol]]

#: Octets of an answer that are read; clamd's are far shorter.
LONGEST = 4096

_FOUND = re.compile(r"stream: (.+) FOUND")
#: what clamd adds to the names of signatures that are not of ClamAV itself
_OTHERS = ".UNOFFICIAL"


class Unscanned(Exception):
    """clamd gave no answer that says anything about the message; the text is for the log."""


def clamd_by(reactor: Any, address: tuple[str, int] | str, timeout: float) -> Connect:
    """Connections of this reactor to a clamd at a host and port, or at the path of its socket."""

    def connect(protocol: Protocol) -> Deferred[IProtocol]:
        if isinstance(address, str):
            endpoint: Any = UNIXClientEndpoint
            dialled: Deferred[IProtocol] = endpoint(reactor, address, timeout).connect(Once(protocol))
            return dialled
        return connect_by(reactor)(protocol, *address, timeout)

    return connect


@implementer(IScanner)
class Clamd:
    """Scans by a clamd, at most `at_once` messages at a time, each within `timeout` seconds."""

    def __init__(self, connect: Connect, clock: IReactorTime, timeout: float, at_once: int) -> None:
        self._connect = connect
        self._clock = clock
        self._timeout = timeout
        self._places = DeferredSemaphore(at_once)

    def scan(self, octets: bytes) -> Deferred[str]:
        return Deferred.fromCoroutine(self._scan(octets))

    async def _scan(self, octets: bytes) -> str:
        # the time spent waiting for a place counts
        asked: Deferred[str] = self._places.run(self._ask, octets)
        try:
            return await asked.addTimeout(self._timeout, self._clock)
        except Exception as error:
            late = isinstance(error, TimeoutError)
            reason = f"no answer within {self._timeout:g} s" if late else str(error) or type(error).__name__
            log.warn("a message was put off, since clamd did not tell what it holds: {reason}", reason=reason)
            raise Refusal("temporary", rule="scanner", facts={"reason": reason}) from None

    def _ask(self, octets: bytes) -> Deferred[str]:
        return Deferred.fromCoroutine(self._exchange(octets))

    async def _exchange(self, octets: bytes) -> str:
        stream = Stream(octets)
        await self._connect(stream)
        return found(await stream.answer)


def found(answer: bytes) -> str:
    """The name of a virus in an answer, "" for none; `Unscanned` for what is neither."""
    text = answer.decode("utf-8", "backslashreplace").strip("\0\r\n ")
    if text == "stream: OK":
        return ""
    named = _FOUND.fullmatch(text)
    if named is None:
        raise Unscanned(f"it said {text[:200]!r}" if text else "it hung up")
    return named[1].removesuffix(_OTHERS)


class Stream(Protocol):
    """One INSTREAM exchange; `answer` fires with what clamd said, and cancelling it ends the connection."""

    transport: Any

    def __init__(self, octets: bytes) -> None:
        self.answer: Deferred[bytes] = Deferred(self._give_up)
        self._octets = octets
        self._said = b""

    def connectionMade(self) -> None:
        self.transport.write(b"zINSTREAM\0")
        # in pieces, as fast as clamd takes them
        sender: Any = FileSender()
        sent = sender.beginFileTransfer(BytesIO(self._octets), self.transport, _framed)
        sent.addCallbacks(self._end, lambda _: None)  # a lost connection is told by `connectionLost`

    def _end(self, _: object) -> None:
        if self.transport is not None:
            self.transport.write(b"\0\0\0\0")

    def dataReceived(self, data: bytes) -> None:
        self._said += data
        if b"\0" in data or len(self._said) > LONGEST:
            self._tell()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._tell()

    def _tell(self) -> None:
        if not self.answer.called:
            self.answer.callback(self._said)
        self._give_up()

    def _give_up(self, _: object = None) -> None:
        if self.transport is not None:
            self.transport.abortConnection()


def _framed(piece: bytes) -> bytes:
    return len(piece).to_bytes(4, "big") + piece
