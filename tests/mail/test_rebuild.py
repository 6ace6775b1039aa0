"""Messages put together anew, as an independent reader sees them."""

from __future__ import annotations

import email
from email.message import EmailMessage
from email.policy import default
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.content import content
from mailrelay.mail.leaves import Leaf, leaves
from mailrelay.mail.message import Message, canonical
from mailrelay.mail.rebuild import File, NoText, attach, in_utf8, one_text, with_texts

texts = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\r\0\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
)


def parse(source: bytes) -> Message:
    return Message.parse(canonical(source))


def seen(message: Message) -> EmailMessage:
    """The message as the standard library reads it."""
    found = email.message_from_bytes(message.encode(), policy=default)
    assert isinstance(found, EmailMessage)
    return found


def text_of(part: Any) -> str:
    """The text of a part, its lines ended by LF, without those at its end."""
    return str(part.get_content()).replace("\r\n", "\n").rstrip("\n")


def letter(html: bool = True, files: int = 1) -> bytes:
    message = EmailMessage()
    message["Subject"] = "Grüße"
    message["From"] = "a@b.example"
    message.set_content("Text: Привет\n")
    if html:
        message.add_alternative("<p>Привет</p>\n", subtype="html")
        message.get_payload()[1].add_related(b"GIF89a", "image", "gif", cid="<i@x>")  # type: ignore[union-attr]
    for number in range(files):
        message.add_attachment(b"\0" * 10, "image", "png", filename=f"{number}.png")
    return message.as_bytes()


class OneTextTests(SynchronousTestCase):
    """What goes out as one part."""

    def test_html_before_text(self) -> None:
        """The first HTML is kept, without it the first plain text; attachments, images and other texts are gone."""
        for html, files, kind, body in (
            (True, 2, "text/html", "<p>Привет</p>"),
            (False, 2, "text/plain", "Text: Привет"),
            (True, 0, "text/html", "<p>Привет</p>"),
        ):
            found = seen(one_text(parse(letter(html, files))))
            self.assertEqual((found.get_content_type(), text_of(found)), (kind, body))
            self.assertEqual((found["Subject"], found["From"]), ("Grüße", "a@b.example"))
            self.assertEqual(found.get_all("MIME-Version"), ["1.0"])

    def test_charsets(self) -> None:
        """Whatever charset and encoding it came in, it leaves in UTF-8."""
        for charset in ("koi8-r", "windows-1251", "iso-8859-5", "utf-8"):
            for encoding in ("8bit", "base64", "quoted-printable"):
                message = EmailMessage()
                message.set_content("Привет\n", charset=charset, cte=encoding)
                found = seen(one_text(parse(message.as_bytes())))
                self.assertEqual((found.get_content_charset(), text_of(found)), ("utf-8", "Привет"))

    def test_no_text(self) -> None:
        """A message of files alone has none."""
        source = b"Content-Type: image/png\n\nx"
        self.assertRaises(NoText, one_text, parse(source))
        self.assertRaises(NoText, one_text, parse(b"Content-Disposition: attachment\n\nx"))

    def test_not_of_its_charset(self) -> None:
        """A text with octets that its charset does not have is none."""
        for charset in (b"utf-8", b"euc-kr", b"windows-1252"):
            source = b"Content-Type: text/html; charset=" + charset + b"\n\n\x81\x8d\xff"
            self.assertRaises(NoText, one_text, parse(source))

    @given(texts, st.booleans())
    def test_any_text(self, text: str, html: bool) -> None:
        """Any text comes out as it went in, on lines that fit, in ASCII."""
        made = with_texts(parse(b"Subject: x\n\n"), [Leaf(html, text.encode(), "utf-8")])
        self.assertEqual(text_of(seen(made)), text.rstrip("\n"))
        self.assertTrue(made.body.isascii())
        self.assertLessEqual(max(map(len, made.body.split(b"\r\n"))), 998)

    @given(texts, texts)
    def test_alternatives(self, plain: str, html: str) -> None:
        """Two texts are alternatives, the better one last."""
        made = with_texts(
            parse(b"Subject: x\n\n"), [Leaf(False, plain.encode(), "utf-8"), Leaf(True, html.encode(), "utf-8")], "ID"
        )
        found = seen(made)
        self.assertEqual(found.get_content_type(), "multipart/alternative")
        self.assertEqual([text_of(part) for part in found.iter_parts()], [plain.rstrip("\n"), html.rstrip("\n")])


