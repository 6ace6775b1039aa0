"""Large messages are for a thread: whatever takes time in proportion to them is called there, and gives the same."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import execute
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.envelope import Capabilities, Personal
from mailrelay.mail.message import Message
from mailrelay.relay.aside import AT_ONCE
from mailrelay.relay.compose import compose
from mailrelay.relay.personal import Site
from mailrelay.relay.signing import Signing
from mailrelay.relay.web_version import WebVersions
from mailrelay.store.memory import Entry, MemoryBodies, MemoryEngagement

from .fakes import DIALECTS, START, delivery
from .test_prepare import PreparedTests
from .test_submission import SOURCE
from .test_web_version import ACME, ANN

LARGE = b"x" * 70 + b"\r\n"
LARGE *= AT_ONCE // len(LARGE)
SITE = Site("https://go.test", lambda number: b"k" * 32)


class Apart:
    """Calls what it is given, and keeps its name."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, function: Any, *arguments: Any) -> Any:
        self.asked.append(function.__name__)
        return execute(function, *arguments)


class IntakeTests(PreparedTests):
    """What is done before the commit."""

    def asked(self, source: bytes) -> list[str]:
        """What is done apart with a message, in order."""
        self.aside = apart = Apart()
        self.accepted("a@b.test", source=source)
        return apart.asked

    def test_digest(self) -> None:
        """What tells a repetition."""
        key = b"X-Relay-Idempotency-Key: "
        self.assertEqual(self.asked(key + b"k\r\n" + SOURCE), [])
        self.assertEqual(self.asked(key + b"l\r\n" + SOURCE + LARGE), ["digest"])

    def test_body(self) -> None:
        """Texts into UTF-8, attachments, body tags; where a dialect asks for none of it nothing is called."""
        self.assertEqual(self.asked(SOURCE + LARGE), [])
        self.spoken = DIALECTS.get("devino")
        self.dialect, self.link_key = "devino", 1
        self.state.senders["A", "app@acme.test"] = "confirmed"
        self.change()
        self.assertEqual(self.asked(SOURCE), [])
        self.assertEqual(self.asked(SOURCE + LARGE), ["_kept", "_attachments", "_tag"])

    def test_refusals_come_back(self) -> None:
        """What is refused by a thread is refused."""
        self.spoken = DIALECTS.get("emaildelivery")
        self.aside = Apart()
        source = SOURCE.replace(b"\r\n\r\n", b"\r\nContent-Type: image/png\r\n\r\n") + LARGE
        self.assertEqual(self.refusal(self.submit("a@b.test", source=source)).key, "body_unreadable")
        self.assertEqual(self.aside.asked, ["_kept"])


class OutgoingTests(SynchronousTestCase):
    """What is done when a message leaves, or is shown."""

    def composed(self, source: bytes, domain: bool) -> tuple[list[str], bytes]:
        """What was done apart, and the octets, where the author's domain is the account's or not."""
        apart = Apart()
        own = PreparedTests("accepted")
        own.setUp()
        if not domain:
            own.state.domains.clear()
        signing = Signing(own.directory, lambda *_: "", apart, lambda: START, "relay.test", SITE)
        message = Message.parse(source)
        octets = self.successResultOf(signing.compose(message, self.delivery(), Capabilities(eight_bit=True)))
        return apart.asked, octets

    def delivery(self) -> Any:
        return delivery(ANN, account=ACME, personal=Personal(clicks=True, key="1"))

    def test_composed_apart(self) -> None:
        """A large message is composed by a thread, to the same octets."""
        html = b'From: app@else.test\r\nContent-Type: text/html\r\n\r\n<a href="https://x.test/">x</a>\r\n'
        for source, asked in ((html, []), (html + LARGE, ["_composed"])):
            found, octets = self.composed(source, domain=False)
            self.assertEqual(found, asked)
            message = Message.parse(source)
            self.assertEqual(
                octets, compose(message, self.delivery(), Capabilities(eight_bit=True), "relay.test", SITE)
            )
            self.assertIn(b"https://go.test/", octets)

    def test_shown_apart(self) -> None:
        """A large web version is made by a thread."""
        own = PreparedTests("accepted")
        own.setUp()
        id = own.successResultOf(own.submit("a@b.test", source=SOURCE + LARGE))
        (entry,) = own.state.recipients.values()
        own.state.recipients[ANN] = Entry(entry.delivery, "a@b.test")
        apart = Apart()
        versions = WebVersions(MemoryEngagement(own.state), MemoryBodies(own.state), SITE, apart)
        self.assertIn("xxx", self.successResultOf(versions.read(ANN)).text)
        self.assertEqual((apart.asked, entry.delivery.message), (["_shown"], id))
