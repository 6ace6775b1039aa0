"""Who is taken in and not sent to."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.envelope import Recipient, Submission
from mailrelay.mail.reply import Refusal
from mailrelay.policy.dialect import Dialects
from mailrelay.policy.rejection import NOT_FIRST, rejections, suppression_rejects, within

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


class DailyLimitTests(SynchronousTestCase):
    """What is beyond the daily limit of a connection."""

    def submission(self, fails: bool, *rejected: str) -> Submission:
        """To one recipient for each of these reasons, with a limit of three a day."""
        to = [f"{number}@b.test" for number in range(len(rejected))]
        taken = tuple(Recipient(each, each, each, "b.test", "", why) for each, why in zip(to, rejected, strict=True))
        return Submission(
            "M", "A", "C", "standard", "", "", taken, b"", "", 0, 1, daily_limit=3, over_limit_fails=fails
        )

    def test_within(self) -> None:
        """What fits is left alone; who is not sent to takes no room."""
        for made in (self.submission(True, "", ""), self.submission(False, "", "", "no")):
            self.assertIs(within(made, 1), made)

    def test_refused(self) -> None:
        """All of it is refused where not all fits, with the limit to be told."""
        refusal = self.assertRaises(Refusal, within, self.submission(False, "", ""), 2)
        self.assertEqual((refusal.key, refusal.fields), ("daily_limit", {"limit": 3}))
        self.assertEqual(refusal.facts, {"limit": 3, "sent": 2, "needed": 2})

    def test_failed(self) -> None:
        """Or those that do not fit are put on record with the reason, in the order in which they were taken."""
        for sent, wanted in ((2, ["", "no", "over", "over"]), (9, ["over", "no", "over", "over"])):
            found = within(self.submission(True, "", "no", "", ""), sent)
            told = ["over" if "daily limit of 3" in each.rejected else each.rejected for each in found.recipients]
            self.assertEqual(told, wanted)
