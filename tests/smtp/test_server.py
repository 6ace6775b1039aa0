"""The server around the session: deadlines, half-closed lines, doubt, drain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.ledger import Undecided
from mailrelay.interfaces.submission import AddressLogin, IConnection, ISubmission, Peer
from mailrelay.policy.dialect import Dialects
from mailrelay.smtp.listener import Limits

from .inward import PLAIN, STANDARD, Avatar, Backend, Line, Recorded, codes, line, refusal

START = "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"


class LineTests(SynchronousTestCase):
    """What happens on the line."""

    def test_interfaces(self) -> None:
        """The protocol is half-closeable; the tests' twins keep the border's interfaces."""
        client = Line()
        verifyObject(IHalfCloseableProtocol, client.protocol)
        verifyObject(IConnection, Avatar(client.backend))
        verifyObject(ISubmission, Recorded(client.backend, Peer("", "", "")))

    def test_half_closed(self) -> None:
        """A client that closes its side after the dot still gets its reply (P18)."""
        slow = Backend(slow=True)
        client = Line(slow, login="address")
        client.send("EHLO x\r\n" + START + "x\r\n.\r\nNOOP\r\n")
        client.protocol.readConnectionLost()
        for _ in range(4):
            self.assertFalse(client.transport.disconnecting)
            slow.answer()
        self.assertEqual(codes(client.said()), [220, 250, 250, 250, 354, 250, 250])
        self.assertTrue(client.transport.disconnecting)

    def test_half_closed_within_a_message(self) -> None:
        """A message without its end is none (P16)."""
        client = line()
        client.send(START + "half")
        client.protocol.readConnectionLost()
        self.assertTrue(client.transport.disconnecting)
        self.assertEqual((client.backend.messages, client.backend.submissions[0].ended), ([], "abort"))

    def test_lost_at_each_stage(self) -> None:
        """A line lost anywhere before the end of a message leaves nothing; its login is given back (P16)."""
        whole = START + "x\r\n"
        for place in range(0, len(whole), 5):
            client = line()
            client.send(whole[:place])
            client.lose()
            self.assertEqual(client.backend.messages, [])
            self.assertTrue(all(each.ended == "abort" for each in client.backend.submissions))
            self.assertEqual((client.backend.log, client.factory.sessions), (["logout"], 0))

    def test_lost_after_the_end(self) -> None:
        """A line lost after the final dot: the message is not taken back, and nothing breaks (P17)."""
        slow = Backend(slow=True)
        client = Line(slow, login="address")
        client.send("EHLO x\r\n" + START + "x\r\n.\r\n")
        for _ in range(3):
            slow.answer()
        client.lose()
        slow.answer("finish")
        self.assertEqual((len(slow.messages), slow.submissions[0].ended), (1, "finish"))

    def test_answers_to_nobody(self) -> None:
        """Answers that come after the client is gone end nowhere; a late login is given back."""
        slow = Backend(slow=True)
        client = Line(slow)
        client.send(f"EHLO x\r\nAUTH PLAIN {PLAIN}\r\n")
        client.lose()
        slow.answer_all()
        self.assertEqual(slow.log, ["logout"])

    def test_undecided(self) -> None:
        """Where nobody knows whether the message was kept, the line is closed without a reply (law 1)."""
        client = line()
        client.backend.refusals["finish"] = Undecided()
        self.assertEqual(client.codes(START + ".\r\nNOOP\r\n"), [250, 250, 354])
        self.assertTrue(client.transport.disconnecting)

    def test_refusals_with_a_cause(self) -> None:
        """A refusal is answered by its key; its cause, if any, is logged once."""
        client = line()
        error = refusal("temporary")
        error.__cause__ = OSError("disk")
        client.backend.refusals["finish"] = error
        self.assertEqual(client.codes(START + ".\r\n"), [250, 250, 354, 451])
        self.assertEqual(len(self.flushLoggedErrors()), 1)

    def test_a_key_that_no_dialect_has(self) -> None:
        """A refusal by an unknown key is our fault: temporary, and logged."""
        client = line()
        client.backend.refusals["c@d.example"] = refusal("nonsense")
        self.assertEqual(client.codes(START), [250, 451, 554])
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_dialect_of_the_connection(self) -> None:
        """After AUTH the connection's own dialect speaks; what EHLO promised stays."""
        theirs = replace(Dialects.shipped().get("emailmassivo"), size=5)
        client = Line(Backend(theirs))
        self.assertIn("SIZE 26214400", client.send("EHLO x\r\n"))
        client.send(f"AUTH PLAIN {PLAIN}\r\n")
        self.assertEqual(client.send("NOOP\r\n"), "250 Ok\r\n")
        said = client.send("EHLO x\r\n")
        self.assertIn("ENHANCEDSTATUSCODES", said)
        self.assertIn("SIZE 26214400", said)
        self.assertEqual(client.codes("MAIL FROM:<a@b.example> SIZE=100\r\n"), [250])

    def test_slow_reader(self) -> None:
        """A client that does not read is not answered further, nor read (law 7, S-9)."""
        client = line()
        client.protocol.pauseProducing()
        self.assertEqual(client.codes("NOOP\r\n"), [])
        self.assertEqual(client.transport.producerState, "paused")
        client.protocol.resumeProducing()
        self.assertEqual(client.transport.producerState, "producing")
        self.assertEqual(codes(client.said()), [250])

    def test_pieces_of_a_message(self) -> None:
        """The peer, and the message in pieces, reach the submission."""
        client = line()
        client.send(START)
        client.send("one")
        client.send("two\r\n.\r\n")
        [submission] = client.backend.submissions
        self.assertEqual(b"".join(submission.chunks), b"onetwo\r\n")
        self.assertEqual(submission.peer, Peer("", "test", "ab" * 8, "client.example", True, "", "user"))


