"""Commands about monthly plans."""

from __future__ import annotations

from .running import CommandTestCase


class PlanTests(CommandTestCase):
    def test_plan(self) -> None:
        """A plan is set, shown beside what is prepaid, and listed."""
        self.furnish()
        prepaid = self.data("plan", "show", "shop")["prepaid"]
        made = self.data("plan", "set", "shop", "500")
        self.assertEqual((made["monthly"], made["monthly_left"], made["prepaid"]), (500, 500, prepaid))
        self.assertEqual(self.data("plan", "list"), [made])
        self.assertIn("sends", self.bad("plan", "set", "shop", "9" * 17))