class Utf8Tests(SynchronousTestCase):
    """What leaves in UTF-8."""

    def test_texts_and_words(self) -> None:
        """Texts and encoded words become UTF-8, files and everything else stay octet by octet."""
        message = EmailMessage()
        message.set_content("Привет\n", charset="koi8-r", cte="base64")
        message.add_attachment(b"\0\xff", "application", "pdf", filename="a.pdf")
        head = b"Subject: =?koi8-r?B?8NLJ18XU?= =?koi8-r?B?8NLJ18XU?= - 1\nFrom: =?windows-1251?Q?=CF?= <a@b.example>\n"
        found = seen(in_utf8(parse(head + message.as_bytes())))
        self.assertEqual(found["Subject"], "ПриветПривет - 1")
        self.assertEqual(found["From"], "П <a@b.example>")
        self.assertNotIn("koi8", found.as_string())
        text, file = found.iter_parts()
        self.assertEqual((text_of(text), text.get_content_charset()), ("Привет", "utf-8"))
        self.assertEqual(file.get_content(), b"\0\xff")

    def test_charset_that_is_meant(self) -> None:
        """What clients mean by the name of a charset is read, and what cannot be read is replaced."""
        for charset, octets, text in (
            ("iso-8859-1", b"\x93\xe9", "“é"),
            ("iso-8859-1", b"\x81\xe9", "\x81é"),
            ("us-ascii", b"\xe9", "é"),
            ("us-ascii", "é".encode(), "é"),
            ("", b"\x93", "“"),
            ("gb2312", b"\x82\x35\x8f\x33", "\u9fa6"),
            ("gbk", b"\x82\x35\x8f\x33", "\u9fa6"),
            ("shift_jis", b"\x87\x40", "①"),
            ("euc-kr", b"\x8cc", "똠"),
            ("utf-8", b"a\xff", "a\ufffd"),
        ):
            said = f"Content-Type: text/plain; charset={charset}\n" if charset else ""
            (leaf,) = leaves(in_utf8(parse(said.encode() + b"Content-Transfer-Encoding: 8bit\n\n" + octets)))
            self.assertEqual((leaf.octets.decode(), leaf.codec), (text, "utf-8"), charset)

    def test_what_is_so_already(self) -> None:
        """What needs no change is the same object."""
        for source in (b"Subject: x\n\nbody", letter(), b"Subject: =?utf-8?q?=C3=A4?=\n\n\xc3\xa4"):
            message = parse(source)
            self.assertIs(in_utf8(message), message)


class AttachTests(SynchronousTestCase):
    """Files behind a message."""

    @given(
        st.sampled_from(
            (b"Subject: x\n\ntext", b"Subject: x\nContent-Type: text/html\n\n<p>", letter(), letter(False))
        ),
        st.lists(st.tuples(st.text(min_size=1, max_size=80), st.binary(max_size=300)), min_size=1, max_size=3),
    )
    def test_files(self, source: bytes, files: list[tuple[str, bytes]]) -> None:
        """What stood there stands there octet by octet, and behind it every file with its name and its octets."""
        message = parse(source)
        made = attach(message, [File(name, "image/png", octets) for name, octets in files], "01ID")
        self.assertIn(message.body, made.body)
        self.assertEqual(made.get("Subject"), message.get("Subject"))
        parts = list(seen(made).iter_parts())
        self.assertEqual([part.get_content() for part in parts[1:]], [octets for _, octets in files])
        carried = content(made)[-len(files) :]
        self.assertTrue(all(leaf.attached and leaf.type == "image/png" for leaf in carried))
        self.assertLessEqual(max(map(len, made.head().split(b"\r\n"))), 998)

    def test_names(self) -> None:
        """A name is what it was, for readers of RFC 2231 and for older ones."""
        for name in ("logo.png", "Прайс лист.pdf", 'a"b.txt', "x" * 200 + ".pdf"):
            made = attach(parse(b"\nbody"), [File(name, "application/pdf", b"x")], "01ID")
            self.assertEqual(content(made)[-1].name, name)
            (_, file) = seen(made).iter_parts()
            self.assertEqual(file.get_filename(), name)

    def test_none(self) -> None:
        """Without files nothing changes; the same message is rebuilt to the same octets."""
        message = parse(letter())
        self.assertIs(attach(message, [], "01ID"), message)
        file = File("a", "a/b", b"x")
        self.assertEqual(attach(message, [file], "01ID").encode(), attach(message, [file], "01ID").encode())