class AddressLoginTests(SynchronousTestCase):
    """Listeners that trust the client's address."""

    def test_login_comes_before_the_banner(self) -> None:
        """The client is let in before it is greeted, and what it said early waits (P19)."""
        slow = Backend(slow=True)
        client = Line(slow, login="address")
        self.assertEqual(client.send("EHLO x\r\n"), "")
        self.assertIsInstance(slow.logins[0], AddressLogin)
        slow.answer()
        self.assertEqual(codes(client.said()), [220, 250])

    def test_turned_away(self) -> None:
        """Who is not let in is told so in place of the banner, and closed."""
        backend = Backend()
        backend.refusals["login"] = refusal("auth_failed")
        client = Line(backend, login="address")
        self.assertEqual(codes(client.said()), [535])
        self.assertTrue(client.transport.disconnecting)


class DeadlineTests(SynchronousTestCase):
    """Nobody holds a line for ever (S-9, S-11)."""

    def test_silence(self) -> None:
        """Five minutes of silence: 421, closing, and the line is cut after the grace."""
        client = line()
        client.clock.advance(299)
        self.assertFalse(client.transport.disconnecting)
        client.send("NOOP\r\n")
        client.clock.advance(299)
        self.assertFalse(client.transport.disconnecting)
        client.clock.advance(2)
        self.assertEqual(codes(client.said()), [421])
        self.assertTrue(client.transport.disconnecting)
        self.assertFalse(client.transport.aborted)
        client.clock.advance(10)
        self.assertTrue(client.transport.aborted)

    def test_trickle(self) -> None:
        """Octets that never make a command are silence (L2)."""
        client = line()
        for _ in range(31):
            client.send("x")
            client.clock.advance(10)
        self.assertTrue(client.transport.disconnecting)

    def test_our_own_slowness(self) -> None:
        """While we think, the client is not timed out (S-11)."""
        slow = Backend(slow=True)
        client = Line(slow)
        client.send(f"EHLO x\r\nAUTH PLAIN {PLAIN}\r\n")
        client.clock.pump([100] * 20)
        self.assertFalse(client.transport.disconnecting)
        slow.answer()
        client.clock.advance(200)
        self.assertFalse(client.transport.disconnecting)
        client.clock.pump([100] * 4)
        self.assertTrue(client.transport.disconnecting)

    def test_slow_message(self) -> None:
        """A message that trickles is too slow; one at a modest rate is not (L2)."""
        for octets, ends in ((b"x" * 100, True), (b"x" * 60_000, False)):
            client = line()
            client.send(START)
            for _ in range(20):
                client.send(octets)
                client.clock.advance(60)
            self.assertEqual(client.transport.disconnecting, ends)

    def test_no_rate(self) -> None:
        """A rate of nought is no bound: a message may come as slowly as the other deadlines allow."""
        client = line(limits=Limits(data_rate=0))
        client.send(START)
        for _ in range(30):
            client.send("x")
            client.clock.advance(100)
        self.assertFalse(client.transport.disconnecting)
        client.clock.pump([100] * 7)
        self.assertEqual(codes(client.said()), [421])

    def test_whole_transaction(self) -> None:
        """From MAIL to the final dot there is an hour, however busy the client is; the next transaction has its own
        (L2)."""
        client = line(limits=Limits(junk=10**6))
        for _ in range(3):
            client.send(START)
            for _ in range(35):
                client.clock.advance(100)
                client.send(b"x" * 60_000)
            self.assertEqual(client.codes("\r\n.\r\n"), [250])
        client.send(START)
        said = ""
        for _ in range(37):
            client.clock.advance(100)
            said += client.send(b"x" * 60_000)
        self.assertEqual(codes(said), [421])
        self.assertEqual(client.backend.submissions[-1].ended, "abort")

    def test_without_login(self) -> None:
        """Who never logs in is not kept for ever by a NOOP now and then; who has logged in is (L2, P28)."""
        stranger, known = Line(), line()
        for _ in range(35):
            for client in (stranger, known):
                client.clock.advance(100)
                self.assertEqual(client.codes("NOOP\r\n")[-1:], [250])
        for client in (stranger, known):
            client.clock.pump([100, 100])
        self.assertEqual(codes(stranger.said()), [421])
        self.assertFalse(known.transport.disconnecting)

    def test_shorter_than_silence(self) -> None:
        """A deadline that is shorter than the patience with silence is kept, too."""
        client = line(limits=Limits(idle=300, transaction=20))
        client.clock.advance(1000 % 300)
        client.send("MAIL FROM:<a@b.example>\r\n")
        client.clock.advance(19)
        self.assertFalse(client.transport.disconnecting)
        client.clock.advance(20)
        self.assertTrue(client.transport.disconnecting)

    def test_nothing_is_left(self) -> None:
        """After a session no timer runs."""
        client = line()
        client.send("QUIT\r\n")
        client.lose()
        self.assertEqual(client.clock.getDelayedCalls(), [])

    def test_handshake(self) -> None:
        """A handshake that does not come about is cut (T7, S-9)."""
        client = Line(tls="starttls", context=object())
        client.send("EHLO x\r\nSTARTTLS\r\n")
        client.clock.advance(31)
        self.assertTrue(client.transport.aborted)


