"""How urgent and until when: words, instants and seconds, and the deadline that comes of them."""

from __future__ import annotations

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.envelope import SECOND, Instructions
from mailrelay.mail.message import Message
from mailrelay.mail.reply import Refusal
from mailrelay.policy.codecs import Unreadable
from mailrelay.policy.control_header import ControlHeader, ControlHeaders
from mailrelay.policy.dialect import Dialects
from mailrelay.policy.instructions import read
from mailrelay.policy.urgency import deadline, meaning

STANDARD = Dialects.shipped().get("standard").headers
NOW = int(datetime.fromisoformat("2030-01-31T09:00:00+00:00").timestamp()) * SECOND
LIFETIME = 5 * 86_400


def asked(*lines: str, control: ControlHeaders = STANDARD) -> Instructions:
    return read(Message.parse(("\r\n".join([*lines, "Subject: x"]) + "\r\n\r\nx\r\n").encode()), control).instructions


class PriorityTests(SynchronousTestCase):
    def test_words(self) -> None:
        """A priority is said in words, in any case; where it is not said nothing is."""
        for word, number in (("high", -1), ("NORMAL", 0), ("Low", 1)):
            self.assertEqual(asked(f"X-Relay-Priority: {word}").priority, number)
        self.assertIsNone(asked().priority)
        self.assertIsNone(asked("X-Relay-Priority: ").priority)

    def test_refused(self) -> None:
        """Another word is refused with those that there are, and so is a second header."""
        for lines, reason in (
            (("X-Relay-Priority: urgent",), "must be one of high, normal, low"),
            (("X-Relay-Priority: 1",), "must be one of"),
            (("X-Relay-Priority: high", "X-Relay-Priority: high"), "more than once"),
        ):
            refused = self.assertRaises(Refusal, asked, *lines)
            self.assertEqual((refused.key, refused.fields["header"]), ("priority_invalid", "X-Relay-Priority"))
            self.assertIn(reason, refused.fields["reason"])

    def test_member_and_default(self) -> None:
        """A dialect may have it as a member of an object, or as what holds where the header is absent."""
        member = ControlHeader("X-Api", False, "", "json", members={"p": "priority", "until": "valid_until"})
        control = ControlHeaders((member, ControlHeader("X-P", False, "priority", "text", default="low")))
        self.assertEqual(
            asked('X-Api: {"p": "high", "until": 60}', control=control), Instructions(priority=-1, valid_for=60)
        )
        self.assertEqual(asked(control=control).priority, 1)
        refused = self.assertRaises(Refusal, asked, 'X-Api: {"p": 7}', control=control)
        self.assertIn("member 'p': must be one of", refused.fields["reason"])
        past = Instructions(valid_until=NOW - 1)
        self.assertEqual(self.assertRaises(Refusal, deadline, past, control, NOW, LIFETIME).fields["header"], "X-Api")


class ValidUntilTests(SynchronousTestCase):
    def until(self, value: str) -> int:
        return deadline(asked(f"X-Relay-Valid-Until: {value}"), STANDARD, NOW, LIFETIME)

    def test_instants(self) -> None:
        """An instant of RFC 3339, in any zone, or a number of seconds from the acceptance is the deadline, where it is
        before the usual one."""
        for value, seconds in (
            ("2030-01-31T09:30:00Z", 1800),
            ("2030-01-31t10:30:00.500000+01:00", 1800.5),
            ("2030-01-31 04:30:00-05:00", 1800),
            ("300", 300),
            ("2592000", LIFETIME),
            ("2099-01-01T00:00:00Z", LIFETIME),
            ("", LIFETIME),
        ):
            self.assertEqual(self.until(value), NOW + int(seconds * SECOND), value)

    def test_refused(self) -> None:
        """What is past, what has no zone, and what is no instant at all is refused with the reason."""
        for value, reason in (
            ("2030-01-31T09:00:00Z", "is in the past"),
            ("1969-12-31T00:00:00Z", "is in the past"),
            ("2030-01-31T09:30:00", "must be an instant such as"),
            ("tomorrow", "must be an instant such as"),
            ("-5", "must be an instant such as"),
            ("0", "must be from 1 to 2592000 seconds"),
            ("2592001", "must be from 1 to 2592000 seconds"),
            ("9" * 60, "must be from 1 to 2592000 seconds"),
            ("2030-02-30T09:30:00Z", "is no instant of the calendar"),
            ("2030-01-31T09:30:00+99:99", "is no instant of the calendar"),
        ):
            refused = self.assertRaises(Refusal, self.until, value)
            self.assertEqual((refused.key, refused.fields["header"]), ("valid_until_invalid", "X-Relay-Valid-Until"))
            self.assertIn(reason, refused.fields["reason"], value)

    @given(st.text(max_size=40))
    def test_any_text(self, text: str) -> None:
        """Whatever is said, it is read or refused with a reason."""
        for sets in ("priority", "valid_until"):
            try:
                (value,) = meaning(sets, text).values()
            except Unreadable as fault:
                self.assertTrue(str(fault))
            else:
                self.assertIsInstance(value, int)
