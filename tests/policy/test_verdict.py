"""What a decision tells, and what of it is kept."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.policy.verdict import Verdict


class VerdictTests(SynchronousTestCase):
    """One decision."""

    def test_refusal(self) -> None:
        """A refusing verdict carries its key, fields, rule and facts outwards."""
        refusal = Verdict("size", False, {"size": 2, "limit": 1}, "message_too_big", {"limit": 1}).refusal()
        self.assertEqual(refusal.key, "message_too_big")
        self.assertEqual(refusal.fields, {"limit": 1})
        self.assertEqual(refusal.rule, "size")
        self.assertEqual(refusal.facts, {"size": 2, "limit": 1})

    def test_nothing_refused(self) -> None:
        """A verdict that allowed cannot be raised."""
        self.assertRaises(ValueError, Verdict("size", True, {}).refusal)

    def test_kept(self) -> None:
        """What is kept is rule, answer and facts, and which reply a refusal was given."""
        self.assertEqual(
            Verdict("size", True, {"size": 1}).plain(), {"rule": "size", "allowed": True, "facts": {"size": 1}}
        )
        self.assertEqual(
            Verdict("size", False, {"size": 2}, "message_too_big").plain(),
            {"rule": "size", "allowed": False, "facts": {"size": 2}, "reply": "message_too_big"},
        )
