"""The texts of a message: found decoded, changed, and put back without touching anything else."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes, policy

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.leaves import MAX_DEPTH, Leaf, change_leaves, leaves
from mailrelay.mail.message import Message

from .bounded import bounded

NESTED = b"""From: a@acme.test\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary="out"\r
\r
preamble\r
--out\r
Content-Type: multipart/alternative;\r
 boundary=in\r
\r
--in\r
Content-Type: text/plain; charset=us-ascii\r
\r
plain text\r
--in\r
Content-Type: text/html; charset="koi8-r"\r
Content-Transfer-Encoding: base64\r
\r
PGI+8NLJ18XUPC9iPg==\r
--in--\r
--out\r
Content-Type: text/plain; name=notes.txt\r
\r
attached by name\r
--out\r
Content-Type: text/html\r
Content-Disposition: Attachment; filename=a.html\r
\r
attached\r
--out\r
Content-Type: image/png\r
Content-Transfer-Encoding: base64\r
\r
AAAA\r
--out\r
Content-Type: message/rfc822\r
\r
Content-Type: text/plain\r
\r
inner\r
--out--\r
epilogue\r
"""


def one(kind: bytes, body: bytes, encoding: bytes = b"") -> Message:
    head = b"Content-Type: " + kind + b"\r\n" if kind else b""
    head += b"Content-Transfer-Encoding: " + encoding + b"\r\n" if encoding else b""
    return Message.parse(b"Subject: x\r\n" + head + b"\r\n" + body)


def marked(leaf: Leaf) -> Leaf:
    return replace(leaf, octets=leaf.octets.replace(b"t", b"T"))


def identity(leaf: Leaf) -> Leaf:
    return leaf


class FindTests(SynchronousTestCase):
    def test_found(self) -> None:
        """Texts are found in order and decoded; attachments, named texts, images and inner messages are not opened."""
        plain, html = leaves(Message.parse(NESTED))
        self.assertEqual(plain, Leaf(False, b"plain text", "utf-8"))
        self.assertEqual((html.html, html.octets.decode(html.codec)), (True, "<b>Привет</b>"))

    def test_charsets(self) -> None:
        """One octet a letter stays as it is, others become UTF-8; what is unknown or holds no ASCII is not opened."""
        for name, body, expected in (
            (b"", "é".encode(), ("é".encode(), "utf-8")),
            (b"us-ascii", "é".encode(), ("é".encode(), "utf-8")),
            (b"UTF-8", "é".encode(), ("é".encode(), "utf-8")),
            (b'"ISO-8859-1"', b"\xe9", (b"\xe9", "iso-8859-1")),
            (b"shift_jis", "日本".encode("shift_jis"), ("日本".encode(), "utf-8")),
            (b"iso-2022-jp", "日本".encode("iso-2022-jp"), ("日本".encode(), "utf-8")),
            (b"gbk", b"\x81", (b"\x81", "iso-8859-1")),
            (b"utf-16", b"a\0", None),
            (b"utf-7", b"+AAA-", None),
        ):
            kind = b"text/plain" + (b"; charset=" + name if name else b"")
            found = leaves(one(kind, body))
            with self.subTest(charset=name):
                self.assertEqual([(leaf.octets, leaf.codec) for leaf in found], [expected] if expected else [])

    def test_not_opened(self) -> None:
        """What is signed or encrypted as a whole, uuencoded, no text, or too deep stays closed."""
        inner = b"--b\r\nContent-Type: text/plain\r\n\r\ntext\r\n--b--\r\n"
        for message in (
            one(b"multipart/signed; boundary=b", inner),
            one(b"multipart/encrypted; boundary=b", inner),
            one(b"multipart/mixed", inner),
            one(b"multipart/mixed; boundary=c", inner),
            one(b"text/calendar", b"text"),
            one(b"text/plain", b"text", b"x-uuencode"),
            one(b"application/pdf", b"text"),
        ):
            self.assertEqual(leaves(message), [])
            self.assertIs(change_leaves(message, marked), message)
        deep, body = b"text/plain", b"text"
        for number in range(MAX_DEPTH + 1):
            body = b"--b%d\r\nContent-Type: " % number + deep + b"\r\n\r\n" + body + b"\r\n--b%d--" % number
            deep = b"multipart/mixed; boundary=b%d" % number
        self.assertEqual(leaves(one(deep, body)), [])


class ChangeTests(SynchronousTestCase):
    def test_only_what_changed(self) -> None:
        """Only a changed leaf is written anew, in the encoding that it came in; all else stays octet by octet."""
        message = Message.parse(NESTED)
        self.assertIs(change_leaves(message, identity), message)
        changed = change_leaves(message, lambda leaf: leaf if leaf.html else marked(leaf)).encode()
        self.assertEqual(changed, NESTED.replace(b"plain text", b"plain TexT"))
        changed = change_leaves(message, lambda leaf: replace(leaf, octets=b"<i>") if leaf.html else leaf).encode()
        self.assertEqual(changed, NESTED.replace(b"PGI+8NLJ18XUPC9iPg==", b"PGk+"))

    def test_encodings(self) -> None:
        """Base64, quoted-printable and plain bodies come back decoded equal, whatever is put in."""
        for encoding, body in (
            (b"base64", b"dGV4\r\ndA==\r\n"),
            (b"base64", b"dGV4*dA\r\n"),
            (b"quoted-printable", b"te=\r\nxt\r\n"),
            (b"8bit", b"text\r\n"),
            (b"7bit", b"text\r\n"),
            (b"", b"text\r\n"),
        ):
            message = one(b"text/html; charset=utf-8", body, encoding)
            (leaf,) = leaves(message)
            self.assertEqual(leaf.octets[:3], b"tex")
            text = "té = \n".replace("\n", "\r\n").encode() * 40
            changed = change_leaves(message, lambda leaf, text=text: replace(leaf, octets=text))  # type: ignore[misc]
            with self.subTest(encoding=encoding, body=body):
                self.assertEqual(leaves(changed)[0].octets, text)
                read = message_from_bytes(changed.encode(), policy=policy.default)
                self.assertEqual(read.get_content().encode().replace(b"\r\n", b"\n"), text.replace(b"\r\n", b"\n"))

    def test_delimiters(self) -> None:
        """M10: a new text that holds a delimiter of a multipart around it ends no part; it is encoded, and says so."""
        for text in (b"--in\r\nX: y", b"before\r\n--out--\r\n"):
            changed = change_leaves(
                Message.parse(NESTED), lambda leaf, text=text: leaf if leaf.html else replace(leaf, octets=text)
            )
            with self.subTest(text=text):
                self.assertEqual([leaf.octets for leaf in leaves(changed)], [text, "<b>Привет</b>".encode("koi8-r")])
                self.assertEqual(changed.encode().count(b"Content-Transfer-Encoding: quoted-printable\r\n"), 1)
        signed = b"text\r\n-- \r\nAnn"
        changed = change_leaves(Message.parse(NESTED), lambda leaf: leaf if leaf.html else replace(leaf, octets=signed))
        self.assertEqual(changed.encode(), NESTED.replace(b"plain text", signed))

    def test_letters_that_the_charset_lacks(self) -> None:
        """A text with letters that the leaf's charset has not makes it UTF-8, and it says so; else nothing is said."""
        for kind, expected in (
            (b"text/plain; charset=iso-8859-1", b"text/plain; charset=utf-8"),
            (b'text/plain; Charset = "ISO-8859-1"; format=flowed', b"text/plain; Charset = utf-8; format=flowed"),
            (b"text/plain;\r\n charset=us-ascii", b"text/plain;\r\n charset=utf-8"),
            (b"text/plain; charset=utf-8", b"text/plain; charset=utf-8"),
            (b"text/plain", b"text/plain; charset=utf-8"),
            (b"", b"text/plain; charset=utf-8"),
            (b"text/plain; charset=koi8-r", b"text/plain; charset=koi8-r"),
        ):
            message = one(kind, b"text\r\n")
            changed = change_leaves(message, lambda leaf: leaf.followed_by("Отписаться"))
            with self.subTest(kind=kind):
                self.assertEqual(changed.get("Content-Type"), expected.replace(b"\r\n", b""))
                self.assertEqual(changed.get("Content-Transfer-Encoding"), b"8bit")
                (leaf,) = leaves(changed)
                self.assertEqual(leaf.octets.decode(leaf.codec), "text\r\nОтписаться")
        changed = change_leaves(one(b"text/plain; charset=iso-8859-1", b"\xe9"), lambda leaf: leaf.followed_by("é"))
        self.assertIn(b"iso-8859-1\r\n", changed.head())
        self.assertEqual(changed.body, b"\xe9\xe9")

    @given(
        st.lists(
            st.sampled_from(
                (
                    b"--b\r\n",
                    b"--b--\r\n",
                    b"\r\n",
                    b"Content-Type: text/html\r\n",
                    b"Content-Type: multipart/mixed; boundary=b\r\n",
                    b"Content-Transfer-Encoding: base64\r\n",
                    b"text",
                    b"\xff",
                    b"=\r\n",
                    b"dGV4dA==",
                )
            ),
            max_size=20,
        ).map(b"".join)
    )
    @bounded
    def test_anything(self, source: bytes) -> None:
        """M1: nothing that comes in makes it fail, and without a change nothing changes."""
        message = Message.parse(b"Content-Type: multipart/mixed; boundary=b\r\n" + source)
        self.assertIs(change_leaves(message, identity), message)
        found = [leaf.octets.replace(b"t", b"T") for leaf in leaves(message)]
        again = [leaf.octets for leaf in leaves(change_leaves(message, marked))]
        self.assertEqual([each.strip() for each in found], [each.strip() for each in again])
