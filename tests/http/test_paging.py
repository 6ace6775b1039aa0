"""Pages by key, as every operation tells them."""

from __future__ import annotations

from .documented import EVERY
from .place import Place


class PagingTests(Place):
    def walk(self, path: str, member: str = "") -> list[str]:
        """What is on all pages, as far as links lead."""
        found: list[str] = []
        place, query = path.split("?")
        while query:
            answer = self.ask("GET", f"{place}?{query}")
            self.assertEqual(answer.status, 200, answer)
            rows = answer.json()[member] if member else answer.json()
            found += map(str, rows)
            query = answer.headers.get("link", "").partition("<?")[2].partition(">")[0]
        return found

    def test_walked(self) -> None:
        """Whoever follows the links sees everything once, in its order."""
        self.furnish()
        for number in range(3):
            self.done("POST", "accounts/shop/topup", {"sends": 1, "note": str(number)})
        whole = list(map(str, self.done("GET", "changes?limit=100")))
        self.assertGreater(len(whole), 4)
        self.assertEqual(self.walk("changes?limit=2"), whole)
        entries = list(map(str, self.done("GET", "balance/entries?account=shop&limit=100")["entries"]))
        self.assertEqual(len(entries), 4)
        self.assertEqual(self.walk("balance/entries?account=shop&limit=2", "entries"), entries)
        self.assertEqual(self.walk("messages?account=shop&limit=2", "messages"), [])

    def test_every_list(self) -> None:
        """Every operation that takes a key takes a limit, too, and only those of the two names there are."""
        for each in EVERY:
            fields = set(each.query.model_fields)
            if each.method == "GET" and each.tagged and fields & {"before", "after", "cursor", "page", "offset"}:
                self.assertEqual(len(fields & {"before", "after"}), 1, each.id)
                self.assertIn("limit", fields, each.id)
