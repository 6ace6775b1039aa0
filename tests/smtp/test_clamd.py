"""What is said to clamd, and what becomes of each of its answers."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.scanner import IScanner
from mailrelay.mail.reply import Refusal
from mailrelay.smtp.clamd import LONGEST, Clamd
from tests.relay.fakes import logged, told


class Socket(StringTransport):
    """A transport on which a test pulls what a producer has, and that tells when it was aborted."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True

    def pull(self) -> bytes:
        while self.producer is not None:
            self.producer.resumeProducing()
        return self.value()


class ClamdTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.streams: list[Any] = []
        self.refused = False
        self.clamd = Clamd(self.connect, self.clock, timeout=30, at_once=2)

    def connect(self, protocol: Protocol) -> Deferred[Any]:
        if self.refused:
            return fail(ConnectionRefusedError())
        protocol.makeConnection(Socket())
        self.streams.append(protocol)
        return succeed(protocol)

    def answered(self, *answer: bytes) -> Deferred[str]:
        """The scan of a small message that clamd answers so, in these pieces."""
        scan = self.clamd.scan(b"octets")
        for piece in answer:
            self.streams[-1].dataReceived(piece)
        return scan

    def put_off(self, scan: Deferred[str]) -> str:
        """Why a scan that was put off was, as the log has it too."""
        refusal = self.failureResultOf(scan, Refusal).value
        self.assertEqual((refusal.key, refusal.rule), ("temporary", "scanner"))
        return str(refusal.facts["reason"])

    def test_interface(self) -> None:
        verifyObject(IScanner, self.clamd)

    def test_what_is_sent(self) -> None:
        """A message goes in pieces behind their lengths, no faster than they are taken, and an empty one ends it."""
        message = bytes(range(256)) * 200
        self.clamd.scan(message)
        transport = self.streams[0].transport
        self.assertLess(len(transport.value()), len(message))
        sent = transport.pull()
        self.assertEqual(sent[:10], b"zINSTREAM\0")
        sent, pieces = sent[10:], []
        while sent:
            length = int.from_bytes(sent[:4], "big")
            pieces.append(sent[4 : 4 + length])
            sent = sent[4 + length :]
        self.assertEqual((b"".join(pieces), pieces[-1]), (message, b""))

    def test_answers(self) -> None:
        """Clean, or the name of what was found, in whatever pieces it comes; the connection is closed then."""
        self.assertEqual(self.successResultOf(self.answered(b"stream: OK\0")), "")
        self.assertTrue(self.streams[0].transport.aborted)
        found = self.answered(b"stream: Win.Test.EICAR_HDB", b"-1 FOUND\0")
        self.assertEqual(self.successResultOf(found), "Win.Test.EICAR_HDB-1")
        others = self.answered(b"stream: Own.Rule.UNOFFICIAL FOUND\0")
        self.assertEqual(self.successResultOf(others), "Own.Rule")

    def test_no_answer(self) -> None:
        """Errors, rubbish and a lost connection are no answer: the message is put off, with one line in the log."""
        for answer, reason in (
            (b"INSTREAM size limit exceeded. ERROR\0", "it said 'INSTREAM size limit exceeded. ERROR'"),
            (b"\xff\0", "it said '\\\\xff'"),
            (b"x" * (LONGEST + 1), f"it said {'x' * 200!r}"),
        ):
            with logged() as events:
                self.assertEqual(self.put_off(self.answered(answer)), reason)
            self.assertEqual(len(events), 1)
            self.assertIn("was put off", told(events))
        scan = self.clamd.scan(b"octets")
        self.streams[-1].connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.put_off(scan), "it hung up")
        self.refused = True
        self.assertIn("refused", self.put_off(self.clamd.scan(b"octets")))

    def test_silence(self) -> None:
        """Beyond the time-out a message is put off and its connection cut, the wait for a place included."""
        scans = [self.clamd.scan(b"octets") for _ in range(3)]
        self.assertEqual(len(self.streams), 2)
        self.clock.advance(29)
        self.assertNoResult(scans[2])
        self.clock.advance(1)
        self.assertEqual([self.put_off(scan) for scan in scans], ["no answer within 30 s"] * 3)
        self.assertTrue(all(stream.transport.aborted for stream in self.streams[:2]))
        self.assertEqual(self.successResultOf(self.answered(b"stream: OK\0")), "")

    def test_in_turn(self) -> None:
        """No more messages are looked at at a time than may be; the next is when one is done."""
        scans = [self.clamd.scan(b"octets") for _ in range(3)]
        self.streams[0].dataReceived(b"stream: OK\0")
        self.assertEqual(len(self.streams), 3)
        for stream in self.streams[1:]:
            stream.dataReceived(b"stream: OK\0")
        self.assertEqual([self.successResultOf(scan) for scan in scans], ["", "", ""])

    def test_late_words(self) -> None:
        """What clamd says after its answer, and the end of the line, change nothing."""
        scan = self.answered(b"stream: OK\0", b"stream: X FOUND\0")
        self.streams[0].connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.successResultOf(scan), "")
