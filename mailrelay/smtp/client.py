"""The outbound connection: a thin Twisted protocol around `conversation.Conversation`.

It writes what the conversation says, starts TLS when asked, and holds each phase to its time (RFC 5321 4.5.3.2).
It promises that a phase that expires frees the socket at once (`abortConnection`), that an envelope is one write,
and that a body is one write too, or blocks of 64 KiB in which each must make progress. It never retries, never logs
a command, and tells its owner each thing once: opened, done, or gone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol as Shape

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IConsumer,
    IDelayedCall,
    IHandshakeListener,
    IOpenSSLClientConnectionCreator,
    IPullProducer,
    IReactorTime,
    ITCPTransport,
    ITLSTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from .conversation import Conversation
from .direct import send
from .phase import Phase
from .trust import Judgement

BLOCK = 65536  #: octets; a body up to this size is one write


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds for each phase; the values of RFC 5321 4.5.3.2 where it has one.

    `block` is how long a large body may stand still; `idle` how long a connection waits for the next message before
    QUIT; `quit` how long the goodbye may take.
    """

    connect: float = 30
    banner: float = 300
    ehlo: float = 300
    tls: float = 60
    auth: float = 120
    mail: float = 300
    rcpt: float = 300
    data: float = 120
    block: float = 180
    final: float = 600
    idle: float = 30
    quit: float = 5

    def by_phase(self) -> Mapping[Phase, float]:
        return {
            Phase.BANNER: self.banner,
            Phase.EHLO: self.ehlo,
            Phase.HELO: self.ehlo,
            Phase.STARTTLS: self.tls,
            Phase.HANDSHAKE: self.tls,
            Phase.AUTH: self.auth,
            Phase.READY: self.idle,
            Phase.MAIL: self.mail,
            Phase.RCPT: self.rcpt,
            Phase.DATA: self.data,
            Phase.BODY: self.block,
            Phase.FINAL: self.final,
            Phase.LONE_DOT: self.data,
            Phase.RESET: self.mail,
            Phase.QUIT: self.quit,
            Phase.CLOSED: self.quit,
        }


class Owner(Shape):
    """Who is told what becomes of a connection."""

    def opened(self, connection: OutboundConnection) -> None:
        """It is ready for its first message."""

    def done(self, connection: OutboundConnection) -> None:
        """The transaction has a verdict for each recipient; the connection may be CLOSED, or in RESET."""

    def rested(self, connection: OutboundConnection) -> None:
        """It is ready again, after the RSET that a refused transaction needed."""

    def gone(self, connection: OutboundConnection) -> None:
        """It serves no more: closed, failed, or saying goodbye."""


