"""An explanation as people read it."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import click
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.cli import main
from mailrelay.cli.telling import tell

from .running import CommandTestCase

PASSAGE = {
    "id": "M1", "connection": "web", "rcpt": "ann@a.example", "state": "deferred", "billed": 1, "recipient": "R1",
    "dialect": "standard", "sender": "news@shop.example", "subject": "Hi", "size": 10,
    "accepted_at": "2026-01-01T00:00:00.000Z", "last_at": "2026-01-01T00:01:00.000Z", "last_reply": "450 Busy",
}  # fmt: skip
ATTEMPT = {
    "number": 1, "at": "2026-01-01T00:00:01.000Z", "route": "out", "host": "mx.a.example", "address": "192.0.2.1",
    "tls": "TLSv1.3", "cipher": "TLS_X", "security": "dane",
    "signed": "s._domainkey.shop.example (rsa-sha256)", "state": "deferred", "reply": "450 Busy",
    "next_at": "2026-01-01T00:01:00.000Z", "why": {"rule": "schedule", "delay": 60},
    "transcript": ["0.000 C: DATA", "0.001 S: 450 Busy"],
}  # fmt: skip
NEXT = {"at": "2026-01-01T00:01:00.000Z", "rule": "schedule", "facts": {"delay": 60}}


def told(**changes: Any) -> str:
    """What is printed of a message with one recipient."""
    recipient = {"passage": PASSAGE, "attempts": [ATTEMPT], "next": NEXT, "report": None, "acts": []} | changes
    decision = {"stage": "rate", "rule": "rate", "allowed": True, "facts": {"wait": 0}, "reply": ""}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), click.Context(main):
        tell({"id": "M1", "decisions": [decision], "recipients": [recipient], "left_out": 2})
    return printed.getvalue()


class TellingTests(SynchronousTestCase):
    def test_whole(self) -> None:
        """Message, decisions, attempt, talk and what is next stand in this order, each on lines of its own."""
        text = told()
        lines = (
            "Message M1 of news@shop.example: Hi",
            "accepted 2026-01-01T00:00:00.000Z by connection web (standard), 10 octets",
            "Recipient ann@a.example (R1): deferred, billed 1",
            "  attempt 1 2026-01-01T00:00:01.000Z by route out to mx.a.example (192.0.2.1) in TLSv1.3 (TLS_X),"
            " verified by DANE:"
            " deferred, 450 Busy",
            "    signed by s._domainkey.shop.example (rsa-sha256)",
            "    0.001 S: 450 Busy",
            "    next at 2026-01-01T00:01:00.000Z: the schedule says so (delay: 60)",
            "  next at 2026-01-01T00:01:00.000Z: the schedule says so (delay: 60)",
            "2 more recipients are not told of: name one with --to",
        )
        for line in lines:
            self.assertIn(line, text.split("\n"))
        places = [text.index(line) for line in lines]
        self.assertEqual(places, sorted(places))

    def test_an_end_without_an_attempt(self) -> None:
        """What ended by a decision says by which; an attempt that ended it says so itself."""
        ended = PASSAGE | {"state": "expired", "last_reply": "the deadline passed"}
        self.assertIn("  ended 2026-01-01T00:01:00.000Z: the deadline passed\n", told(passage=ended, next=None))
        bounced = PASSAGE | {"state": "bounced"}
        self.assertNotIn("  ended", told(passage=bounced, attempts=[ATTEMPT | {"state": "bounced"}], next=None))

    def test_a_report(self) -> None:
        """A report names where it went and what became of it."""
        report = {"id": "M2", "rcpt": "news@shop.example", "state": "delivered"}
        self.assertIn("  report M2 to news@shop.example: delivered\n", told(report=report, next=None))

    def test_what_the_recipient_did(self) -> None:
        """Opens and clicks tell when, where to, and by whom: a person or a machine."""
        opened = {"at": "2026-01-01T00:02:00.000Z", "act": "opened", "machine": "scanner", "target": ""}
        clicked = opened | {"act": "clicked", "machine": "", "target": "https://shop.example/"}
        text = told(acts=[each | {"address": "192.0.2.9", "agent": ""} for each in (opened, clicked)])
        self.assertIn("  opened 2026-01-01T00:02:00.000Z by a machine (scanner) at 192.0.2.9 with no name\n", text)
        self.assertIn(
            "  clicked https://shop.example/ 2026-01-01T00:02:00.000Z by the recipient at 192.0.2.9 with no name\n",
            text,
        )

    def test_a_host_cannot_act_on_the_terminal(self) -> None:
        """H15: what hosts and strangers said is shown escaped."""
        text = told(attempts=[ATTEMPT | {"transcript": ["S: \x1b[31m"], "reply": "450 \x07"}])
        self.assertNotIn("\x1b", text)
        self.assertNotIn("\x07", text)


class AskingTests(CommandTestCase):
    def test_one_or_the_other(self) -> None:
        """Either a message is asked for, or the refusals."""
        for words in ((), ("M1", "--refused"), ("--refused", "--to", "ann@a.example")):
            self.assertIn("--refused", self.bad("message", "explain", *words))

    def test_an_empty_book(self) -> None:
        """An installation that refused nothing says so."""
        self.furnish()
        self.assertEqual(self.data("message", "explain", "--refused"), [])
        self.assertEqual(self.good("message", "explain", "--refused"), "None.\n")
        self.assertIn("nobody", self.bad("message", "explain", "--refused", "--connection", "nobody"))
        self.bad("message", "explain", "--refused", "--last", "0")

    def test_an_unknown_message(self) -> None:
        """A message that does not exist is named."""
        self.assertIn("nothing", self.bad("message", "explain", "nothing"))
