"""One port for several dialects: by the connection that logs in, and by the host name that a client asks for in TLS."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import succeed
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.interfaces.submission import IConnection, NoLogin, PasswordLogin
from mailrelay.policy.dialect import Dialects
from mailrelay.smtp.listener import Listener
from mailrelay.smtp.server import SmtpServerFactory

from .inward import PLAIN, Avatar, Backend, Line

SHIPPED = Dialects.shipped()
EMAILMASSIVO, DEVINO, ZEPTOMAIL, EMAILDELIVERY = map(
    SHIPPED.get, ("emailmassivo", "devino", "zeptomail", "emaildelivery")
)


class Shared(Line):
    """A listener of emailmassivo; some host names belong to others."""

    def __init__(self, backend: Backend, late: Backend | None = None) -> None:
        super().__init__(backend, tls="starttls", dialect=EMAILMASSIVO, context=object())
        portal: Any = backend
        nobody: Any = late
        self.factory = SmtpServerFactory(
            Listener("shared", "starttls"),
            EMAILMASSIVO,
            portal,
            "mx.example",
            self.clock,
            self.factory.context_factory,
            lambda count: b"\xab" * count,
            named={"zepto.example": ZEPTOMAIL, "delivery.example": EMAILDELIVERY},
            late={"emaildelivery": nobody} if late else {},
        )
        self.connect()

    def encrypt(self, host: bytes | None) -> str:
        """STARTTLS, for a host name; gives what EHLO says then."""
        transport: Any = self.transport
        transport.get_servername = lambda: host
        self.send("EHLO x\r\nSTARTTLS\r\n")
        self.protocol.handshakeCompleted()
        return self.send("EHLO x\r\n")


class ByLoginTests(SynchronousTestCase):
    def test_two_voices(self) -> None:
        """Before a login the listener's dialect speaks, afterwards the connection's own; EHLO's promise holds."""
        client = Shared(Backend(DEVINO))
        client.send("EHLO x\r\n")
        self.assertEqual(client.send("MAIL FROM:<a@b.example>\r\n"), "535 5.7.8 Incorrect login or password\r\n")
        self.assertEqual(client.send(f"AUTH PLAIN {PLAIN}\r\n"), "235 Authentication successful\r\n")
        self.assertEqual(client.send("MAIL FROM:<a@b.example>\r\n"), "250 Sender ok\r\n")
        self.assertEqual(client.send("RCPT TO:<nobody>\r\n"), "554 Invalid recipient address: nobody\r\n")

    def test_who_goes_together(self) -> None:
        """Those of one set of extensions and one moment of login go together, whatever sizes they have; no others."""
        together = {"bare", "devino", "emailmassivo", "zeptomail"}
        for one in SHIPPED:
            for other in SHIPPED:
                wanted = one is other or {one.name, other.name} <= together
                if {one.name, other.name} <= together | {"standard", "emaildelivery"}:
                    self.assertEqual(one.carries(other), wanted, (one.name, other.name))


class ByHostNameTests(SynchronousTestCase):
    def test_name(self) -> None:
        """The dialect of the name speaks from EHLO in TLS on, and the login is made in it, in any case."""
        for host in (b"zepto.example", b"ZEPTO.example."):
            backend = Backend(ZEPTOMAIL)
            client = Shared(backend)
            self.assertIn("SIZE 15728640", client.encrypt(host))
            self.assertEqual(client.send("MAIL FROM:<a@b.example>\r\n"), "530 5.7.0 Authentication required\r\n")
            client.send(f"AUTH PLAIN {PLAIN}\r\n")
            self.assertEqual([login.dialect for login in backend.logins], ["zeptomail"])

    def test_no_name(self) -> None:
        """Without a name, and with one that nobody was given, the listener's own dialect speaks on."""
        for host in (None, b"other.example", b"\xff\xfe"):
            client = Shared(Backend(EMAILMASSIVO))
            self.assertIn(f"SIZE {EMAILMASSIVO.size}", client.encrypt(host))

    def test_late(self) -> None:
        """Under the name of a dialect that judges credentials with the message, MAIL needs no login."""
        backend, late = Backend(EMAILMASSIVO), Backend(EMAILDELIVERY)
        client = Shared(backend, late)
        client.encrypt(b"delivery.example")
        self.assertEqual(client.send("MAIL FROM:<a@b.example>\r\n"), "250 Go ahead\r\n")
        self.assertEqual(client.send("RSET\r\n"), "250 Go ahead\r\n")
        self.assertEqual(client.send("AUTH PLAIN AHVzZXIAc2VjcmV0\r\n"), "235 OK, you are now authenticated\r\n")
        self.assertEqual([type(login) for login in late.logins], [NoLogin, PasswordLogin])
        self.assertEqual(backend.logins, [])