@implementer(IHandshakeListener)
class OutboundConnection(Protocol):
    """One connection to a hop. `carried` counts the transactions begun; `tls` is how it is encrypted
    (`mail.encryption`), or ""."""

    transport: ITLSTransport

    def __init__(
        self,
        conversation: Conversation,
        owner: Owner,
        clock: IReactorTime,
        limits: Mapping[Phase, float],
        context: Callable[[], IOpenSSLClientConnectionCreator],
        judge: Callable[[SSL.Connection], Judgement],
    ) -> None:
        self.conversation = conversation
        self.carried = 0
        self.tls = ""
        self.held = False  #: chosen for a message that is not composed yet
        self.last = False  #: takes no further message
        self._owner = owner
        self._clock = clock
        self._limits = limits
        self._context = context
        self._judge = judge
        self._timer: IDelayedCall | None = None
        self._rings_at = self._until = 0.0
        self._busy = False
        self._was_opened = False
        self._told_gone = False
        self._made = False
        self.source = ""  #: our address, where it is known
        self._lost = False
        self._when_lost: list[Deferred[None]] = []

    # What the owner does

    def carry(self, sender: bytes | None, recipients: Sequence[bytes | None], message: bytes) -> None:
        """Begin a transaction; ends in `Owner.done`, perhaps at once."""
        self.held = False
        self.carried += 1
        self._busy = True
        self.conversation.at = self._clock.seconds()
        write = self.conversation.begin(sender, recipients, message)
        if write:
            self._write(write)
        self._proceed()

    def ask(self, sender: bytes, recipient: bytes) -> None:
        """Ask whether a recipient would be taken, without a message; ends in `Owner.done`, perhaps at once."""
        self._busy = True
        self.conversation.at = self._clock.seconds()
        if write := self.conversation.ask(sender, recipient):
            self._write(write)
        self._proceed()

    def quit(self) -> None:
        """Say goodbye; the owner hears `gone` at once."""
        self._write(self.conversation.quit())
        self._rest()
        self._tell_gone()

    def abort(self) -> None:
        """Close now, without a word."""
        if self._made and not self._lost:
            self.transport.abortConnection()

    def when_lost(self) -> Deferred[None]:
        """Fires when the socket is free."""
        lost: Deferred[None] = Deferred()
        if self._lost:
            lost.callback(None)
        else:
            self._when_lost.append(lost)
        return lost

    # What the transport does

    def connectionMade(self) -> None:
        self._made = True
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
            self.source = self.transport.getHost().host
        self._rest()

    def dataReceived(self, data: bytes) -> None:
        conversation = self.conversation
        if conversation.closed:
            return
        answers = conversation.answers
        conversation.at = self._clock.seconds()
        write = conversation.receive(data)
        if conversation.answers == answers and not conversation.closed:
            return  # a part of a reply is no progress: the time of the phase runs on
        if write:
            self._write(write)
        self._proceed()

    def handshakeCompleted(self) -> None:
        if self.conversation.phase is Phase.HANDSHAKE:
            self.conversation.at = self._clock.seconds()
            judged = self._judge(self.transport.getHandle())  # type: ignore[attr-defined]
            if judged.refused:
                self.conversation.untrusted(judged.reason, judged.fault)
                self._proceed()
            else:
                self.tls = judged.encryption
                self.conversation.fault = judged.fault, judged.reason
                self._write(self.conversation.secured())
                self._rest()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._lost = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        conversation = self.conversation
        conversation.at = self._clock.seconds()
        if conversation.phase is Phase.HANDSHAKE:
            conversation.untrusted(reason.getErrorMessage() or repr(reason.value))
        elif conversation.phase is not Phase.CLOSED:
            conversation.lost()
        self._proceed()
        for lost in self._when_lost:
            lost.callback(None)

    # Between the two

    def _write(self, data: bytes) -> None:
        send(self.transport, data)

    def _proceed(self) -> None:
        """Do what the phase asks for."""
        phase = self.conversation.phase
        if phase is Phase.BODY:
            self._write_body()
        elif phase is Phase.HANDSHAKE:
            self.transport.startTLS(self._context())
        elif phase is Phase.CLOSED:
            self._close()
        self._rest()
        if self._busy:
            if None not in self.conversation.verdicts:
                self._busy = False
                self._owner.done(self)
        elif phase is Phase.READY:
            if self._was_opened:
                self._owner.rested(self)
            else:
                self._was_opened = True
                self._owner.opened(self)
        if self.conversation.phase is Phase.CLOSED:
            self._tell_gone()

    def _write_body(self) -> None:
        body = self.conversation.body
        if len(body) <= BLOCK:
            self._write(body)
            self.conversation.body_sent()
        else:
            IConsumer(self.transport).registerProducer(_Blocks(body, self), False)

    def block_written(self, last: bool) -> None:
        """A block of a large body was handed over: there is progress."""
        if last:
            IConsumer(self.transport).unregisterProducer()
            self.conversation.body_sent()
        self._rest()

    def _close(self) -> None:
        if self._lost:
            return
        if self.conversation.ending is None:
            self.transport.loseConnection()
        else:
            self.transport.abortConnection()

    def _rest(self) -> None:
        """Give the phase its time."""
        if self._lost:
            return
        limit = self._limits[self.conversation.phase]
        self._until = self._clock.seconds() + limit
        if self._timer is None:
            self._rings_at = self._until
            self._timer = self._clock.callLater(limit, self._ring)
        elif self._until < self._rings_at:
            self._rings_at = self._until
            self._timer.reset(limit)

    def _ring(self) -> None:
        """The one timer, which is put off only when it rings."""
        self._timer = None
        left = self._until - self._clock.seconds()
        if left > 0:
            self._rings_at = self._until
            self._timer = self._clock.callLater(left, self._ring)
        else:
            self._expired()

    def _expired(self) -> None:
        phase = self.conversation.phase
        if phase is Phase.READY and self.held:
            self._rest()
        elif phase is Phase.READY:
            self.quit()
        elif phase in (Phase.QUIT, Phase.CLOSED):
            self.abort()
        else:
            self.conversation.at = self._clock.seconds()
            self.conversation.expire()
            self._proceed()

    def _tell_gone(self) -> None:
        if not self._told_gone:
            self._told_gone = True
            self._owner.gone(self)


@implementer(IPullProducer)
class _Blocks:
    """A large body, handed over block by block as the transport empties; cut after stuffing, so no cut can matter."""

    def __init__(self, body: bytes, connection: OutboundConnection) -> None:
        self._body = memoryview(body)
        self._connection = connection
        self._at = 0

    def resumeProducing(self) -> None:
        block = bytes(self._body[self._at : self._at + BLOCK])
        self._at += BLOCK
        self._connection.transport.write(block)
        self._connection.block_written(last=self._at >= len(self._body))

    def stopProducing(self) -> None:
        """The connection is lost; `connectionLost` says so."""
