"""The inbound ESMTP session without any I/O: octets in, events and replies out, in the manner of h11.

Everything that decides the order of commands lives in this file. It promises one reply for each command, in their order,
however late the answers come (law 7): a barrier (all commands but RCPT, NOOP, VRFY, HELP) waits until everything before it is
answered, and nothing is read past a question that is one itself. It holds at most what it was given and could not use
yet; it never waits, writes, logs or looks anything up, and after the last event it ignores all input.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..mail.reply import Refusal
from .auth import MECHANISMS, Credentials, Exchange
from .commands import MAX_AUTH_LINE, hello_name, line_limit, parse_mail, parse_rcpt, split_command
from .data import DataScan
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
from .listener import Listener
from .voice import Replies, Slot, Spoken, Voice

#: Octets of one line after which its sender is not listened to any more.
MAX_SWALLOWED = 1 << 20

_BARRIERS = frozenset({"EHLO", "HELO", "MAIL", "DATA", "AUTH", "STARTTLS", "RSET", "QUIT"})
_JUNK = frozenset({"EHLO", "HELO", "RSET", "NOOP", "VRFY", "HELP"})
_NOT_IMPLEMENTED = frozenset({"EXPN", "ETRN", "TURN", "ATRN", "SEND", "SOML", "SAML", "BDAT", "BURL"})
_HTTP = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "PATCH", "TRACE"})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a session needs of the world: the clock's reading in seconds, the switch that pauses everything, TLS's presence."""

    hostname: str
    listener: Listener
    now: Callable[[], float]
    paused: Callable[[], bool]
    tls_available: bool


