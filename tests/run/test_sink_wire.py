"""The sink as a client sees it: the same SMTP server as the relay's, without AUTH, and recipients that make it act."""

from __future__ import annotations

import os

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.run.inbox import SqliteInbox
from mailrelay.run.sink import SLOW, Sink, sink_dialect, sink_portal
from mailrelay.smtp.listener import Listener
from mailrelay.smtp.server import SmtpServerFactory


class SinkWireTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = self.mktemp()
        os.makedirs(folder)
        self.clock = Clock()
        self.inbox = SqliteInbox(os.path.join(folder, "box"), lambda call: call(), lambda call: call())
        self.addCleanup(self.inbox.close)
        dialect = sink_dialect()
        self.factory = SmtpServerFactory(
            Listener("sink", login="address"),
            dialect,
            sink_portal(Sink(self.inbox, dialect, self.clock, lambda: 42)),
            "sink.example",
            self.clock,
            None,
            lambda length: b"s" * length,
        )
        self.transport = StringTransport()
        self.client = self.factory.buildProtocol(None)
        self.client.makeConnection(self.transport)
        self.addCleanup(self.transport.loseConnection)
        self.assertEqual(self.heard(), [b"220 sink.example ESMTP sandbox sink"])

    def heard(self) -> list[bytes]:
        """The replies since the last call, a line each."""
        replies = self.transport.value().splitlines()
        self.transport.clear()
        return replies

    def say(self, *lines: str) -> list[bytes]:
        self.client.dataReceived("".join(f"{line}\r\n" for line in lines).encode())
        return self.heard()

    def codes(self, *lines: str) -> list[bytes]:
        return [reply[:9] if reply[:1] in b"45" else reply[:3] for reply in self.say(*lines)]

    def test_offer(self) -> None:
        """It offers what a modern host does, but neither AUTH nor TLS."""
        offered = {line[4:].split(b" ")[0] for line in self.say("EHLO relay.example")[1:]}
        self.assertEqual(offered, {b"PIPELINING", b"SIZE", b"8BITMIME", b"SMTPUTF8", b"ENHANCEDSTATUSCODES"})

    def test_pipeline(self) -> None:
        """One pipelined transaction from the null sender is one record; refused recipients are not in it."""
        self.say("EHLO relay.example")
        replies = self.codes(
            "MAIL FROM:<>",
            "RCPT TO:<bob@example.com>",
            "RCPT TO:<Hard-Bounce+1@example.org>",
            "RCPT TO:<mailbox-full@example.org>",
            "RCPT TO:<eve@example.net>",
            "DATA",
        )
        self.assertEqual(replies, [b"250", b"250", b"550 5.1.1", b"552 5.2.2", b"250", b"354"])
        (reply,) = self.say("Subject: Hi", "", "..dot", ".")
        (kept,) = self.successResultOf(self.inbox.messages(10))
        self.assertEqual((kept.mail_from, kept.rcpt_to, kept.subject), ("", "bob@example.com, eve@example.net", "Hi"))
        self.assertIn(kept.id.encode(), reply)
        self.assertEqual(self.successResultOf(self.inbox.source(kept.id)), b"Subject: Hi\r\n\r\n.dot\r\n")

    def test_soft_bounce(self) -> None:
        """A message to `soft-bounce` is put off twice after its end, then taken."""
        self.say("EHLO relay.example")
        for code in (b"450 4.2.0", b"450 4.2.0", b"250"):
            self.codes("MAIL FROM:<b-1@bounce.example>", "RCPT TO:<soft-bounce@example.com>", "DATA")
            self.assertEqual(self.codes("Subject: Hi", "", "x", "."), [code])
        self.assertEqual(len(self.successResultOf(self.inbox.messages(10))), 1)

    def test_slow(self) -> None:
        """The final reply to `slow` comes after five seconds, and replies behind it wait for it."""
        self.say("EHLO relay.example", "MAIL FROM:<>", "RCPT TO:<slow@example.com>", "DATA")
        self.assertEqual(self.say("x", ".", "NOOP"), [])
        self.clock.advance(SLOW - 0.1)
        self.assertEqual(self.heard(), [])
        self.clock.advance(0.2)
        self.assertEqual([reply[:3] for reply in self.heard()], [b"250", b"250"])
