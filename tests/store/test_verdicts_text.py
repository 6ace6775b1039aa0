"""Verdicts as they are kept: as one JSON text, whatever of them recurs."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.recurring import Recurring
from mailrelay.store.accept import plain

VERDICTS = st.lists(st.tuples(st.booleans(), st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=2)))


class VerdictsTests(SynchronousTestCase):
    @given(VERDICTS)
    def test_as_json(self, told: list[tuple[bool, dict[str, object]]]) -> None:
        """What recurs stands in its place among the others, the first time that it is written and each time after."""
        verdicts = [Recurring(facts) if recurs else facts for recurs, facts in told]
        for _ in range(2):
            self.assertEqual(json.loads(plain(verdicts)), [facts for _, facts in told])
