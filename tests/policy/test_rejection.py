"""Who is taken in and not sent to."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.policy.dialect import Dialects
from mailrelay.policy.rejection import NOT_FIRST, rejections, suppression_rejects

REFUSING = Dialects.shipped().get("standard")
FAILING = replace(REFUSING, suppressed="fail", suppressing=("complaint",))


class RejectionTests(SynchronousTestCase):
    def test_suppressed(self) -> None:
        """A suppression rejects where the dialect does not refuse it at RCPT, and by the reasons that count there."""
        self.assertEqual(rejections(REFUSING, ["complaint", ""]), ("", ""))
        told = rejections(FAILING, ["complaint", "", "hard_bounce"])
        self.assertEqual(told, ("the address is suppressed: complaint", "", ""))
        self.assertFalse(suppression_rejects(FAILING, ""))
        self.assertTrue(suppression_rejects(replace(FAILING, suppressed="drop"), "complaint"))

    def test_not_first(self) -> None:
        """Where the first alone is sent to, all others are rejected for that reason before any other."""
        first = replace(FAILING, recipients_sent="first")
        self.assertEqual(rejections(first, ["", "", "complaint"]), ("", NOT_FIRST, NOT_FIRST))
        self.assertEqual(rejections(first, ["complaint", ""])[0], "the address is suppressed: complaint")
