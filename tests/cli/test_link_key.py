"""Commands about the keys of links."""

from __future__ import annotations

from .running import CommandTestCase


class LinkKeyTests(CommandTestCase):
    def test_rotation(self) -> None:
        """H1: list, rotate and withdraw say what signs and what is believed."""
        self.furnish()
        self.assertEqual([key["status"] for key in self.data("link-key", "list")], ["signs"])
        self.assertEqual(self.data("link-key", "rotate")["number"], 2)
        self.assertEqual([key["status"] for key in self.data("link-key", "list")], ["believed", "signs"])
        self.assertIn("no longer", self.good("link-key", "withdraw", "1"))
        self.assertEqual([key["status"] for key in self.data("link-key", "list")], ["withdrawn", "signs"])
        self.assertIn("signs", self.bad("link-key", "withdraw", "2"))