class Session:
    """One client's session, from greeting to close.

    Give octets to `receive`, then call `next_event` until it gives None, then write `data_to_send`; the same after each
    `accept` or `refuse`.
    """

    def __init__(self, surroundings: Surroundings, voice: Voice, tls: bool = False) -> None:
        self._surroundings = surroundings
        self._listener = surroundings.listener
        self._limits = surroundings.listener.limits
        self._promised = voice.dialect
        self._first_voice = self._voice = voice
        self._buffer = bytearray()
        self._replies = Replies()
        self._events: deque[Event] = deque()
        self._step: Callable[[], bool] = self._nothing
        self._barred = False
        self._closing = False
        self._input_ended = False
        self.closed = False
        self._tls = tls
        self._exchange: Exchange | None = None
        self._scan: DataScan | None = None
        self._swallowed = 0
        self._errors = self._junk = self._login_failures = 0
        self._free_junk_at = 0.0
        self._logged_in = False
        self._forget()

    def _forget(self) -> None:
        """Know nothing of the client (RFC 3207 4.2), but for what the listener itself trusts."""
        self._hello = False
        self._esmtp = False
        if self._listener.login != "address":
            self._logged_in = False
            self._voice = self._first_voice
        self._end_transaction()

    def _end_transaction(self) -> None:
        self._in_mail = False
        self._utf8 = False
        self._asked = self._accepted = self._attempted = 0

    # -- the server's side

    def greet(self) -> None:
        """Let the client speak."""
        if self._surroundings.paused():
            self._say("unavailable")
        else:
            self._say("greeting", {"host": self._surroundings.hostname})
            self._step = self._command

    def turn_away(self, key: str, fields: Mapping[str, object] | None = None) -> None:
        """Say one thing in place of the greeting, or to a client that waits for nothing, and close."""
        self._say(key, fields)
        self._close_behind()

    def receive(self, octets: bytes) -> None:
        """Take what came in."""
        if not self._closing:
            self._buffer += octets

    def end_of_input(self) -> None:
        """The client has closed its side: answer what it asked, then close."""
        self._input_ended = True

    @property
    def held(self) -> int:
        """Octets that came in and could not be used yet."""
        return len(self._buffer)

    @property
    def waiting(self) -> bool:
        """A question is unanswered: the next move is ours, not the client's."""
        return self._barred or self._replies.waiting > 0

    @property
    def in_transaction(self) -> bool:
        """MAIL was accepted, and its transaction has not ended."""
        return self._in_mail

    @property
    def message_size(self) -> int | None:
        """Octets of the message that is coming in, or None when none is."""
        return self._scan.size if self._scan else None

    def next_event(self) -> Event | None:
        """The next event; None: answers or octets are needed first."""
        events = self._events
        while not events:
            if self._barred or self._closing or not self._step():
                break
        if not events and not self.closed:
            if self._replies.ended or (self._input_ended and not self.waiting and self._step != self._nothing):
                self._close()
        return events.popleft() if events else None

    def data_to_send(self) -> bytes:
        """What may be written now."""
        return self._replies.take()

    def accept(self, slot: Slot, fields: Mapping[str, object] | None = None, voice: Voice | None = None) -> None:
        """Answer a question with yes; `fields` fill the reply, `voice` speaks from now on."""
        if self.closed:
            return
        if voice is not None:
            self._voice = voice
        if slot.command == "RCPT":
            self._asked -= 1
            self._accepted += 1
            self._replies.fill(slot, self._voice.say("rcpt_ok"))
            return
        self._barred = False
        if slot.command == "MAIL":
            self._in_mail = True
            key = "mail_ok"
        elif slot.command == "AUTH":
            self._logged_in = True
            key = "auth_ok"
        else:
            self._end_transaction()
            self._errors = self._junk = 0
            key = "queued"
        self._answer(slot, self._voice.say(key, fields))

    def refuse(self, slot: Slot, key: str, fields: Mapping[str, object] | None = None) -> None:
        """Answer a question with a refusal by its reply key; `KeyError`: the dialect has no such reply, nothing was answered."""
        if self.closed:
            return
        if slot.command == "AUTH" and key in ("auth_failed", "auth_throttled"):
            self._login_failures += 1
            if self._login_failures >= self._limits.login_failures:
                key, fields = "too_many_errors", None
        spoken = self._voice.say(key, fields)
        if slot.command == "RCPT":
            self._asked -= 1
        else:
            self._barred = False
            if slot.command != "AUTH":
                self._end_transaction()
        self._answer(slot, spoken)

    def hang_up(self) -> None:
        """Close without a reply."""
        self._replies.drop()
        self._close_behind()
        self._close()

    def tls_started(self) -> None:
        """The handshake is done: everything begins anew, but for the greeting."""
        self._tls = True
        self._step = self._command

    def time_out(self) -> None:
        """The client has been silent for too long."""
        self.turn_away("timeout")

    def log_in(self, voice: Voice) -> None:
        """The listener lets this client in without AUTH."""
        self._logged_in = True
        self._voice = voice

    # -- replies

    def _say(self, key: str, fields: Mapping[str, object] | None = None) -> None:
        spoken = self._voice.say(key, fields)
        self._replies.put(spoken)
        if spoken.closes:
            self._close_behind()

    def _answer(self, slot: Slot, spoken: Spoken) -> None:
        self._replies.fill(slot, spoken)
        if spoken.closes:
            self._close_behind()

    def _error(self, key: str, fields: Mapping[str, object] | None = None) -> None:
        """A reply to what should not have been said; after too many of them the last is 421."""
        self._errors += 1
        if self._errors > self._limits.errors:
            key, fields = "too_many_errors", None
        self._say(key, fields)

    def _close_behind(self) -> None:
        """Read no further; the end comes when what was asked earlier is answered."""
        self._closing = True
        self._buffer.clear()
        if not self._replies.waiting:
            self._replies.ended = True

    def _close(self) -> None:
        self.closed = self._closing = True
        self._buffer.clear()
        self._replies.drop()
        self._events.append(Closed())

    # -- steps: each takes something off the buffer, or gives False

    def _nothing(self) -> bool:
        return False

    def _line(self, limit: int | None = None) -> bytes | None:
        """The next line without its CRLF, or None: it is not whole yet, or was too long and has been answered so."""
        buffer = self._buffer
        end = buffer.find(b"\r\n")
        length = end + 2 if end >= 0 else len(buffer)
        if length > 512 and length > (limit or line_limit(bytes(buffer[:4]))):
            self._exchange = None
            self._step = self._swallow
            self._swallowed = 0
            self._error("line_too_long")
            return None
        if end < 0:
            return None
        line = bytes(buffer[:end])
        return line

    def _swallow(self) -> bool:
        """The rest of a line that was too long."""
        end = self._buffer.find(b"\r\n")
        used = end + 2 if end >= 0 else max(len(self._buffer) - 1, 0)
        self._swallowed += used
        del self._buffer[:used]
        if self._swallowed > MAX_SWALLOWED:
            self._say("too_many_errors")
        elif end >= 0:
            self._step = self._command
            return True
        return False

    def _command(self) -> bool:
        line = self._line()
        if line is None:
            return self._step == self._swallow
        verb, rest = split_command(line)
        if self._replies.waiting and (verb in _BARRIERS or (verb == "RCPT" and self._full())):
            return False
        del self._buffer[: len(line) + 2]
        if self._surroundings.paused():
            self._say("unavailable")
        elif verb in _JUNK and self._is_too_much():
            self._say("too_many_errors")
        else:
            command = _COMMANDS.get(verb)
            if command is not None:
                command(self, rest)
            elif verb in _HTTP:
                self._say("not_smtp")
            else:
                self._error("not_implemented" if verb in _NOT_IMPLEMENTED else "unknown_command")
        return True

    def _is_too_much(self) -> bool:
        now = self._surroundings.now()
        if now >= self._free_junk_at:
            self._free_junk_at = now + self._limits.junk_period
            return False
        self._junk += 1
        return self._junk > self._limits.junk

    def _full(self) -> bool:
        return self._asked >= self._limits.outstanding or self._accepted + self._asked >= self._voice.dialect.recipients

    # -- commands

    def _ehlo(self, rest: str) -> None:
        self._say_hello(rest, True)

    def _helo(self, rest: str) -> None:
        self._say_hello(rest, False)

    def _say_hello(self, rest: str, esmtp: bool) -> None:
        if not rest and not self._promised.bare_ehlo:
            self._error("syntax")
            return
        self._reset_transaction()
        self._hello, self._esmtp = True, esmtp
        self._events.append(Hello(hello_name(rest), esmtp))
        host = self._surroundings.hostname
        self._replies.put(
            self._voice.hello("ehlo", host, self._keywords()) if esmtp else self._voice.hello("helo", host, [])
        )

    def _keywords(self) -> list[str]:
        found = []
        for keyword in self._promised.extensions:
            if keyword == "SIZE":
                found.append(f"SIZE {self._promised.size}")
            elif keyword == "STARTTLS":
                if self._offers_tls():
                    found.append(keyword)
            elif keyword == "AUTH":
                if self._offers_auth() and not self._needs_tls():
                    found.append(" ".join(["AUTH", *MECHANISMS]))
            else:
                found.append(keyword)
        return found

    def _offers_tls(self) -> bool:
        return self._listener.tls == "starttls" and self._surroundings.tls_available and not self._tls

    def _offers_auth(self) -> bool:
        return self._listener.login == "auth" and "AUTH" in self._promised.extensions

    def _needs_tls(self) -> bool:
        return self._listener.tls_required and not self._tls

    def _starttls(self, rest: str) -> None:
        if self._tls:
            self._error("tls_active")
        elif self._listener.tls != "starttls":
            self._error("not_implemented")
        elif rest:
            self._error("syntax")
        elif not self._hello:
            self._error("hello_first")
        elif self._in_mail:
            self._error("bad_sequence")
        elif not self._surroundings.tls_available:
            self._error("tls_unavailable")
        else:
            self._say("starttls")
            self._buffer.clear()
            self._forget()
            self._step = self._nothing
            self._events.append(TlsAsked())

    def _auth(self, rest: str) -> None:
        mechanism, _, initial = rest.partition(" ")
        if not (self._hello and self._esmtp):
            self._error("hello_first")
        elif not self._offers_auth():
            self._error("not_implemented")
        elif self._needs_tls():
            self._error("tls_required")
        elif self._in_mail:
            self._error("auth_during_mail")
        elif self._logged_in:
            self._error("auth_again")
        elif not mechanism:
            self._error("syntax")
        else:
            try:
                self._exchange = exchange = Exchange(mechanism.upper())
                self._carry_on(exchange.begin(initial.strip(" ")))
            except Refusal as refusal:
                self._end_exchange(refusal)

    def _response(self) -> bool:
        """A line of an AUTH exchange."""
        line = self._line(MAX_AUTH_LINE)
        if line is None or self._exchange is None:
            return self._step == self._swallow
        del self._buffer[: len(line) + 2]
        try:
            self._carry_on(self._exchange.respond(line.decode("utf-8", "surrogateescape")))
        except Refusal as refusal:
            self._end_exchange(refusal)
        return True

    def _carry_on(self, outcome: str | Credentials) -> None:
        if isinstance(outcome, str):
            self._say(outcome)
            self._step = self._response
        else:
            self._exchange = None
            self._step = self._command
            self._barred = True
            self._events.append(LoginAsked(self._replies.open("AUTH"), outcome))

    def _end_exchange(self, refusal: Refusal) -> None:
        self._exchange = None
        self._step = self._command
        self._error(refusal.key, refusal.fields)

    def _mail(self, rest: str) -> None:
        if not self._hello:
            self._error("hello_first")
        elif self._needs_tls():
            self._error("tls_required")
        elif not self._logged_in and self._promised.credentials_at == "auth":
            self._error("auth_required")
        elif self._in_mail:
            self._error("nested_mail")
        else:
            try:
                mail = parse_mail(rest, "SMTPUTF8" in self._promised.extensions)
            except Refusal as refusal:
                self._error(refusal.key, refusal.fields)
                return
            if mail.parameters.size > self._promised.size:
                self._say("size_exceeded", {"limit": self._promised.size})
                return
            self._utf8 = mail.parameters.utf8
            self._barred = True
            self._events.append(MailAsked(self._replies.open("MAIL"), mail.sender, mail.parameters))

    def _rcpt(self, rest: str) -> None:
        if not self._in_mail:
            self._error("mail_first" if self._hello else "hello_first")
            return
        self._attempted += 1
        if self._accepted + self._asked >= self._voice.dialect.recipients:
            self._say("too_many_recipients")
            return
        try:
            recipient = parse_rcpt(rest, self._utf8, self._surroundings.hostname)
        except Refusal as refusal:
            # A malformed address is one in a list of the application, not a client that lost its way.
            self._say(refusal.key, refusal.fields)
            return
        self._asked += 1
        self._events.append(RcptAsked(self._replies.open("RCPT"), recipient))

    def _data(self, rest: str) -> None:
        if not self._in_mail:
            self._error("mail_first" if self._hello else "hello_first")
        elif rest:
            self._error("syntax")
        elif not self._attempted:
            self._error("rcpt_first")
        elif not self._accepted:
            self._say("no_valid_recipients")
        else:
            self._say("data_go")
            self._scan = DataScan(self._buffer)
            self._step = self._body

    def _body(self) -> bool:
        scan = self._scan
        assert scan is not None
        octets, ended = scan.take(self._buffer)
        fits = scan.size <= self._promised.size
        if octets and fits:
            self._events.append(DataReceived(octets))
        if not ended:
            return bool(octets)
        self._scan = None
        self._step = self._command
        if fits:
            self._barred = True
            self._events.append(DataEnded(self._replies.open("DATA")))
        else:
            self._reset_transaction()
            self._say("message_too_big", {"limit": self._promised.size})
        return True

    def _rset(self, rest: str) -> None:
        self._reset_transaction()
        self._say("reset")

    def _reset_transaction(self) -> None:
        if self._in_mail:
            self._end_transaction()
            self._events.append(TransactionReset())

    def _noop(self, rest: str) -> None:
        self._say("noop")

    def _help(self, rest: str) -> None:
        self._say("help")

    def _vrfy(self, rest: str) -> None:
        if rest:
            self._say("verify")
        else:
            self._error("syntax")

    def _quit(self, rest: str) -> None:
        self._say("bye")


_COMMANDS: dict[str, Callable[[Session, str], None]] = {
    "EHLO": Session._ehlo,
    "HELO": Session._helo,
    "STARTTLS": Session._starttls,
    "AUTH": Session._auth,
    "MAIL": Session._mail,
    "RCPT": Session._rcpt,
    "DATA": Session._data,
    "RSET": Session._rset,
    "NOOP": Session._noop,
    "VRFY": Session._vrfy,
    "HELP": Session._help,
    "QUIT": Session._quit,
}
