"""The outbound session without I/O: bytes of the next hop in, bytes to write and a phase out.

All that affects the order of commands lives in the table `_MOVES`: (phase, first digit of the reply) → what follows;
a reply that is not in the table ends the session. It promises one verdict for each recipient whatever the hop
says: a reply nobody asked for, garbage and 421 end the session and defer what is not yet decided, after the
final dot as uncertain. What a hop says before MAIL judges the hop and not a recipient, so it only ever defers.
It never writes into a running body, never says a password where it could be overheard nor tells it in a transcript,
and never reads a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..mail.encryption import FAILED, NO_STARTTLS
from ..mail.envelope import Bounced, Deferred, Delivered, Hop
from ..mail.reply import Reply
from ..mail.transcript import Moment
from .offer import Extensions, is_loopback, login_lines, masked, read_extensions, without_secrets
from .outgoing import BAD_ADDRESS, NEEDS_UTF8, Kind, Verdict, body_octets, mail_line
from .phase import TRANSACTION, Ending, Phase
from .replies import ReplyParser


class Conversation:
    """One session with a hop, from its greeting to QUIT.

    Feed `receive`, write what it returns, then look at `phase`: HANDSHAKE asks for TLS and `secured`, BODY for `body`
    to be written and `body_sent`, READY takes the next `begin`, CLOSED is the end, with `ending` unless it was ours.
    With `encrypt` false STARTTLS is not tried for a hop that may do without. Set `at`, a reading of the clock in
    seconds, before whatever happens; `moments` has what was said since the session or its running transaction began.
    """

    def __init__(self, hop: Hop, hello: bytes, encrypt: bool = True) -> None:
        self.phase = Phase.BANNER
        self.extensions = Extensions()
        self.ending: Ending | None = None
        self.verdicts: list[Verdict | None] = []
        self.body = b""
        self.answers = 0  #: replies to the running transaction so far
        self.stale = False  #: lost before anything of the running transaction was answered
        self.fault = ("", "")  #: what was wrong with TLS: a result type of RFC 8460, and words
        self.at = 0.0
        self.moments: list[Moment] = []
        self._transactions = 0
        self._hop = hop
        self._hello = hello
        self._tls = hop.tls if encrypt or hop.tls != "may" else "none"
        self._secure = False
        self._parser = ReplyParser()
        self._octets = 0
        self._owed = 1
        self._login: list[bytes] = []
        self._recipients: list[tuple[int, bytes]] = []
        self._next = 0
        self._pipelined = False
        self._asks = False
        self._refused: Reply | None = None

    @property
    def closed(self) -> bool:
        """The session is over."""
        return self.phase is Phase.CLOSED

    # What happens to a session

    def receive(self, data: bytes) -> bytes:
        """Take what the hop said; gives what is to be written now."""
        owed = self._owed
        write = b""
        for reply in self._parser.feed(data):
            if not owed:
                # Written after the last command was answered and before the next: never an answer (C-2, C-5).
                self._confused(f"a reply that nobody asked for: {reply}")
                return b""
            owed -= 1
            self._owed -= 1
            write += self._answer(reply)
            if self.phase is Phase.CLOSED:
                return write
        if self._parser.fault:
            self._confused(self._parser.fault)
        elif not owed and self._parser.partial:
            self._confused("a reply that nobody asked for")
        return write if self.phase is not Phase.CLOSED else b""

    def secured(self) -> bytes:
        """The handshake is done: everything that was said before is forgotten (RFC 3207 4.2)."""
        self._secure = True
        self.note("TLS is established")
        self.extensions = Extensions()
        return self._say(Phase.EHLO, b"EHLO " + self._hello + b"\r\n")

    def begin(self, sender: bytes | None, recipients: Sequence[bytes | None], message: bytes) -> bytes:
        """Start a transaction with a message in wire form; `verdicts` belongs to `recipients`, one each.

        An address that cannot be written (None), or that this hop cannot take, is decided without a word on the wire.
        """
        self._transactions += 1
        if self._transactions > 1:
            self.moments = [(self.at, "-", f"kept connection, transaction {self._transactions}")]
        limit = self.extensions.capabilities.size
        self.verdicts = [self._barred(sender, recipient) for recipient in recipients]
        self._recipients = [
            (place, path) for place, path in enumerate(recipients) if path is not None and self.verdicts[place] is None
        ]
        if not self._recipients or sender is None:
            return b""
        if 0 < limit < len(message):
            reply = Reply(552, "5.3.4", f"Message of {len(message)} octets is too big for {self._hop.host} ({limit})")
            self._decide(Bounced, reply)
            return b""
        paths = [path for _, path in self._recipients]
        line = mail_line(sender, paths, message, self.extensions)
        self.body = body_octets(message)
        self._octets = len(message)
        self.answers = 0
        self._next = 0
        self._refused = None
        self._pipelined = self.extensions.capabilities.pipelining
        if not self._pipelined:
            return self._say(Phase.MAIL, line)
        lines = [line, *(b"RCPT TO:<" + path + b">\r\n" for path in paths), b"DATA\r\n"]
        return self._say(Phase.MAIL, b"".join(lines), len(lines))

    def ask(self, sender: bytes, recipient: bytes) -> bytes:
        """Ask whether a recipient would be taken: MAIL, RCPT and RSET, and never a message; "delivered" is yes."""
        self.verdicts = [self._barred(sender, recipient)]
        if self._decided:
            return b""
        self._recipients, self._next, self._refused = [(0, recipient)], 0, None
        self.answers, self._pipelined, self._asks = 0, False, True
        return self._say(Phase.MAIL, mail_line(sender, [recipient], b"", self.extensions))

    def body_sent(self) -> None:
        """The last octet of the body was handed over."""
        self.body = b""
        self._say(Phase.FINAL, b"")

    def note(self, remark: str) -> None:
        """Put a remark of ours into the transcript."""
        self.moments.append((self.at, "-", remark))

    def quit(self) -> bytes:
        """Say goodbye, between transactions."""
        return self._say(Phase.QUIT, b"QUIT\r\n")

    def lost(self) -> None:
        """The connection is gone."""
        self.stale = self.phase is Phase.MAIL and self.answers == 0 and not self._parser.partial
        self._end(Reply(451, "4.4.2", f"Connection lost while waiting for {self.phase.value}"), self._in_tls)

    def expire(self) -> None:
        """The time for this phase is over."""
        self._end(Reply(451, "4.4.2", f"Timed out while waiting for {self.phase.value}"), self._in_tls)

    def untrusted(self, reason: str, fault: str = FAILED) -> None:
        """The handshake failed, or came to nothing that may be used."""
        self.fault = fault, reason
        self._end(Reply(451, "4.7.5", f"TLS failed: {reason}"), True)

    # What follows from a reply

    def _answer(self, reply: Reply) -> bytes:
        self.answers += 1
        if self.phase is Phase.AUTH:
            reply = without_secrets(reply, self._hop.username, self._hop.password)
        self.moments.append((self.at, "S", reply))
        if reply.code == 421 and self.phase is not Phase.QUIT:
            self._end(reply)
            return b""
        move = _MOVES.get((self.phase, reply.code // 100))
        if move is None:
            self._confused(f"{reply} as {self.phase.value}")
            return b""
        return move(self, reply)

    def _greeted(self, reply: Reply) -> bytes:
        return self._say(Phase.EHLO, b"EHLO " + self._hello + b"\r\n")

    def _offered(self, reply: Reply) -> bytes:
        self.extensions = read_extensions(reply)
        if self._secure or self._tls == "none":
            return self._log_in()
        if self.extensions.starttls:
            return self._say(Phase.STARTTLS, b"STARTTLS\r\n")
        return self._without_tls(Reply(451, "4.7.4", f"TLS is required, and {self._hop.host} does not offer it"))

    def _no_ehlo(self, reply: Reply) -> bytes:
        if reply.code not in (500, 502):
            return self._refuse_session(reply)
        return self._say(Phase.HELO, b"HELO " + self._hello + b"\r\n")

    def _helo_taken(self, reply: Reply) -> bytes:
        self.extensions = Extensions()
        if self._secure or self._tls == "none":
            return self._log_in()
        return self._without_tls(Reply(451, "4.7.4", f"TLS is required, and {self._hop.host} knows no EHLO"))

    def _without_tls(self, refusal: Reply) -> bytes:
        self.fault = NO_STARTTLS, refusal.text
        if self._tls == "may":
            return self._log_in()
        self._end(refusal)
        return b""

    def _start_tls(self, reply: Reply) -> bytes:
        if reply.code != 220:
            return self._no_tls(reply)
        self.phase = Phase.HANDSHAKE
        return b""

    def _no_tls(self, reply: Reply) -> bytes:
        self.fault = NO_STARTTLS, str(reply)
        self._end(Reply(451, "4.7.4", f"STARTTLS was refused: {reply}"), plaintext=True)
        return b""

    def _log_in(self) -> bytes:
        hop = self._hop
        if not hop.username:
            self.phase = Phase.READY
            return b""
        if not (self._secure or hop.tls == "none" or is_loopback(hop.host)):
            self._end(Reply(451, "4.7.0", f"No login at {hop.host} without TLS"))
            return b""
        self._login = list(login_lines(self.extensions.mechanisms, hop.username, hop.password))
        if not self._login:
            self._end(Reply(451, "4.7.0", f"{hop.host} offers no login that is known here"))
            return b""
        return self._say(Phase.AUTH, self._login.pop(0))

    def _challenged(self, reply: Reply) -> bytes:
        if not self._login:
            self._confused(f"{reply} as {self.phase.value}")
            return b""
        return self._say(Phase.AUTH, self._login.pop(0))

    def _become_ready(self, reply: Reply) -> bytes:
        self._login = []
        self.phase = Phase.READY
        return b""

    def _refuse_session(self, reply: Reply) -> bytes:
        self._end(reply)
        return b""

    # … within a transaction

    def _sender_taken(self, reply: Reply) -> bytes:
        return self._next_recipient()

    def _sender_refused(self, reply: Reply) -> bytes:
        self._refused = reply
        self._decide(_kind(reply), reply)
        if self._pipelined:
            return self._next_recipient()
        self.phase = Phase.READY
        return b""

    def _recipient_taken(self, reply: Reply) -> bytes:
        if self._asks:
            self._decide(Delivered, reply)
        self._next += 1
        return self._next_recipient()

    def _recipient_refused(self, reply: Reply) -> bytes:
        place, _ = self._recipients[self._next]
        if self.verdicts[place] is None:
            self.verdicts[place] = (_kind(reply), reply, False)
        self._next += 1
        return self._next_recipient()

    def _next_recipient(self) -> bytes:
        if self._next < len(self._recipients):
            path = self._recipients[self._next][1]
            return self._say(Phase.RCPT, b"" if self._pipelined else b"RCPT TO:<" + path + b">\r\n")
        if self._pipelined:
            self.phase = Phase.DATA
            return b""
        if self._decided:
            return self._say(Phase.RESET, b"RSET\r\n")
        return self._say(Phase.DATA, b"DATA\r\n")

    def _go_ahead(self, reply: Reply) -> bytes:
        if self._refused is not None:
            self._confused(f"{reply} to DATA without a sender")
            return b""
        if self._decided:
            # Nobody was taken, and DATA was on its way already: one dot, and nothing else, ends it (RFC 2920 3.1).
            return self._say(Phase.LONE_DOT, b".\r\n")
        self.phase = Phase.BODY
        self.moments.append((self.at, "C", f"(the message, {self._octets} octets)"))
        return b""

    def _data_refused(self, reply: Reply) -> bytes:
        self._decide(_kind(reply), reply)
        if self._refused is not None:
            self.phase = Phase.READY
            return b""
        return self._say(Phase.RESET, b"RSET\r\n")

    def _message_judged(self, reply: Reply) -> bytes:
        self._decide(_kind(reply), reply)
        self.phase = Phase.READY
        return b""

    def _goodbye(self, reply: Reply) -> bytes:
        self.phase = Phase.CLOSED
        return b""

    # The small print

    @property
    def _decided(self) -> bool:
        return None not in self.verdicts

    @property
    def _in_tls(self) -> bool:
        return self.phase in (Phase.STARTTLS, Phase.HANDSHAKE)

    def _say(self, phase: Phase, line: bytes, replies: int = 1) -> bytes:
        """Await `phase`; a line that is written now, or a body, is owed its replies."""
        self.phase = phase
        if line:
            self.moments.append((self.at, "C", masked(line) if phase is Phase.AUTH else line))
            self._owed += replies
        elif phase is Phase.FINAL:
            self._owed += replies
        return line

    def _barred(self, sender: bytes | None, recipient: bytes | None) -> Verdict | None:
        if sender is None or recipient is None:
            return Bounced, BAD_ADDRESS, False
        if not self.extensions.capabilities.utf8 and not (sender.isascii() and recipient.isascii()):
            return Bounced, NEEDS_UTF8, False
        return None

    def _decide(self, kind: Kind, reply: Reply, uncertain: bool = False) -> None:
        """The verdict for each recipient that has none yet."""
        self.verdicts = [verdict or (kind, reply, uncertain) for verdict in self.verdicts]

    def _confused(self, what: str) -> None:
        if self.phase is Phase.HANDSHAKE:
            self.fault = FAILED, what
        self._end(Reply(451, "4.5.0", f"Protocol error: {what}"))

    def _end(self, reply: Reply, plaintext: bool = False) -> None:
        """The session is over; what has no verdict is deferred."""
        if self.phase in TRANSACTION:
            self._decide(Deferred, reply, uncertain=self.phase is Phase.FINAL and reply.code != 421)
        self.body = b""
        theirs = bool(self.moments) and self.moments[-1][2] is reply
        if not theirs:
            self.note(str(reply))
        if self.phase is not Phase.CLOSED:
            if self.phase is not Phase.QUIT:
                login = theirs and self.phase is Phase.AUTH
                self.ending = Ending(reply, plaintext and self._tls == "may", login)
            self.phase = Phase.CLOSED


def _kind(reply: Reply) -> Kind:
    return Delivered if reply.positive else Deferred if reply.transient else Bounced


_Move = Callable[[Conversation, Reply], bytes]

_MOVES: dict[tuple[Phase, int], _Move] = {
    (Phase.BANNER, 2): Conversation._greeted,
    (Phase.BANNER, 4): Conversation._refuse_session,
    (Phase.BANNER, 5): Conversation._refuse_session,
    (Phase.EHLO, 2): Conversation._offered,
    (Phase.EHLO, 4): Conversation._refuse_session,
    (Phase.EHLO, 5): Conversation._no_ehlo,
    (Phase.HELO, 2): Conversation._helo_taken,
    (Phase.HELO, 4): Conversation._refuse_session,
    (Phase.HELO, 5): Conversation._refuse_session,
    (Phase.STARTTLS, 2): Conversation._start_tls,
    (Phase.STARTTLS, 4): Conversation._no_tls,
    (Phase.STARTTLS, 5): Conversation._no_tls,
    (Phase.AUTH, 2): Conversation._become_ready,
    (Phase.AUTH, 3): Conversation._challenged,
    (Phase.AUTH, 4): Conversation._refuse_session,
    (Phase.AUTH, 5): Conversation._refuse_session,
    (Phase.MAIL, 2): Conversation._sender_taken,
    (Phase.MAIL, 4): Conversation._sender_refused,
    (Phase.MAIL, 5): Conversation._sender_refused,
    (Phase.RCPT, 2): Conversation._recipient_taken,
    (Phase.RCPT, 4): Conversation._recipient_refused,
    (Phase.RCPT, 5): Conversation._recipient_refused,
    (Phase.DATA, 3): Conversation._go_ahead,
    (Phase.DATA, 4): Conversation._data_refused,
    (Phase.DATA, 5): Conversation._data_refused,
    (Phase.FINAL, 2): Conversation._message_judged,
    (Phase.FINAL, 4): Conversation._message_judged,
    (Phase.FINAL, 5): Conversation._message_judged,
    (Phase.LONE_DOT, 2): Conversation._become_ready,
    (Phase.LONE_DOT, 4): Conversation._become_ready,
    (Phase.LONE_DOT, 5): Conversation._become_ready,
    (Phase.RESET, 2): Conversation._become_ready,
    (Phase.QUIT, 2): Conversation._goodbye,
    (Phase.QUIT, 4): Conversation._goodbye,
    (Phase.QUIT, 5): Conversation._goodbye,
}
