"""What a dialect makes of a body."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.message import Message
from mailrelay.mail.reply import Refusal
from mailrelay.policy.body import Body, read_body
from mailrelay.policy.reading import Reading

MIXED = Message.parse(
    b'Subject: s\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nGr\xfc\xdfe\r\n"
    b"--b\r\nContent-Type: text/html\r\n\r\n<p>Hi</p>\r\n"
    b'--b\r\nContent-Type: application/pdf; name="Bill.PDF"\r\n\r\n%PDF\r\n--b--\r\n'
)
FILE = Message.parse(b"Content-Type: image/png\r\n\r\nx\r\n")


class BodyTests(SynchronousTestCase):
    def test_kept(self) -> None:
        """A body stays as it is, has its texts in UTF-8, or is one text."""
        self.assertIs(Body().kept(MIXED), MIXED)
        self.assertIn("Grüße".encode(), Body(keep="utf8").kept(MIXED).encode())
        one = Body(keep="one_text").kept(MIXED)
        self.assertEqual((one.get("Content-Type"), one.body.strip()), (b"text/html; charset=utf-8", b"<p>Hi</p>"))

    def test_no_text(self) -> None:
        """Where one text is kept there must be one."""
        refusal = self.assertRaises(Refusal, Body(keep="one_text").kept, FILE)
        self.assertEqual((refusal.key, refusal.rule), ("body_unreadable", "body"))
        self.assertTrue(refusal.fields["reason"])

    def test_attachments(self) -> None:
        """Attachments are known by their extension in any case: any may be there, only some, or all but some."""
        for attachments, extensions, unwanted in (
            ("any", {"pdf"}, ""),
            ("only", set(), "pdf"),
            ("only", {"png"}, "pdf"),
            ("only", {"pdf"}, ""),
            ("except", {"pdf"}, "pdf"),
            ("except", {"exe"}, ""),
        ):
            rule = Body(attachments=attachments, extensions=frozenset(extensions))
            self.assertEqual(rule.unwanted(MIXED), unwanted)
        self.assertEqual(Body(attachments="only").unwanted(FILE), "png")

    def test_what_must_be_seen(self) -> None:
        """A message is looked at whole only where the rule asks for it."""
        rules = (Body(), Body(keep="utf8"), Body(attachments="only"))
        self.assertEqual([rule.looks for rule in rules], [False, True, True])


class TableTests(SynchronousTestCase):
    def read(self, table: object) -> tuple[Body, list[str]]:
        reading = Reading("x.toml")
        return read_body(reading, table), [fault.removeprefix("x.toml: ") for fault in reading.faults]

    def test_read(self) -> None:
        """What the table says holds; what it does not say keeps everything."""
        self.assertEqual(self.read({}), (Body(), []))
        said = {"keep": "utf8", "attachments": "except", "extensions": ["exe"], "otherwise": "reject"}
        self.assertEqual(self.read(said), (Body("utf8", "except", frozenset({"exe"}), "reject"), []))

    def test_faults(self) -> None:
        """Whatever is wrong is said by its key."""
        for table, fault in (
            ([], "body: must be a table"),
            ({"other": 1}, "body.other: unknown key"),
            ({"keep": "some"}, "body.keep: must be one of any, utf8, one_text"),
            ({"attachments": "none"}, "body.attachments: must be one of any, only, except"),
            ({"extensions": [".pdf"]}, "body.extensions: '.pdf' must be in lower case, without a dot"),
            ({"otherwise": "drop"}, "body.otherwise: must be one of refuse, reject"),
        ):
            faults = self.read(table)[1]
            self.assertTrue(any(each.startswith(fault) for each in faults), (table, faults))