class WordsTests(SynchronousTestCase):
    """What the service says of itself, where no daemon can be made to."""

    def test_inside_failures(self) -> None:
        """S-6: what goes wrong inside is the service's own 4xx."""
        for dialect, said in (
            (DEVINO, "451 Internal server error\r\n"),
            (EMAILDELIVERY, "451 Local error in processing: 5\r\n"),
            (ZEPTOMAIL, "451 4.3.0 Temporary failure, try again later\r\n"),
        ):
            backend = Backend(dialect)
            backend.refusals["a@b.example"] = RuntimeError("inside")
            client = Line(backend, dialect=dialect)
            client.send(f"EHLO x\r\nAUTH PLAIN {PLAIN}\r\n")
            self.assertEqual(client.send("MAIL FROM:<a@b.example>\r\n"), said)
            self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_too_busy(self) -> None:
        """The banner of a full listener."""
        client = Line(Backend(EMAILDELIVERY), dialect=EMAILDELIVERY, paused=lambda: True)
        self.assertEqual(client.said(), "421 Too busy. Try again later.\r\n")

    def test_no_tls(self) -> None:
        """STARTTLS where there is none."""
        client = Line(Backend(EMAILDELIVERY), dialect=EMAILDELIVERY)
        client.said()
        self.assertEqual(client.send("STARTTLS\r\n"), "502 TLS not supported\r\n")

    def test_line_too_long(self) -> None:
        """A command line without end."""
        client = Line(Backend(EMAILDELIVERY), dialect=EMAILDELIVERY)
        client.said()
        self.assertEqual(client.send("NOOP " + "x" * 600 + "\r\n"), "500 Line too long\r\n")

    def test_any_user(self) -> None:
        """Where the user name counts for nothing it may be empty, or ask to act for another."""
        for response in ("AABrZXk=", "YQBiAGtleQ=="):
            backend = Backend(EMAILDELIVERY)
            entered = succeed((IConnection, Avatar(backend), lambda: None))
            self.patch(backend, "login", lambda *_, entered=entered: entered)
            client = Line(backend, dialect=EMAILDELIVERY)
            client.send("EHLO x\r\n")
            self.assertEqual(client.send(f"AUTH PLAIN {response}\r\n"), "235 OK, you are now authenticated\r\n")

    def test_reverse_paths(self) -> None:
        """Where any reverse path is taken, what is no address counts as none; parameters are read all the same."""
        for path in ("<not an address>", "<a@-b->", "nobody", "<>", "<ünï@b.example>", ""):
            client = Line(Backend(ZEPTOMAIL), dialect=ZEPTOMAIL)
            client.send(f"EHLO x\r\nAUTH PLAIN {PLAIN}\r\n")
            self.assertEqual(client.send(f"MAIL FROM:{path} SIZE=15728641\r\n".encode())[:3], "552", path)
            self.assertEqual(client.send(f"MAIL FROM:{path} SIZE=10 BODY=8BITMIME\r\n".encode())[:3], "250", path)
        client = Line(Backend(ZEPTOMAIL), dialect=ZEPTOMAIL)
        client.send(f"EHLO x\r\nAUTH PLAIN {PLAIN}\r\n")
        self.assertEqual(client.send("MAIL a@b.example\r\n")[:3], "501")
