"""Trying a hop: everything that mail would say before DATA, and never a message."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.probe import IProber, Probe
from mailrelay.mail.envelope import Hop
from mailrelay.smtp.client import Timeouts
from mailrelay.smtp.probe import Prober

from .scripted import CLOSE, RESET, STALL, Act, Network, ScriptedSink

HOP = Hop("sink.example", 25, tls="none")
LOGIN = Hop("sink.example", 25, "none", "user", "s3cret-word")


class ProbeTests(SynchronousTestCase):
    """One hop, by a scripted sink."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.network = Network()
        self.prober = Prober(self.network.connect, self.clock, "relay.example", Timeouts(banner=20).by_phase(), 20)
        verifyObject(IProber, self.prober)

    def probe(self, sink: ScriptedSink | Act | None, hop: Hop = HOP, to: str = "", sender: str = "") -> Probe:
        self.network.sinks = lambda: sink
        probing = self.prober.probe(hop, sender, to)
        self.network.flush()
        return self.successResultOf(probing)

    @property
    def said(self) -> bytes:
        return b"".join(self.network.lines[-1].writes)

    def test_ready(self) -> None:
        """A hop that greets and logs in would take mail; nothing is asked about a recipient."""
        found = self.probe(ScriptedSink(extensions=("PIPELINING", "SIZE 1000", "8BITMIME", "AUTH PLAIN")))
        self.assertEqual((found.serves, found.reply, found.tls, found.fault), (True, "ready for mail", "", ""))
        self.assertEqual(found.offers, ("PIPELINING", "8BITMIME", "SIZE 1000", "AUTH PLAIN"))
        self.assertEqual(self.said, b"EHLO relay.example\r\nQUIT\r\n")

    def test_recipient(self) -> None:
        """A recipient is asked about one step after the other, and the transaction is undone: no DATA is ever said."""
        sink = ScriptedSink(extensions=("PIPELINING",))
        found = self.probe(sink, to="to@x.example", sender="from@y.example")
        self.assertTrue(found.serves)
        self.assertEqual(
            self.said,
            b"EHLO relay.example\r\nMAIL FROM:<from@y.example>\r\nRCPT TO:<to@x.example>\r\nRSET\r\nQUIT\r\n",
        )
        self.assertEqual(sink.messages, [])
        self.assertIn("RCPT TO:<to@x.example>", found.transcript)

    def test_refused(self) -> None:
        """At each stage a refusal is told in the hop's words."""
        for stage in ("banner", "EHLO", "MAIL", "RCPT"):
            found = self.probe(ScriptedSink({stage: b"554 5.7.1 Not you\r\n"}), to="to@x.example")
            self.assertEqual((found.serves, found.reply), (False, "554 5.7.1 Not you"), stage)
            self.assertNotIn(b"DATA", self.said)

    def test_unwritable(self) -> None:
        """An address that no hop could be told is refused here."""
        found = self.probe(ScriptedSink(), to="a\nb@x.example")
        self.assertEqual((found.serves, found.reply[:9]), (False, "501 5.1.3"))
        self.assertEqual(self.said, b"EHLO relay.example\r\nQUIT\r\n")
        found = self.probe(ScriptedSink(extensions=()), to="ü@x.example")
        self.assertEqual((found.serves, found.reply[:9]), (False, "553 5.6.7"))

    def test_login(self) -> None:
        """A login that is refused is told, and no secret is in what is kept."""
        sink = ScriptedSink({"AUTH": b"535 5.7.8 s3cret-word is wrong\r\n"}, extensions=("AUTH PLAIN",))
        found = self.probe(sink, LOGIN)
        self.assertEqual((found.serves, found.reply), (False, "535 5.7.8 *** is wrong"))
        self.assertNotIn("s3cret", repr(found).replace(repr(found.hop), ""))

    def test_no_tls(self) -> None:
        """A rule that wants TLS fails where there is none; where a hop may do without, the fault is told."""
        found = self.probe(ScriptedSink(), Hop("sink.example", 25, "require"))
        self.assertEqual((found.serves, found.reply[:9]), (False, "451 4.7.4"))
        found = self.probe(ScriptedSink(), Hop("sink.example", 25, "may"))
        self.assertTrue(found.serves)
        self.assertIn("starttls-not-supported", found.fault)

    def test_gone(self) -> None:
        """A hop that cannot be reached, closes, or never speaks ends the trial."""
        self.assertIn("No connection", self.probe(None).reply)
        for act in (CLOSE, RESET):
            found = self.probe(ScriptedSink({"EHLO": act}))
            self.assertEqual((found.serves, found.reply[:9]), (False, "451 4.4.2"))
        self.network.sinks = lambda: ScriptedSink({"banner": STALL})
        probing = self.prober.probe(HOP)
        self.network.flush()
        self.assertNoResult(probing)
        self.clock.advance(20)
        found = self.successResultOf(probing)
        self.assertEqual((found.serves, found.seconds), (False, 20))
        self.assertIn("Timed out", found.reply)
