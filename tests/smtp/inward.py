"""What the server's tests put around it: a portal and submissions that record what they are asked, and a client's line.

`Backend` answers at once, or keeps every question open until `answer` is called; `Line` is one client over an in-memory
transport, under a clock that only tests move.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from zope.interface import implementer

from mailrelay.interfaces.submission import IConnection, ISubmission, MailParameters, PasswordLogin, Peer
from mailrelay.mail.address import Mailbox
from mailrelay.mail.reply import Refusal
from mailrelay.policy.dialect import Dialect, Dialects
from mailrelay.smtp.budget import Budget
from mailrelay.smtp.listener import Limits, Listener
from mailrelay.smtp.server import SmtpServerFactory

STANDARD = Dialects.shipped().get("standard")
PLAIN = base64.b64encode(b"\0user\0secret").decode()


class Backend:
    """Portal and back end in one. `refusals` maps an address, "finish" or "login" to what it fails with."""

    def __init__(self, dialect: Dialect = STANDARD, slow: bool = False) -> None:
        self.dialect = dialect
        self.slow = slow
        self.refusals: dict[str, Exception] = {}
        self.asked: list[tuple[str, Deferred[Any], Any]] = []
        self.log: list[str] = []
        self.logins: list[Any] = []
        self.submissions: list[Recorded] = []
        self.messages: list[tuple[str, list[str], bytes]] = []

    def login(self, credentials: Any, mind: object, *interfaces: object) -> Deferred[Any]:
        self.logins.append(credentials)
        if isinstance(credentials, PasswordLogin) and (credentials.username, credentials.password) != (
            "user",
            "secret",
        ):
            return fail(UnauthorizedLogin())
        avatar = Avatar(self)
        return self.ask("login", (IConnection, avatar, avatar.logout))

    def ask(self, name: str, result: Any) -> Deferred[Any]:
        if self.slow:
            waiting: Deferred[Any] = Deferred()
            self.asked.append((name, waiting, self.refusals.get(name, result)))
            return waiting
        return fail(self.refusals[name]) if name in self.refusals else succeed(result)

    def answer(self, name: str = "") -> str:
        """Answer the oldest open question (of that name); gives its name."""
        found = next(each for each in self.asked if name in ("", each[0]))
        self.asked.remove(found)
        name, waiting, result = found
        if isinstance(result, Exception):
            waiting.errback(result)
        else:
            waiting.callback(result)
        return name

    def answer_all(self) -> None:
        while self.asked:
            self.answer()


@implementer(IConnection)
class Avatar:
    """Whoever logged in."""

    name = "connection"

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.dialect = backend.dialect

    def submission(self, peer: Peer) -> ISubmission:
        return Recorded(self.backend, peer)

    def logout(self) -> None:
        self.backend.log.append("logout")


@implementer(ISubmission)
class Recorded:
    """One transaction, recorded."""

    def __init__(self, backend: Backend, peer: Peer) -> None:
        self.backend = backend
        self.peer = peer
        self.sender = ""
        self.parameters = MailParameters()
        self.recipients: list[str] = []
        self.chunks: list[bytes] = []
        self.ended = ""
        backend.submissions.append(self)

    def mail(self, sender: Mailbox | None, parameters: MailParameters) -> Deferred[None]:
        self.sender = sender.address if sender else ""
        self.parameters = parameters
        return self.backend.ask(self.sender, None)

    def rcpt(self, recipient: Mailbox) -> Deferred[None]:
        address = recipient.address
        judged = self.backend.ask(address, None)
        return judged.addCallback(lambda _: self.recipients.append(address))

    def write(self, chunk: bytes) -> Deferred[None] | None:
        self.chunks.append(chunk)
        return None

    def finish(self) -> Deferred[str]:
        self.end("finish")
        self.backend.messages.append((self.sender, list(self.recipients), b"".join(self.chunks)))
        return self.backend.ask("finish", f"ID{len(self.backend.messages)}")

    def abort(self) -> None:
        self.end("abort")

    def end(self, how: str) -> None:
        if self.ended:
            raise AssertionError(f"{how} after {self.ended}")
        self.ended = how


class HalfTransport(StringTransport):
    """A transport that tells when it is aborted, and carries out STARTTLS in name only."""

    aborted = False
    context: object = None

    def abortConnection(self) -> None:
        self.aborted = True
        self.disconnecting = True

    def startTLS(self, context: object, normal: bool = True) -> None:
        self.context = context

    def getHandle(self) -> HalfTransport:
        return self

    def get_protocol_version_name(self) -> str:
        return "TLSv1.3"


class Line:
    """One client of one server."""

    def __init__(
        self,
        backend: Backend | None = None,
        *,
        tls: str = "none",
        tls_required: bool = False,
        login: str = "auth",
        limits: Limits | None = None,
        dialect: Dialect = STANDARD,
        paused: Callable[[], bool] = lambda: False,
        context: Any = None,
        budget: Budget | None = None,
    ) -> None:
        self.backend = backend or Backend(dialect)
        self.clock = Clock()
        self.clock.advance(1000)
        listener = Listener("test", tls, tls_required, login, limits or Limits())
        portal: Any = self.backend
        self.factory = SmtpServerFactory(
            listener,
            dialect,
            portal,
            "mx.example",
            self.clock,
            context,
            lambda count: b"\xab" * count,
            paused,
            budget=budget,
        )
        self.connect()

    def connect(self) -> None:
        self.protocol: Any = self.factory.buildProtocol(None)
        self.transport = HalfTransport()
        self.protocol.makeConnection(self.transport)

    def send(self, octets: bytes | str) -> str:
        """Give octets to the server, get what it says."""
        self.protocol.dataReceived(octets.encode() if isinstance(octets, str) else octets)
        return self.said()

    def said(self) -> str:
        said = self.transport.value().decode("ascii")
        self.transport.clear()
        return said

    def codes(self, octets: bytes | str) -> list[int]:
        """The codes of the replies to some octets, in order."""
        return codes(self.send(octets))

    def log_in(self) -> None:
        """Say EHLO and AUTH."""
        assert self.codes(f"EHLO client.example\r\nAUTH PLAIN {PLAIN}\r\n")[-2:] == [250, 235]

    def lose(self) -> None:
        from twisted.internet.error import ConnectionDone
        from twisted.python.failure import Failure

        self.protocol.connectionLost(Failure(ConnectionDone()))


def codes(said: str) -> list[int]:
    """The code of each reply; what is not a valid reply fails."""
    found = []
    for line in said.split("\r\n")[:-1]:
        assert len(line) <= 510 and line[:3].isdigit() and line[3:4] in ("-", " "), line
        if line[3:4] == " ":
            found.append(int(line[:3]))
    assert said == "" or said.endswith("\r\n")
    return found


def line(backend: Backend | None = None, **more: Any) -> Line:
    """A client that has logged in."""
    made = Line(backend, **more)
    made.log_in()
    return made


def refusal(key: str, **fields: object) -> Refusal:
    return Refusal(key, fields, rule="test")
