"""Lists of suppressed addresses that people bring along."""

from __future__ import annotations

from mailrelay.manage import Invalid, imports, suppressions
from mailrelay.manage.imports import Progress
from mailrelay.manage.suppressions import Cause

from .place import InstallationTestCase


class ImportTests(InstallationTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.account()

    def bring(self, text: str, **more: str) -> Progress:
        return self.done(imports.bring(self.place, "shop", text, **more))

    def kept(self) -> dict[str, str]:
        found = self.done(suppressions.search(self.place, "shop"))
        return {each.address: each.reason for each in found.suppressions}

    def test_what_can_be_read(self) -> None:
        """What can be read is taken, and each line that cannot is told; all of it has one origin, whatever the list
        says, by which it is undone."""
        head = "\ufeffAddress,Reason,Origin\r\n"
        rows = "ann@b.test,unsubscribe,elsewhere\r\nnobody\r\n\r\nbob@b.test,,\r\neve@b.test,whim,\r\na,b,c,d\r\n"
        told = self.bring(head + rows, reason="complaint", name="old.csv")
        self.assertEqual(self.kept(), {"ann@b.test": "unsubscribe", "bob@b.test": "complaint"})
        self.assertEqual((told.rows, told.done, told.added, told.known, told.refused), (6, 6, 2, 0, 3))
        self.assertEqual([number for number, _ in told.lines], [3, 6, 7])
        self.assertIn("whim", told.lines[1][1])
        (one,) = self.done(imports.every(self.place, "shop"))
        self.assertEqual((one.origin, one.count), (told.origin, 2))
        self.assertTrue(told.origin.startswith("import 2026-01-02 03:04 old.csv "), told.origin)
        self.assertEqual(self.done(suppressions.undo(self.place, "shop", Cause(origin=told.origin))), 2)
        self.assertEqual(self.kept(), {})
        self.assertEqual(self.done(imports.every(self.place)), [])

    def test_known_already(self) -> None:
        """Who complained before stays suppressed for that, also when the list is undone; a list brought twice adds
        nothing."""
        self.done(suppressions.add(self.place, "shop", ["ann@b.test"], "complaint"))
        told = self.bring("ann@b.test\nANN@B.test\nbob@b.test\nbob@b.test\n")
        self.assertEqual((told.added, told.known, told.refused), (1, 3, 0))
        self.assertEqual(self.bring("ann@b.test\nbob@b.test").known, 2)
        self.done(suppressions.undo(self.place, "shop", Cause(origin=told.origin)))
        self.assertEqual(self.kept(), {"ann@b.test": "complaint"})

    def test_what_is_no_list(self) -> None:
        """A head that names no addresses, or columns that there are not, is refused whole; broken quotes are a line."""
        for text in ("mail,reason\nann@b.test,", "address,colour\nann@b.test,red"):
            self.refused(imports.bring(self.place, "shop", text), Invalid)
        self.refused(imports.bring(self.place, "shop", "ann@b.test", "whim"), Invalid)
        told = self.bring('address\n"ann@b.test"x\n"carol@b.test\nbob@b.test\n')
        self.assertEqual((told.added, told.refused), (1, 2))

    def test_many(self) -> None:
        """More rows than one transaction are taken in several, and of many faults the first are told."""
        text = "\n".join([f"u{number}@b.test" for number in range(1201)] + ["x"] * 300)
        told = self.bring(text)
        self.assertEqual((told.added, told.done, told.refused), (1201, 1501, 300))
        self.assertEqual(len(told.lines), imports.MOST_TOLD)

    def test_pages(self) -> None:
        """A search goes on where its last page ended, and nowhere else."""
        self.bring("\n".join(f"u{number}@b.test" for number in range(5)))
        page = self.done(suppressions.search(self.place, "shop", text="u", limit=3))
        rest = self.done(suppressions.search(self.place, "shop", text="u", before=page.before, limit=3))
        self.assertEqual((len(page.suppressions), len(rest.suppressions), rest.before), (3, 2, ""))
        for before in ("x", "1", "1|", "²|a|b"):
            self.refused(suppressions.search(self.place, "shop", before=before), Invalid)
