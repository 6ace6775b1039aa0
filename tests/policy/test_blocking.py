"""The rule by which a connection is blocked."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.policy.blocking import Figures, judge, judged_at_all
from mailrelay.policy.dialect import Dialects

RULE = {"block_minimum": 50, "block_percent": 10}


class BlockingTests(SynchronousTestCase):
    """At least 50 finished recipients, more than 10 % of them refused."""

    def test_bounds(self) -> None:
        """Exactly a tenth is borne, one more is not; fewer than fifty say nothing."""
        for figures, blocked in (
            ((50, 5), False),
            ((50, 6), True),
            ((49, 49), False),
            ((1000, 100), False),
            ((1000, 101), True),
            ((0, 0), False),
        ):
            self.assertEqual(judge(Figures(*figures), RULE) is not None, blocked, figures)

    def test_explained(self) -> None:
        """The figures and the rule's own stand in the reason and in the facts."""
        block = judge(Figures(96, 12), RULE)
        assert block is not None
        self.assertEqual(block.reason, "12 of 96 recipients in 24 hours were refused, more than 10 %")
        self.assertEqual((block.facts["finished"], block.facts["refused"], block.facts["minimum"]), (96, 12, 50))

    def test_off(self) -> None:
        """Where the option is 0 or missing nobody is blocked; one service's dialect turns it on, ours does not."""
        self.assertIsNone(judge(Figures(1000, 1000), {"block_minimum": 0, "block_percent": 10}))
        self.assertIsNone(judge(Figures(1000, 1000), {}))
        dialects = Dialects.shipped()
        on = {each.name for each in dialects if judged_at_all(each.options)}
        self.assertEqual(on, {"emailmassivo"})
        self.assertIsNotNone(judge(Figures(50, 6), dialects.get("rusender").options))
