"""Bounce classes: what a refusal means, by words, status and code."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.reply import Reply
from mailrelay.policy.bounce import BounceClassError, load, mailbox_full, reply_of, shipped

#: As hosts say it (shortened), and the class that each is to have.
SAID = (
    ("550 5.1.1 <a@b.example>: Recipient address rejected: User unknown in virtual mailbox table", "recipient"),
    ("550-5.1.1 The email account that you tried to reach does not exist.", "recipient"),
    ("550 5.2.1 The email account that you tried to reach is disabled.", "recipient"),
    ("554 delivery error: dd This user doesn't have a b.example account", "recipient"),
    ("550 Requested action not taken: mailbox unavailable", "recipient"),
    ("550 No such user here", "recipient"),
    ("550 non-existent mailbox", "recipient"),
    ("552 5.2.2 The email account that you tried to reach is over quota", "mailbox_full"),
    ("452 4.2.2 Mailbox full", "mailbox_full"),
    ("550 5.7.1 Service unavailable, Client host [192.0.2.1] blocked using zen.spamhaus.org", "reputation"),
    ("550 5.7.1 Our system has detected that this message is likely unsolicited mail.", "spam"),
    ("554 5.7.9 Message not accepted for policy reasons", "policy"),
    ("550 5.7.26 This mail is unauthenticated, which poses a security risk", "authentication"),
    ("550 5.7.1 Email rejected per DMARC policy for shop.example", "authentication"),
    ("450 4.2.0 Greylisted, please come back later", "greylist"),
    ("421 4.7.0 [TS01] Messages temporarily deferred due to unusual rate", "rate"),
    ("451 4.7.650 The mail server has been temporarily rate limited due to IP reputation", "rate"),
    ("550 5.1.2 Host not found", "domain"),
    ("556 5.1.10 The domain accepts no mail", "domain"),
    ("554 5.7.1 Relay access denied", "policy"),
    ("552 5.3.4 Message size exceeds the limit of 1000 octets", "size"),
    ("451 4.4.2 Connection lost while waiting for the greeting", "infrastructure"),
    ("503 5.5.1 Bad sequence of commands", "protocol"),
    ("550 5.9.9 ?", "unknown"),
)


class ShippedTests(SynchronousTestCase):
    """The classes of the package."""

    def test_as_hosts_say_it(self) -> None:
        """What hosts say today is put into the class that a postmaster would put it into."""
        found = {text: shipped().of_text(text).name for text, _ in SAID}
        self.assertEqual(found, dict(SAID))

    def test_who_is_suppressed(self) -> None:
        """Only what speaks of the recipient or its domain suppresses an address, and only when it was for good."""
        suppressing = {each.name for each in shipped().every if each.suppress}
        self.assertEqual(suppressing, {"recipient", "domain"})
        recipient = shipped()["recipient"]
        self.assertTrue(recipient.suppresses(Reply(550, "5.1.1", "User unknown")))
        self.assertFalse(recipient.suppresses(Reply(450, "4.1.1", "User unknown for now")))
        self.assertFalse(shipped()["policy"].suppresses(Reply(550, "5.7.1", "no")))

    @given(st.text(max_size=300))
    def test_any_text(self, text: str) -> None:
        """Every text has a class, and reading it gives a refusal."""
        self.assertIn(shipped().of_text(text), shipped().every)
        self.assertGreaterEqual(reply_of(text).code, 400)

    def test_full(self) -> None:
        """A mailbox is full by its status alone."""
        self.assertTrue(mailbox_full(Reply(452, "4.2.2", "")))
        self.assertFalse(mailbox_full(Reply(552, None, "full")))


class ReadingTests(SynchronousTestCase):
    """What a person has before them."""

    def test_parts(self) -> None:
        """Code and status are read where they stand, and guessed where not."""
        for text, code, status, rest in (
            ("550 5.1.1 User unknown", 550, "5.1.1", "User unknown"),
            ("550-5.1.1 User\n 550 5.1.1 unknown", 550, "5.1.1", "User 550 5.1.1 unknown"),
            ("5.1.1 User unknown", 550, "5.1.1", "User unknown"),
            ("4.2.2 full", 450, "4.2.2", "full"),
            ("smtp; nobody there", 550, None, "smtp; nobody there"),
            ("550", 550, None, ""),
            ("", 550, None, ""),
        ):
            self.assertEqual(reply_of(text), Reply(code, status, rest), text)


class FileTests(SynchronousTestCase):
    """A file of an installation's own."""

    def faults(self, text: str) -> tuple[str, ...]:
        return self.assertRaises(BounceClassError, load, text, "mine.toml").faults

    def test_every_fault(self) -> None:
        """Everything that is wrong is said at once, as file: key: reason."""
        faults = self.faults(
            "[a]\nmeaning = ''\nsuppress = 1\ndays = -1\nphrases = ['(']\nstatuses = ['x']\ncodes = [250]\nmore = 1\n"
        )
        self.assertEqual(
            sorted(fault.split(": ")[1] for fault in faults),
            sorted(
                [
                    "a.more",
                    "a.phrases[0]",
                    "a.statuses[0]",
                    "a.meaning",
                    "a.suppress",
                    "a.days",
                    "a.codes[0]",
                    "unknown",
                ]
            ),
        )

    def test_the_unknown(self) -> None:
        """The class of the unknown is the last, and known by nothing."""
        rest = "meaning = 'x'\nsuppress = false\ndays = 0\nphrases = []\nstatuses = []\n"
        self.assertEqual(
            self.faults(f"[unknown]\n{rest}codes = [550]"), ("mine.toml: unknown: must be known by nothing",)
        )
        self.assertEqual(len(self.faults("")), 1)
        self.assertEqual(len(load(f"[unknown]\n{rest}codes = []", "mine.toml").every), 1)

    def test_no_toml(self) -> None:
        """What is no TOML is said to be none."""
        (fault,) = self.faults("[")
        self.assertTrue(fault.startswith("mine.toml: file: "))
