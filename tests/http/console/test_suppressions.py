"""Lists of suppressed addresses that come in by a form."""

from __future__ import annotations

from mailrelay.manage import accounts

from .visiting import Visiting

EVIL = '"""><img src=x onerror=alert(1)>"'


class ImportPageTests(Visiting):
    def test_what_came_of_it(self) -> None:
        """The page of the work tells what was taken, and each line that was not as text (H11); it is there for those
        who may see the account, and no other work is."""
        form = {"account": self.account, "why": "manual"}
        rows = f"address\nann@b.test\n{EVIL}\n".encode()
        answer = self.upload("/console/suppressions/import", ("old <b>.csv", rows), **form)
        self.assertEqual(answer.status, 303, answer)
        page = self.get(answer.headers["location"]).text
        self.assertIn("1 addresses", page)
        self.assertIn("&lt;img src=x", page)
        self.assertNotIn("<img src=x", page)
        self.assertNotIn("data-follow", page)
        self.assertIn("old &lt;b&gt;.csv", self.get("/console/suppressions/imports").text)
        forgotten = self.get("/console/suppressions/work/none")
        self.assertEqual(forgotten.status, 404)
        self.assertIn("is not known any more", forgotten.text)
        self.assertIn('href="/console/suppressions/imports"', forgotten.text)

    def test_what_is_no_list(self) -> None:
        """A file that is no text, and nothing at all, are told beside the field; a list of other columns on the page of
        the work."""
        form = {"account": self.account, "why": "manual"}
        for file in (("a.csv", b"\xff\xfe"), ("a.csv", b" "), None):
            answer = self.upload("/console/suppressions/import", file, **form)
            self.assertEqual(answer.status, 400)
            self.assertIn('id="file-fault"', answer.text)
        answer = self.upload("/console/suppressions/import", ("a.csv", b"colour\nred"), **form)
        self.assertIn("names no column address", self.get(answer.headers["location"]).text)

    def test_not_a_form(self) -> None:
        """A body that is no form with files, one that is broken, and one without the visit's key do nothing."""
        self.assertEqual(self.post("/console/suppressions/import").status, 400)
        broken = self._ask("POST", "/console/suppressions/import", b"x", "multipart/form-data; boundary=border")
        self.assertIn(broken.status, (400, 403))
        made = self.successResultOf(accounts.every(self.place))
        self.assertEqual(len(made), 1)
