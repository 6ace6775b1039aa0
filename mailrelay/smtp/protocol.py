"""One client's line: the Twisted protocol around the sans-I/O `Session`.

It moves octets, keeps deadlines, starts TLS and carries each question of the session to its `IConnection` and
`ISubmission`. Every submission ends by exactly one of `finish` and `abort`. It promises that a client that is gone,
silent or stuck frees its socket within the listener's limits, and that an inside failure is logged once and answered by
the dialect's temporary reply. It never judges a command and never logs what a client said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall, IHalfCloseableProtocol, IHandshakeListener, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from ..interfaces.ledger import Undecided
from ..interfaces.submission import AddressLogin, NoLogin, PasswordLogin, Peer
from ..mail.reply import Refusal
from .answers import Slot
from .deadlines import Deadlines
from .direct import send
from .events import (
    Closed,
    DataEnded,
    DataReceived,
    Event,
    Hello,
    LoginAsked,
    MailAsked,
    RcptAsked,
    TlsAsked,
    TransactionReset,
)
from .session import Session

if TYPE_CHECKING:
    from .server import SmtpServerFactory

#: Octets held for a session that waits for us, above which its line is not read.
MAX_HELD = 1 << 16

#: Answers to AUTH that guessing meets.
LOGIN_REFUSED = frozenset({"auth_failed", "auth_throttled"})


@implementer(IHalfCloseableProtocol, IHandshakeListener, IPushProducer)
class SmtpServer(Protocol):
    """One client's line."""

    factory: SmtpServerFactory
    transport: Any

    def __init__(self, factory: SmtpServerFactory, address: str) -> None:
        self.factory = factory
        self.address = address
        self._voice = factory.voice
        self._session = Session(factory.surroundings, factory.voice)
        self._peer = Peer(address, factory.listener.name, factory.random(8).hex())
        self._avatar: Any = None
        self._logout: Callable[[], object] | None = None
        self._submission: Any = None
        self._timer: IDelayedCall | None = None
        self._deadlines = Deadlines(factory.listener.limits, factory.clock.seconds())
        self._delayed: IDelayedCall | None = None
        self._handshaking = False
        self._pumping = False
        self._reading = True
        self._writable = True

    # -- the line

    def connectionMade(self) -> None:
        factory = self.factory
        factory.arrived(self)
        self.transport.registerProducer(self, True)
        self._handshaking = factory.listener.tls == "implicit"
        self._deadlines.begin(factory.clock.seconds())
        self._arm(factory.listener.limits.handshake if self._handshaking else self._deadlines.longest)
        if not self._handshaking:
            self._begin()
        elif factory.obstacle(self.address):
            # nothing can be told before the handshake, which would cost more than the client is worth
            self.transport.abortConnection()

    def handshakeCompleted(self) -> None:
        """TLS is up: for an implicit listener this is the beginning, after STARTTLS a new one."""
        if not self._handshaking:
            return
        self._handshaking = False
        self._deadlines.begin(self.factory.clock.seconds())
        self._peer = replace(self._peer, tls=self.transport.getHandle().get_protocol_version_name(), hello="", login="")
        self._voice = self.factory.voice_for(self.transport.getHandle())
        if self.factory.listener.tls == "implicit":
            self._session = Session(self.factory.surroundings, self._voice, tls=True)
            self._begin()
        else:
            self._session.tls_started(self._voice)
            self._pump()

    def _begin(self) -> None:
        obstacle = self.factory.obstacle(self._peer.address)
        if obstacle:
            self._session.turn_away(obstacle)
        elif self.factory.listener.login == "address":
            login = self.factory.log_in(AddressLogin(self._peer, self._voice.dialect.name))
            login.addCallbacks(self._let_in, self._keep_out)
        else:
            self._session.greet()
        self._pump()

    def _let_in(self, admitted: tuple[Any, Any, Callable[[], object]]) -> None:
        if self._adopt(admitted):
            self._session.log_in(self.factory.voice_of(self._avatar.dialect))
            self._session.greet()
            self._pump()

    def _keep_out(self, failure: Failure) -> None:
        if not self._session.closed:
            self._session.turn_away(*self._key_of(failure))
            self._pump()

    def dataReceived(self, data: bytes) -> None:
        self._session.receive(data)
        self._pump()

    def readConnectionLost(self) -> None:
        self._session.end_of_input()
        self._pump()

    def writeConnectionLost(self) -> None:
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._session.lost()
        for timer in (self._timer, self._delayed):
            if timer is not None and timer.active():
                timer.cancel()
        self._timer = None
        self._abort()
        self._log_out()
        self.factory.left(self)

    # -- back pressure: what the client does not read, we do not answer

    def pauseProducing(self) -> None:
        self._writable = False
        self._settle_reading()

    def resumeProducing(self) -> None:
        self._writable = True
        self._pump()

    def stopProducing(self) -> None:
        """The line is lost; `connectionLost` follows."""

    def _settle_reading(self) -> None:
        wanted = self._writable and not self._deadlines.holding and self._session.held <= MAX_HELD
        if wanted != self._reading and not self._session.closed:
            self._reading = wanted
            if wanted:
                self.transport.resumeProducing()
            else:
                self.transport.pauseProducing()

    # -- the loop

    def _pump(self) -> None:
        """Take the session as far as it gets, and write what it says in one piece."""
        if self._pumping:
            return
        self._pumping = True
        session = self._session
        try:
            while self._writable:
                if self.factory.draining and session.idle and not self._handshaking:
                    self._dismiss()
                event = session.next_event()
                if event is None:
                    break
                _REACTIONS[type(event)](self, event)
        finally:
            self._pumping = False
        self._flush()
        self._settle_reading()

    def _flush(self) -> None:
        octets = self._session.data_to_send()
        if octets:
            self._deadlines.heard(self.factory.clock.seconds())
            send(self.transport, octets)

    def _dismiss(self) -> None:
        if not self._session.closed:
            self._session.turn_away("shutdown")

    def drain(self) -> None:
        """Close as soon as no transaction is open."""
        if self._handshaking:
            self.transport.abortConnection()
        else:
            self._pump()

    def _on_hello(self, event: Hello) -> None:
        self._peer = replace(self._peer, hello=event.name, esmtp=event.esmtp)

    def _on_mail(self, event: MailAsked) -> None:
        self._deadlines.begin(self.factory.clock.seconds())
        if self._avatar is not None:
            self._submit(None, event)
        elif self._voice.dialect.credentials_at == "data":
            login = self.factory.log_in(NoLogin(self._peer, self._voice.dialect.name))
            login.addCallback(self._adopt)
            login.addCallbacks(self._submit, self._refused, callbackArgs=(event,), errbackArgs=(event.slot,))
        else:
            self._session.refuse(event.slot, "auth_required")

    def _submit(self, _: object, event: MailAsked) -> None:
        """Begin a transaction."""
        if self._avatar is None:  # the client is gone
            return
        try:
            self._submission = self._avatar.submission(self._peer)
            judged = self._submission.mail(event.sender, event.parameters)
        except Exception:
            judged = fail()
        self._await(judged, event.slot)

    def _on_rcpt(self, event: RcptAsked) -> None:
        try:
            judged = self._submission.rcpt(event.recipient)
        except Exception:
            judged = fail()
        self._await(judged, event.slot)

    def _on_data(self, event: DataReceived) -> None:
        now = self.factory.clock.seconds()
        self._deadlines.data(now)
        if self._submission is not None:
            try:
                room = self._submission.write(event.octets)
            except Exception:
                self.factory.log.failure("a submission could not take octets")
                self._abort()
            else:
                if room is not None:
                    self._deadlines.hold(now)
                    room.addBoth(self._go_on)

    def _go_on(self, _: object) -> None:
        """There is room again."""
        self._deadlines.go_on(self.factory.clock.seconds())
        self._settle_reading()

    def _on_end(self, event: DataEnded) -> None:
        self._deadlines.data_ended()
        submission, self._submission = self._submission, None
        if submission is None:
            self._session.refuse(event.slot, "temporary")
            return
        try:
            finished = submission.finish()
        except Exception:
            finished = fail()
        finished.addCallbacks(self._queued, self._refused, callbackArgs=(event.slot,), errbackArgs=(event.slot,))

    def _on_login(self, event: LoginAsked) -> None:
        credentials = event.credentials
        login = self.factory.log_in(
            PasswordLogin(self._peer, self._voice.dialect.name, credentials.username, credentials.password)
        )
        login.addCallbacks(
            self._logged_in, self._refused, callbackArgs=(event.slot, credentials.username), errbackArgs=(event.slot,)
        )

    def _on_reset(self, event: TransactionReset) -> None:
        self._deadlines.data_ended()
        self._abort()

    def _on_tls(self, event: TlsAsked) -> None:
        self._flush()
        self._abort()
        if self.factory.listener.login != "address":
            self._log_out()
        self._handshaking = True
        self._arm(self.factory.listener.limits.handshake)
        self.transport.startTLS(self.factory.context_factory)

    def _on_close(self, event: Closed) -> None:
        self._flush()
        self._abort()
        self._arm(self.factory.listener.limits.grace)
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    # -- answers

    def _await(self, judged: Deferred[None], slot: Slot) -> None:
        judged.addCallbacks(self._accepted, self._refused, callbackArgs=(slot,), errbackArgs=(slot,))

    def _accepted(self, _: object, slot: Slot) -> None:
        self._session.accept(slot)
        self._pump()

    def _queued(self, id: str, slot: Slot) -> None:
        self._session.accept(slot, {"id": id})
        self._pump()

    def _logged_in(self, admitted: tuple[Any, Any, Callable[[], object]], slot: Slot, username: str) -> None:
        if self._adopt(admitted):
            self._peer = replace(self._peer, login=username)
            self._session.accept(slot, voice=self.factory.voice_of(self._avatar.dialect))
            self._pump()

    def _refused(self, failure: Failure, slot: Slot) -> None:
        if isinstance(failure.value, Undecided):
            self.factory.log.warn("closed without a reply: nobody knows whether the message was kept")
            self._session.hang_up(slot)
            self._pump()
            return
        key, fields = self._key_of(failure)
        if slot.command == "MAIL":
            self._abort()
        seconds = self._session.login_delay if key in LOGIN_REFUSED and slot.command == "AUTH" else 0
        if seconds and not self._session.closed:
            self._delayed = self.factory.clock.callLater(seconds, self._refuse, slot, key, fields)
        else:
            self._refuse(slot, key, fields)

    def _refuse(self, slot: Slot, key: str, fields: Any) -> None:
        try:
            self._session.refuse(slot, key, fields)
        except KeyError:
            self.factory.log.failure("no reply {key} in session {session}", key=key, session=self._peer.session)
            self._session.refuse(slot, "temporary")
        self._pump()

    def _key_of(self, failure: Failure) -> tuple[str, Any]:
        """The reply key for a failure; whatever was not meant as a refusal is logged, once, here."""
        error = failure.value
        if isinstance(error, Refusal):
            if error.__cause__ is not None:
                self.factory.log.failure(
                    "refused with {key} in session {session}", failure, key=error.key, session=self._peer.session
                )
            return error.key, error.fields
        if isinstance(error, UnauthorizedLogin):
            return "auth_failed", None
        self.factory.log.failure("temporary failure in session {session}", failure, session=self._peer.session)
        return "temporary", None

    # -- what is held

    def _adopt(self, admitted: tuple[Any, Any, Callable[[], object]]) -> bool:
        """Keep who logged in; False: the client is gone, and so is the login."""
        _, avatar, logout = admitted
        if self._session.closed:
            logout()
            return False
        self._log_out()  # whoever was nobody before AUTH
        self._avatar, self._logout = avatar, logout
        return True

    def _log_out(self) -> None:
        logout, self._avatar, self._logout = self._logout, None, None
        if logout is not None:
            logout()

    def _abort(self) -> None:
        submission, self._submission = self._submission, None
        if submission is not None:
            submission.abort()

    # -- deadlines: one timer, which looks when it rings

    def _arm(self, seconds: float) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = self.factory.clock.callLater(seconds, self._ring)

    def _ring(self) -> None:
        self._timer = None
        session = self._session
        if session.closed or self._handshaking:
            self.transport.abortConnection()
            return
        deadlines = self._deadlines
        left = deadlines.left(self.factory.clock.seconds(), session.at_rest, session.message_size)
        if session.waiting or deadlines.holding:
            left = deadlines.longest  # the next move is ours
        if left > 0:
            self._arm(min(left, deadlines.longest))
            return
        session.turn_away("timeout")
        self._writable = True
        self._pump()


_REACTIONS: dict[type[Event], Callable[[SmtpServer, Any], None]] = {
    Hello: SmtpServer._on_hello,
    LoginAsked: SmtpServer._on_login,
    MailAsked: SmtpServer._on_mail,
    RcptAsked: SmtpServer._on_rcpt,
    DataReceived: SmtpServer._on_data,
    DataEnded: SmtpServer._on_end,
    TransactionReset: SmtpServer._on_reset,
    TlsAsked: SmtpServer._on_tls,
    Closed: SmtpServer._on_close,
}
