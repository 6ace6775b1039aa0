"""The page of shaping."""

from __future__ import annotations

import re

from .visiting import Visiting

PAGE = "/console/shaping"


class ShapingPageTests(Visiting):
    def test_rules(self) -> None:
        """Every rule stands there, the default for all others, each with what refusals lead to."""
        page = self.get(PAGE).text
        for rule in self.place.shaping.rules.values():
            self.assertIn(f"<b>{rule.name}</b>", page)
        self.assertIn("all others", page)
        self.assertIn("<li>421", page)
        for most, first in re.findall(r"(\d+), from (\d+)<", page):
            self.assertLessEqual(int(first), int(most), "more than it ever comes to")

    def test_which_one_holds(self) -> None:
        """A receiver's rule is told; what is no receiver is told beside the field, as text."""
        name, rule = next((name, rule) for name, rule in self.place.shaping.rules.items() if rule.mx)
        self.assertIn(f"the rule &#x27;{name}&#x27; holds", self.get(f"{PAGE}?receiver=mx1.{rule.mx[0]}").text)
        wrong = self.get(f"{PAGE}?receiver=%3Cscript%3E")
        self.assertEqual(wrong.status, 400)
        self.assertIn('id="receiver-fault"', wrong.text)
        self.assertNotIn("<script>", wrong.text)