class StartTlsTests(SynchronousTestCase):
    """The order of STARTTLS."""

    def test_places(self) -> None:
        """Twice, within a transaction, with an argument, without a name before: refused (T4)."""
        client = Line(tls="starttls", context=object())
        client.said()
        self.assertEqual(client.codes("STARTTLS\r\n"), [503])
        client.log_in()
        self.assertEqual(client.codes("STARTTLS now\r\nMAIL FROM:<a@b.example>\r\nSTARTTLS\r\n"), [501, 250, 503])
        self.assertEqual(client.codes("RSET\r\nSTARTTLS\r\n"), [250, 220])
        client.protocol.handshakeCompleted()
        self.assertEqual(client.codes("EHLO x\r\nSTARTTLS\r\n"), [250, 503])

    def test_peer(self) -> None:
        """The version of TLS is known of whoever logs in afterwards."""
        client = Line(tls="starttls", context=object(), tls_required=True)
        client.send("EHLO x\r\nSTARTTLS\r\n")
        client.protocol.handshakeCompleted()
        client.send(f"EHLO y\r\nAUTH PLAIN {PLAIN}\r\n")
        self.assertEqual((client.backend.logins[0].peer.tls, client.backend.logins[0].peer.hello), ("TLSv1.3", "y"))

    def test_without(self) -> None:
        """Where there is no TLS: 502; where there is no certificate: 454, and it is not offered."""
        client = Line()
        self.assertEqual(codes(client.send("EHLO x\r\nSTARTTLS\r\n")), [220, 250, 502])
        client = Line(tls="starttls")
        said = client.send("EHLO x\r\nSTARTTLS\r\n")
        self.assertEqual((codes(said), said.count("STARTTLS")), ([220, 250, 454], 0))


class FactoryTests(SynchronousTestCase):
    """All sessions of a listener."""

    def test_drain(self) -> None:
        """The idle are told at once, the busy when their transaction ends; then the drain is over (S-23)."""
        client = line()
        busy = client.protocol, client.transport
        client.send(START)
        client.connect()
        client.said()
        gone: list[Any] = []
        client.factory.drain().addCallback(gone.append)
        self.assertEqual(codes(client.said()), [421])
        client.lose()
        self.assertEqual((gone, client.factory.sessions), ([], 1))
        client.protocol, client.transport = busy
        self.assertEqual(client.codes("x\r\n.\r\nMAIL FROM:<a@b.example>\r\n"), [250, 421])
        self.assertEqual(len(client.backend.messages), 1)
        client.lose()
        self.assertEqual(gone, [None])
        client.connect()
        self.assertEqual(codes(client.said()), [421])

    def test_drain_of_nobody(self) -> None:
        """Without clients the drain is over at once."""
        client = Line()
        client.lose()
        self.successResultOf(client.factory.drain())

    def test_cut(self) -> None:
        """What does not drain can be cut."""
        client = line()
        client.factory.cut()
        self.assertTrue(client.transport.aborted)

    def test_bounds(self) -> None:
        """Too many sessions, in all or of one address: 421, each with its reason (L1)."""
        for limits, said in (
            (Limits(connections=1), "421 4.3.2 Service not available, try again later\r\n"),
            (Limits(connections_per_address=1), "421 4.7.0 Too many connections\r\n"),
        ):
            client = Line(limits=limits)
            self.assertEqual(codes(client.said()), [220])
            client.connect()
            self.assertEqual(client.said(), said)
            self.assertTrue(client.transport.disconnecting)
            client.lose()
            self.assertEqual(client.factory.sessions, 1)

    def test_bounds_before_a_handshake(self) -> None:
        """Too many sessions on a port with TLS from the first octet: cut before the handshake costs us (L1)."""
        client = Line(tls="implicit", context=object(), limits=Limits(connections=1))
        self.assertFalse(client.transport.aborted)
        client.connect()
        self.assertTrue(client.transport.aborted)

    def test_voices(self) -> None:
        """A dialect has one voice; one that was loaded again has a new one."""
        factory = Line().factory
        self.assertIs(factory.voice_of(STANDARD), factory.voice_of(STANDARD))
        self.assertIsNot(factory.voice_of(STANDARD), factory.voice_of(replace(STANDARD)))
