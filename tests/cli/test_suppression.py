"""Lists of addresses that are not sent to: in, out, and undone."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from unittest.mock import patch

from mailrelay.interfaces.registry import Suppression
from mailrelay.manage import suppressions
from mailrelay.store import registry
from mailrelay.store.suppressions import put_all
from mailrelay.store.work import Work

from .running import CommandTestCase


class SuppressionTests(CommandTestCase):
    """An account's suppressions by the command line."""

    def setUp(self) -> None:
        super().setUp()
        self.good("account", "create", "shop")

    def addresses(self, *words: str) -> list[str]:
        return sorted(each["address"] for each in self.data("suppression", "list", *words))

    def test_life(self) -> None:
        """One is made with an end, shown, changed by being made anew, found by its reason, and removed."""
        (made,) = self.data("suppression", "add", "Ann@b.example", "--days", "30")
        self.assertEqual((made["reason"], made["origin"]), ("manual", "command line"))
        self.assertGreater(made["expires_at"], made["created_at"])
        self.assertEqual(self.data("suppression", "show", "ann@B.example"), made)
        (changed,) = self.data("suppression", "add", "ann@b.example", "--reason", "complaint")
        self.assertEqual((changed["reason"], changed["expires_at"]), ("complaint", ""))
        self.assertEqual(self.addresses("--reason", "complaint"), ["Ann@b.example"])
        self.assertEqual(self.addresses("--reason", "manual"), [])
        self.good("suppression", "remove", "ann@b.example")
        self.assertIn("ann@b.example", self.bad("suppression", "show", "ann@b.example"))
        self.assertIn("days", self.bad("suppression", "add", "ann@b.example", "--days", "-1"))

    def test_there_and_back(self) -> None:
        """What is exported is imported again as it was, in transactions of at most 500 rows; no cell is a formula to a
        spreadsheet (H11)."""
        rows = "address,reason\n=cmd|x@b.example,unsubscribe\n" + "".join(f"u{n}@b.example,\n" for n in range(1200))
        sizes: list[int] = []

        def watched(work: Work, given: Sequence[Suppression]) -> None:
            sizes.append(len(given))
            put_all(work, given)

        with patch.object(registry, "put_all", watched):
            self.assertEqual(self.data("suppression", "import", "-", "--origin", "old", stdin=rows), {"rows": 1201})
        self.assertEqual(sizes, [500, 500, 201])
        text = self.good("suppression", "export")
        told = list(csv.reader(text.splitlines()))
        self.assertEqual((told[0], len(told)), (list(suppressions.COLUMNS), 1202))
        self.assertIn("'=cmd|x@b.example", text)
        before = self.data("suppression", "export")
        self.assertEqual(self.data("suppression", "undo", "--origin", "old"), {"undone": 1201})
        self.assertEqual(self.addresses(), [])
        self.good("suppression", "import", "-", stdin=text)
        key = str.casefold
        self.assertEqual(
            sorted(before, key=lambda each: key(each["address"])),
            sorted(self.data("suppression", "export"), key=lambda each: key(each["address"])),
        )

    def test_whole_or_not_at_all(self) -> None:
        """A list with a fault is refused with the line of the fault, and nothing of it is kept."""
        for text, fault in (
            ("address\nann@b.example\nnobody\n", "line 3: address"),
            ("address,reason\nann@b.example,hated\n", "line 2: reason"),
            ("address,expires_at\nann@b.example,soon\n", "line 2: expires_at"),
            ("address\nann@b.example,x\n", "line 2: has more than 1 cells"),
            ("mail\nann@b.example\n", "line 1: names no column address"),
            ("address,colour\nann@b.example,red\n", "line 1: 'colour' is no column"),
            ('address\n"ann@b.example\n', "is no CSV"),
            ("", "line 1: names no column address"),
        ):
            self.assertIn(fault, self.bad("suppression", "import", "-", stdin=text))
        self.assertEqual(self.addresses(), [])

    def test_undone_by_time(self) -> None:
        """A cause is a reason, an origin or a time, or several; without a word nothing is undone."""
        rows = "address,reason,created_at\nold@b.example,hard_bounce,2026-01-01\n"
        rows += "new@b.example,hard_bounce,2026-01-02T10:00\n"
        self.good("suppression", "import", "-", stdin=rows + "ann@b.example,complaint,2026-01-02T10:00\n")
        self.assertIn("give a reason", self.bad("suppression", "undo"))
        self.assertIn("since", self.bad("suppression", "undo", "--since", "then"))
        stretch = ["--since", "2026-01-02T09:00", "--until", "2026-01-02T10:00:01"]
        self.assertEqual(self.data("suppression", "undo", "--reason", "hard_bounce", *stretch), {"undone": 1})
        self.assertEqual(self.addresses(), ["ann@b.example", "old@b.example"])

    def test_lenient(self) -> None:
        """What can be read of a list is taken, the rest told by its line; the list is found again, searched, and
        undone as a whole, while what was suppressed before stays."""
        self.good("suppression", "add", "known@b.example", "--reason", "complaint")
        rows = "known@b.example\nann@b.example\nnobody\n"
        told = self.data("suppression", "import", "-", "--lenient", "--origin", "old", stdin=rows)
        counted = {name: told[name] for name in ("rows", "added", "known", "refused")}
        self.assertEqual(counted, {"rows": 3, "added": 1, "known": 1, "refused": 1})
        self.assertEqual([each["line"] for each in told["lines"]], [3])
        (listed,) = self.data("suppression", "imports")
        self.assertEqual((listed["origin"], listed["count"], listed["account"]), (told["origin"], 1, "shop"))
        self.assertEqual(self.addresses("--search", "ANN@"), ["ann@b.example"])
        self.assertEqual(self.addresses("--origin", told["origin"]), ["ann@b.example"])
        self.assertEqual(self.data("suppression", "undo", "--origin", told["origin"]), {"undone": 1})
        self.assertEqual(self.addresses(), ["known@b.example"])
        text = self.good("suppression", "import", "-", "--lenient", stdin="x@\n")
        self.assertIn("line 1: ", text)
