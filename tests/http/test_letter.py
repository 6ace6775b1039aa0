"""Reading a message for display: what a person sees of it, and that nothing it may hold can hurt."""

from __future__ import annotations

import email.policy
from email.message import EmailMessage

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.http.letter import MAX_PARTS, MAX_SOURCE, Attachment, read

from ..examples import at_most


class LetterTests(SynchronousTestCase):
    def test_plain(self) -> None:
        """A message without MIME is its text; names and decoded values stand in their order."""
        letter = read(b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nX-a: b\r\n c\r\n\r\nHello\r\n")
        self.assertEqual(letter.fields, [("Subject", "Grüße"), ("X-a", "b c")])
        self.assertEqual((letter.text, letter.html, letter.attachments), ("Hello\r\n", "", []))
        self.assertEqual((letter.get("x-A".lower()), letter.get("nothing")), ("b c", ""))

    def test_charsets(self) -> None:
        """Text is read in its charset; an unknown one as UTF-8 or else Latin-1; never through a codec that is none."""
        for charset, octets in (
            ("koi8-r", "Привет".encode("koi8-r")),
            ("UTF-8", "Привет".encode()),
            ("x-unknown", "Привет".encode()),
            ("zlib", "Привет".encode()),
        ):
            head = f"Content-Type: text/plain; charset={charset}\r\n\r\n".encode()
            self.assertEqual(read(head + octets).text, "Привет", charset)
        self.assertEqual(read(b"Content-Type: text/plain; charset=x\r\n\r\n\xfc").text, "ü")

    def test_what_the_standard_library_writes(self) -> None:
        """Alternatives, related parts and attachments of a usual message are found, in every encoding."""
        message = EmailMessage(policy=email.policy.SMTP)
        message["Subject"] = "Hi"
        message.set_content("Text ü €\n" + "long " * 300)
        message.add_alternative("<p>HTML ü</p>", subtype="html", cte="base64")
        message.get_payload()[1].add_related(b"\x89PNG", "image", "png", cid="<x>")
        message.add_attachment(b"x" * 1000, maintype="application", subtype="pdf", filename="Rechnung März.pdf")
        message.add_attachment("notes\n", filename="notes.txt")
        letter = read(message.as_bytes())
        self.assertTrue(letter.text.startswith("Text ü €\r\nlong "))
        self.assertEqual(letter.html.strip(), "<p>HTML ü</p>")
        self.assertEqual(
            letter.attachments,
            [
                Attachment("", "image/png", 4),
                Attachment("Rechnung März.pdf", "application/pdf", 1000),
                Attachment("notes.txt", "text/plain", 7),
            ],
        )

    def test_malformed_multiparts(self) -> None:
        """A multipart without boundary, without parts, or cut off still shows what there is."""
        head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        self.assertEqual(read(head + b"preamble\r\n--b\r\n\r\nText").text, "Text")
        self.assertEqual(read(head + b"--b\r\n--b--").attachments, [])
        self.assertEqual(len(read(head + b"nothing").fields), 1)
        self.assertEqual(
            read(b"Content-Type: multipart/mixed\r\n\r\nx").attachments, [Attachment("", "multipart/mixed", 1)]
        )
        self.assertEqual(read(head + b"--bb\r\n\r\nno\r\n--b\r\n\r\nyes\r\n--b--\r\nepilogue").text, "yes")
        self.assertEqual(read(b"Content-Transfer-Encoding: base64\r\n\r\nA").text, "A")

    def test_quoted_parameters(self) -> None:
        """Quotes, escapes and semicolons in parameters are read, and what is broken is passed over."""
        for value, name in (
            (b'attachment; filename="a;b\\"c.txt"', 'a;b"c.txt'),
            (b"attachment;filename = x.txt ; other=1", "x.txt"),
            (b"attachment; filename*=utf-8''%e2%82%ac.txt", "€.txt"),
            (b"attachment; filename*=nonsense", ""),
            (b'attachment; ;; =; filename="open', "open"),
        ):
            letter = read(b"Content-Disposition: " + value + b"\r\n\r\nx")
            self.assertEqual([each.name for each in letter.attachments], [name], value)

    def test_bounds(self) -> None:
        """Parts, depth and octets are bounded; what is left out is said."""
        parts = b"--b\r\n\r\nx\r\n" * (MAX_PARTS + 50)
        many = read(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + parts)
        self.assertTrue(many.cut)
        self.assertLess(len(many.attachments), MAX_PARTS)
        nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(50))
        self.assertEqual(len(read(nested + b"\r\nx").attachments), 1)
        self.assertTrue(read(b"\r\n" + b"x" * MAX_SOURCE).cut)
        self.assertFalse(read(b"\r\nx").cut)

    def test_hostile_values(self) -> None:
        """Values made to make a reader slow are read in linear time: this would else take hours."""
        for filler in (b";", b';a="', b"; a=", b'\\"', b" ", b";a*=%"):
            read(b"Content-Type: multipart/mixed" + filler * 300_000 + b"\r\n\r\n--x\r\n")

    @at_most(150)
    @given(
        st.lists(
            st.sampled_from(
                [
                    b"--b",
                    b"--",
                    b"\r\n",
                    b"\n",
                    b"\0",
                    b"Content-Type: multipart/mixed; boundary=b",
                    b"\r\n\r\n",
                    b"=?",
                    b";",
                ]
            )
            | st.binary(max_size=4),
            max_size=40,
        )
    )
    def test_any_octets(self, chunks: list[bytes]) -> None:
        """Nothing that may arrive raises."""
        read(b"".join(chunks))
