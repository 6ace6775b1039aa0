"""Files that come in by a form, as large as they may be."""

from __future__ import annotations

from mailrelay.manage import files

from .visiting import Visiting


class FilePageTests(Visiting):
    def test_in_and_out(self) -> None:
        """A file in several pieces comes out as it went in, to be saved, never shown, whatever it says it is (H11)."""
        octets = bytes(range(256)) * 3000 + b"\r\n--other\r\n\r\n"
        self.patch(files, "PIECE", 100_000)
        answer = self.upload("/console/files/add", ("<b>.bin", octets), account=self.account, called="terms")
        self.assertEqual(answer.status, 303, answer.text)
        page = self.get(answer.headers["location"])
        self.assertIn("terms", page.text)
        self.assertNotIn("<b>", page.text)
        (kept,) = self.successResultOf(files.every(self.place, "shop"))
        answer = self.get(f"/console/files/content?account={self.account}&id={kept.id}")
        self.assertEqual(answer.body, octets)
        self.assertTrue(answer.headers["content-disposition"].startswith("attachment;"))
        self.assertEqual(answer.headers["content-type"], "application/octet-stream")
        self.assertIn("sandbox", answer.headers["content-security-policy"])

    def test_refused(self) -> None:
        """What cannot be kept is told beside the field, and nothing of it is left."""
        self.patch(files, "MAX_FILE", 1000)
        for file in (("a.txt", b""), ("a.txt", b"x" * 1001), None):
            answer = self.upload("/console/files/add", file, account=self.account)
            self.assertEqual(answer.status, 400, answer.text)
            self.assertIn('id="file-fault"', answer.text)
        answer = self.upload("/console/files/add", ("a.txt", b"x"), account=self.account, called="a,b")
        self.assertIn('id="called-fault"', answer.text)
        self.assertEqual(self.successResultOf(files.every(self.place, "shop")), [])
