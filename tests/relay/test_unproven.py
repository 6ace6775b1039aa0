"""What an address may have under way before it is known who it is."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailrelay.interfaces.submission import IConnection, ISubmission, MailParameters, Peer
from mailrelay.mail.address import Mailbox
from mailrelay.mail.reply import Refusal
from mailrelay.relay.unproven import Allowance, BudgetedConnection, Unproven

from .fakes import DIALECTS, peer

ANN = Mailbox("ann", "b.test")


@implementer(ISubmission)
class Taking:
    """Takes everything; `outcome` is what the message comes to."""

    def __init__(self, outcome: Exception | None) -> None:
        self.outcome = outcome
        self.octets = b""
        self.aborted = 0

    def mail(self, sender: Mailbox | None, parameters: MailParameters) -> Deferred[None]:
        return succeed(None)

    def rcpt(self, recipient: Mailbox) -> Deferred[None]:
        return succeed(None)

    def write(self, chunk: bytes) -> Deferred[None] | None:
        self.octets += chunk
        return None

    def finish(self) -> Deferred[str]:
        return fail(self.outcome) if self.outcome else succeed("ID")

    def abort(self) -> None:
        self.aborted += 1


@implementer(IConnection)
class Nobody:
    name = ""
    dialect = DIALECTS.get("emaildelivery")

    def __init__(self) -> None:
        self.outcome: Exception | None = None
        self.made: list[Taking] = []
        self.gone = 0

    def submission(self, peer: Peer) -> ISubmission:
        made: Any = Taking(self.outcome)
        self.made.append(made)
        submission: ISubmission = made
        return submission

    def logout(self) -> None:
        self.gone += 1


class UnprovenTests(SynchronousTestCase):
    """Two transactions, three recipients and ten octets in a minute."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.nobody = Nobody()
        self.unproven = Unproven(Allowance(2, 3, 10, 60), self.clock.seconds)
        self.connection = BudgetedConnection(self.nobody, self.unproven)

    def send(self, octets: bytes = b"12345", recipients: int = 1) -> Any:
        """Send something; gives the id, or the reply key of the first refusal."""
        submission: Any = self.connection.submission(peer())
        self.last = submission
        steps = [submission.mail(None, MailParameters()), *(submission.rcpt(ANN) for _ in range(recipients))]
        for step in steps:
            if refusal := self.successResultOf(step.addErrback(lambda why: why.value)):
                return refusal.key
        submission.write(octets)
        return self.successResultOf(submission.finish().addErrback(lambda why: why.value.key))

    def begin(self, who: Peer | None = None) -> Any:
        """What MAIL is answered, None for yes."""
        submission: Any = self.connection.submission(who or peer())
        answer = self.successResultOf(submission.mail(None, MailParameters()).addErrback(lambda why: why.value))
        return answer.key if answer else None

    def test_interfaces(self) -> None:
        """It stands in for a connection and its transactions."""
        verifyObject(IConnection, self.connection)
        verifyObject(ISubmission, self.connection.submission(peer()))
        self.connection.logout()
        self.assertEqual(self.nobody.gone, 1)

    def test_who_proves_it_is_never_stopped(self) -> None:
        """What turns out to be somebody's is given back, refused for another reason or not."""
        for outcome in (None, Refusal("from_missing"), RuntimeError("inside")):
            self.nobody.outcome = outcome
            for _ in range(5):
                submission: Any = self.connection.submission(peer())
                self.successResultOf(submission.mail(None, MailParameters()))
                for _ in range(3):
                    self.successResultOf(submission.rcpt(ANN))
                submission.write(b"1234567890")
                self.assertTrue(submission.finish().addErrback(lambda why: True).result)

    def test_who_does_not_is(self) -> None:
        """Nobody's transactions stay charged, to this address only, until the window has passed."""
        self.nobody.outcome = Refusal("api_key_refused")
        for _ in range(2):
            self.assertEqual(self.send(b""), "api_key_refused")
        self.assertEqual(self.begin(), "auth_throttled")
        self.assertIsNone(self.begin(peer("198.51.100.9")))
        self.clock.advance(60)
        self.assertIsNone(self.begin())

    def test_recipients(self) -> None:
        """Recipients beyond the budget are put off one by one."""
        self.nobody.outcome = Refusal("api_key_missing")
        self.assertEqual(self.send(b"", 4), "too_many_recipients")

    def test_octets(self) -> None:
        """Octets beyond the budget are let go of at once, and the message is put off at its end."""
        self.assertEqual(self.send(b"1" * 11), "auth_throttled")
        taking = self.nobody.made[-1]
        self.assertEqual((taking.octets, taking.aborted), (b"", 1))
        self.last.abort()
        self.assertEqual(taking.aborted, 2)
