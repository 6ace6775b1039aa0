"""The inbound ESMTP session without any I/O: octets in, events and replies out, in the manner of h11.

Everything that decides the order of commands lives in this file. It promises one reply for each command, in their
order, however late the answers come (law 7): a barrier waits until everything before it is answered, and nothing is
read past a question that is one itself. It holds at most what it was given and could not use yet; it never waits,
writes, logs or looks anything up, and once it is closing it ignores all input.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from ..mail.reply import Refusal
from . import commands, events
from .answers import Answers, Slot
from .auth import MECHANISMS, Credentials, Exchange
from .budget import Share
from .data import DataScan
from .events import Event
from .lines import LineScan, LineTooLong, NeverEnding
from .listener import Surroundings
from .patience import Patience
from .promise import Promise
from .voice import Spoken, Voice

#: Octets of one message that are taken to be in memory at most: beyond them the back end lets go of some as more come.
IN_MEMORY = 1 << 20
#: The digit with which a reply begins that refuses nothing: none is greater.
GO_ON = ord("3")
#: What a message is taken to need when its size was not declared, and by how much it is found to need more.
STEP = 1 << 16


class Session:
    """One client's session, from greeting to close.

    Give octets to `receive`, then call `next_event` until it gives None, then write `data_to_send`; the same after
    each `accept` or `refuse`. `voice` is that of the listener's dialect.
    """

    def __init__(self, surroundings: Surroundings, voice: Voice, tls: bool = False) -> None:
        listener = surroundings.listener
        self._surroundings = surroundings
        self._promise = Promise(listener, voice.dialect, surroundings.certificate, tls)
        self._first_voice = self._voice = voice
        self._buffer = bytearray()
        self._lines = LineScan()
        self._answers = Answers()
        self._patience = Patience(listener.limits)
        self._share = Share(surroundings.budget)
        self._events: deque[Event] = deque()
        #: takes something off the buffer, or gives False; exchanged as the session goes on
        self._step: Callable[[], bool] = self._nothing
        self._exchange: Exchange | None = None
        self._scan: DataScan | None = None
        #: a question that is a barrier is unanswered
        self._barred = False
        #: the back end has the message, and has not answered
        self._finishing = False
        self._logged_in = False
        self._input_ended = False
        self.closed = False
        self._forget()

    def _forget(self) -> None:
        """Know nothing of the client (RFC 3207 4.2), but for what the listener itself trusts."""
        self._hello = self._esmtp = False
        if self._promise.listener.login != "address":
            self._logged_in = False
            self._voice = self._first_voice
        self._end_transaction()

    def _end_transaction(self) -> None:
        self._in_mail = self._utf8 = False
        self._tried = self._asked = self._accepted = self._declared = 0
        self._share.give_back()

    # -- the server's side

    def greet(self) -> None:
        """Let the client speak."""
        if self._surroundings.paused():
            self._say("unavailable")
        else:
            self._say("greeting", {"host": self._surroundings.hostname})
            self._step = self._command

    def turn_away(self, key: str, fields: Mapping[str, object] | None = None) -> None:
        """Say one thing in place of the greeting, or to a client that we wait for, and close."""
        self._say(key, fields)
        self._answers.close()

    def log_in(self, voice: Voice) -> None:
        """The listener lets this client in without AUTH."""
        self._logged_in = True
        self._voice = voice

    def tls_started(self, voice: Voice | None = None) -> None:
        """The handshake is done: everything begins anew, but for the greeting, in another dialect if there is one."""
        self._promise.tls = True
        if voice is not None:
            self._promise.dialect = voice.dialect
            self._first_voice = voice
            if not self._logged_in:
                self._voice = voice
        self._step = self._command

    def receive(self, octets: bytes) -> None:
        """Take what came in."""
        if not self._answers.closing:
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
        return self._barred or self._answers.owed

    @property
    def idle(self) -> bool:
        """Nothing is asked, and no transaction is open."""
        return not (self._in_mail or self.waiting)

    @property
    def at_rest(self) -> bool:
        """Logged in, and no transaction is open: it may stay as long as it says something now and then."""
        return self._logged_in and not self._in_mail

    @property
    def login_delay(self) -> float:
        """Seconds by which a login that is about to be refused should be put off."""
        return self._patience.delay

    @property
    def message_size(self) -> int:
        """Octets so far of the message that is coming in."""
        return self._scan.size if self._scan else 0

    def next_event(self) -> Event | None:
        """The next event; None: answers or octets are needed first."""
        queue = self._events
        while not queue:
            if self._barred or self._answers.closing or not self._advance():
                break
        if queue:
            return queue.popleft()
        served = self._input_ended and not self.waiting and self._step != self._nothing
        if (self._answers.ended or served) and not self.closed:
            self.lost()
            return events.Closed()
        return None

    def data_to_send(self) -> bytes:
        """What may be written now."""
        return self._answers.take()

    def accept(self, slot: Slot, fields: Mapping[str, object] | None = None, voice: Voice | None = None) -> None:
        """Answer a question with yes; `fields` fill the reply, `voice` speaks from now on."""
        self._answered(slot)
        if self._answers.ended:
            return
        self._barred = False
        if slot.command == "RCPT":
            self._asked -= 1
            self._accepted += 1
            key = "rcpt_ok"
        elif slot.command == "MAIL":
            self._in_mail = True
            key = "mail_ok"
        elif slot.command == "AUTH":
            self._logged_in = True
            self._voice = voice or self._voice
            key = "auth_ok"
        else:
            self._end_transaction()
            self._patience.renew()
            self._voice.tally.accepted += 1
            key = "queued"
        self._answers.fill(slot, self._voice.say(key, fields))

    def refuse(self, slot: Slot, key: str, fields: Mapping[str, object] | None = None) -> None:
        """Answer a question with no, by a reply key; `KeyError`: the dialect has no such reply, nothing is changed."""
        self._answered(slot)
        if self._answers.ended:
            return
        spoken = self._voice.say(key, fields)
        self._note(key, spoken)
        self._barred = False
        if slot.command == "RCPT":
            self._asked -= 1
        elif slot.command != "AUTH":
            self._end_transaction()
        elif key in ("auth_failed", "auth_throttled") and self._patience.login():
            spoken = self._voice.say("too_many_errors")
        self._answers.fill(slot, spoken)

    def _answered(self, slot: Slot) -> None:
        if slot.command == "DATA":
            self._finishing = False
            self._share.give_back()

    def hang_up(self, slot: Slot) -> None:
        """Close without another reply, to this question or any other."""
        self._answered(slot)
        self._answers.hang_up()
        self._buffer.clear()

    def lost(self) -> None:
        """The line is gone: whatever comes now, from either side, is ignored."""
        self.closed = True
        self._answers.hang_up()
        self._buffer.clear()
        if not self._finishing:
            self._share.give_back()

    # -- replies

    def _say(self, key: str, fields: Mapping[str, object] | None = None) -> None:
        spoken = self._voice.say(key, fields)
        self._note(key, spoken)
        self._answers.put(spoken)

    def _note(self, key: str, spoken: Spoken) -> None:
        """Count a refusal."""
        if spoken.octets[0] > GO_ON:
            self._voice.tally.refused[key, spoken.octets[0] - 48] += 1

    def _error(self, key: str, fields: Mapping[str, object] | None = None) -> None:
        """A reply to what should not have been said; after too many of them the last is 421."""
        if self._patience.error():
            key, fields = "too_many_errors", None
        self._say(key, fields)

    # -- steps: each takes something off the buffer, or gives False

    def _advance(self) -> bool:
        try:
            return self._step()
        except LineTooLong:
            self._step = self._command
            self._error("line_too_long")
        except NeverEnding:
            self._say("too_many_errors")
        return True

    def _nothing(self) -> bool:
        return False

    def _command(self) -> bool:
        line = self._lines.peek(self._buffer, commands.line_limit)
        if line is None:
            return False
        verb, rest = commands.split_command(line)
        if self._answers.owed and (verb in commands.BARRIERS or (verb == "RCPT" and self._asked and self._is_full())):
            return False
        del self._buffer[: len(line) + 2]
        if self._surroundings.paused():
            self._say("unavailable")
        elif verb in commands.JUNK and self._patience.junk(self._surroundings.now()):
            self._say("too_many_errors")
        elif command := _COMMANDS.get(verb):
            command(self, rest)
        elif verb in commands.HTTP:
            self._say("not_smtp")
        elif verb in commands.FORWARDING:
            self._error("forwarding_off")
        else:
            self._error("not_implemented" if verb in commands.NOT_IMPLEMENTED else "unknown_command")
        return True

    def _response(self) -> bool:
        """A line of an AUTH exchange."""
        line = self._lines.peek(self._buffer, lambda _: commands.MAX_AUTH_LINE)
        if line is None or self._exchange is None:
            return False
        del self._buffer[: len(line) + 2]
        self._carry_on(self._exchange.respond, line.decode("utf-8", "surrogateescape"))
        return True

    def _body(self) -> bool:
        scan = self._scan
        assert scan is not None
        octets, ended = scan.take(self._buffer)
        limit = self._promise.dialect.size
        if octets and scan.size <= limit:
            if scan.size > self._share.held and not self._share.cover(min(scan.size + STEP, IN_MEMORY)):
                self._say("unavailable")
                return True
            self._events.append(events.DataReceived(octets))
        if not ended:
            return bool(octets)
        self._scan = None
        self._step = self._command
        if scan.size <= limit:
            self._barred = self._finishing = True
            self._events.append(events.DataEnded(self._answers.open("DATA")))
        else:
            self._reset_transaction()
            self._say("message_too_big", {"limit": limit})
        return True

    # -- commands, each called with what stood behind its verb

    def _ehlo(self, rest: str, esmtp: bool = True) -> None:
        if not rest and not self._promise.dialect.bare_ehlo:
            self._error("hello_syntax")
            return
        self._reset_transaction()
        self._hello, self._esmtp = True, esmtp
        self._events.append(events.Hello(commands.hello_name(rest), esmtp))
        key, keywords = ("ehlo", self._promise.keywords()) if esmtp else ("helo", [])
        self._answers.put(self._voice.hello(key, self._surroundings.hostname, keywords))

    def _starttls(self, rest: str) -> None:
        if self._promise.tls:
            self._error("tls_active")
        elif not self._promise.starttls:
            self._error("tls_unsupported")
        elif rest:
            self._error("syntax")
        elif not self._hello:
            self._error("hello_first")
        elif self._in_mail:
            self._error("bad_sequence")
        elif not self._promise.certificate:
            self._error("tls_unavailable")
        else:
            self._say("starttls")
            # What was sent in the clear behind the command is not the client's (RFC 3207 4.2, CVE-2011-0411).
            self._buffer.clear()
            self._forget()
            self._step = self._nothing
            self._events.append(events.TlsAsked())

    def _auth(self, rest: str) -> None:
        mechanism, _, initial = rest.partition(" ")
        if not self._esmtp:
            self._error("hello_first")
        elif not self._promise.auth:
            self._error("not_implemented")
        elif self._promise.needs_tls:
            self._error("tls_required")
        elif self._in_mail:
            self._error("auth_during_mail")
        elif self._logged_in:
            self._error("auth_again")
        elif not mechanism:
            self._error("syntax")
        elif mechanism.upper() not in MECHANISMS:
            self._error("auth_mechanism")
        else:
            self._exchange = Exchange(mechanism.upper(), any_user=not self._promise.login_first)
            self._carry_on(self._exchange.begin, initial.strip(" "))

    def _carry_on(self, exchange: Callable[[str], str | Credentials], response: str) -> None:
        """Give an exchange one response, and the client what comes of it."""
        self._step = self._command
        try:
            outcome = exchange(response)
        except Refusal as refusal:
            self._error(refusal.key, refusal.fields)
            return
        if isinstance(outcome, str):
            self._say(outcome)
            self._step = self._response
        else:
            self._barred = True
            self._events.append(events.LoginAsked(self._answers.open("AUTH"), outcome))

    def _mail(self, rest: str) -> None:
        if not self._hello:
            self._error("hello_first")
        elif self._promise.needs_tls:
            self._error("tls_required")
        elif not self._logged_in and self._promise.login_first:
            self._error("auth_required")
        elif self._in_mail:
            self._error("nested_mail")
        else:
            try:
                sender, parameters = commands.parse_mail(rest, self._promise.utf8, self._promise.any_path)
            except Refusal as refusal:
                self._error(refusal.key, refusal.fields)
                return
            limit = self._promise.dialect.size
            if parameters.size > limit:
                self._say("size_exceeded", {"limit": limit})
                return
            if self._patience.transaction():
                self._say("too_many_messages")
                return
            self._utf8, self._declared = parameters.utf8, parameters.size
            self._barred = True
            self._events.append(events.MailAsked(self._answers.open("MAIL"), sender, parameters))

    def _is_full(self) -> bool:
        """No room for another recipient, unless some of those asked for are refused."""
        return self._accepted + self._asked >= self._voice.dialect.recipients

    def _rcpt(self, rest: str) -> None:
        if not self._in_mail:
            self._error("mail_first" if self._hello else "hello_first")
            return
        self._tried += 1
        if self._is_full():
            self._say("too_many_recipients")
            return
        try:
            recipient = commands.parse_rcpt(rest, self._utf8, self._surroundings.hostname)
        except Refusal as refusal:
            # A malformed address is one in a list of the application, not a client that lost its way.
            self._say(refusal.key, refusal.fields)
            return
        self._asked += 1
        self._events.append(events.RcptAsked(self._answers.open("RCPT"), recipient))

    def _data(self, rest: str) -> None:
        if not self._in_mail:
            self._error("mail_first" if self._hello else "hello_first")
        elif rest:
            self._error("syntax")
        elif not self._tried:
            self._error("rcpt_first")
        elif not self._accepted:
            self._say("no_valid_recipients")
        elif not self._share.cover(min(self._declared or STEP, IN_MEMORY)):
            self._say("unavailable")
        else:
            self._say("data_go")
            self._scan = DataScan(self._buffer)
            self._step = self._body

    def _rset(self, rest: str) -> None:
        self._reset_transaction()
        self._say("reset")

    def _reset_transaction(self) -> None:
        if self._in_mail:
            self._end_transaction()
            self._events.append(events.TransactionReset())


_COMMANDS: dict[str, Callable[[Session, str], None]] = {
    "EHLO": Session._ehlo,
    "HELO": lambda session, rest: session._ehlo(rest, esmtp=False),
    "STARTTLS": Session._starttls,
    "AUTH": Session._auth,
    "MAIL": Session._mail,
    "RCPT": Session._rcpt,
    "DATA": Session._data,
    "RSET": Session._rset,
    "NOOP": lambda session, _: session._say("noop"),
    "VRFY": lambda session, rest: session._say("verify") if rest else session._error("syntax"),
    "HELP": lambda session, _: session._say("help"),
    "QUIT": lambda session, _: session._say("bye"),
}
