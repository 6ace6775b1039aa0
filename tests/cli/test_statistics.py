"""Statistics and the erasing of persons by the command line."""

from __future__ import annotations

from .running import CommandTestCase


class StatisticsTests(CommandTestCase):
    def test_rows(self) -> None:
        """People see the rows of the connection's service with their shares; programs get counts and parts, too."""
        self.furnish()
        said = self.good("statistics", "--connection", "web", "--period", "week", "--by", "day")
        self.assertIn("connection web, from", said)
        self.assertIn("hard_bounce", said)
        found = self.data("statistics", "--account", "shop", "--by", "hour")
        self.assertEqual((found["dialect"], found["counts"]["accepted"]), ("emailmassivo", 0))
        self.assertEqual(found["rows"][0], {"label": "sent", "number": 0, "percent": 0.0})
        self.assertTrue(found["parts"])

    def test_zone(self) -> None:
        """Days are those of the account's zone, which is an option of it."""
        self.furnish()
        self.assertEqual(self.data("account", "set", "shop", "zone=Asia/Tokyo", "weight=2")["zone"], "Asia/Tokyo")
        self.assertRegex(self.data("statistics")["from"], r"T00:00:00\+09:00\Z")
        self.assertIn("zone: 'Mars' is no time zone", self.bad("account", "set", "shop", "zone=Mars"))

    def test_refused(self) -> None:
        """What cannot be counted gets one line."""
        self.furnish()
        self.assertIn("tag: ", self.bad("statistics", "--tag", "a", "--by", "domain"))
        self.assertIn("from: ", self.bad("statistics", "--from", "yesterday"))
        self.assertIn("connection: there is no 'app'", self.bad("statistics", "--connection", "app"))


class PersonTests(CommandTestCase):
    def test_erase(self) -> None:
        """Erasing asks first, gives a receipt, and a suppression holds on without its address."""
        self.furnish()
        self.good("suppression", "add", "ann@example.net", "--account", "shop")
        receipt = self.data("person", "erase", "Ann@example.net", "--account", "shop", "--yes")
        self.assertEqual(receipt["counts"]["suppressions"], 1)
        self.assertEqual(self.data("person", "receipts"), [receipt])
        self.assertNotIn("ann@", self.good("suppression", "list", "--json"))
        self.bad("person", "erase", "nobody", "--yes")
        self.run_command("person", "erase", "bob@example.net", stdin="n\n")
        self.assertEqual(self.data("person", "receipts", "--account", "shop"), [receipt])
