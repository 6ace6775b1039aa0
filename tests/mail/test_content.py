"""What a message carries, as an independent reader sees it, and whatever it is made of."""

from __future__ import annotations

import email
import time
from email.message import EmailMessage
from email.policy import default

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.content import MAX_LEAVES, MAX_NAME, Leaf, content
from mailrelay.mail.message import Message, canonical

NAMES = (
    "Preis.pdf",
    "Прайс лист.pdf",
    "a;b.txt",
    'quo"te.zip',
    "x" * 120 + ".docx",
    "no extension",
    "日本語のファイル.jpeg",
)


def read(source: bytes) -> tuple[Leaf, ...]:
    return content(Message.parse(canonical(source)))


def letter(*names: str) -> EmailMessage:
    """A letter with files of these names."""
    message = EmailMessage()
    message["Subject"] = "x"
    message.set_content("text")
    message.add_alternative("<p>html</p>", subtype="html")
    for name in names:
        message.add_attachment(b"\0\1", "application", "octet-stream", filename=name)
    return message


class ContentTests(SynchronousTestCase):
    """Leaves and their names."""

    def test_letter(self) -> None:
        """Texts are texts, files are files, by whatever encoding of the name; the extension is in lower case."""
        found = read(letter(*NAMES).as_bytes())
        self.assertEqual([leaf.type for leaf in found[:2]], ["text/plain", "text/html"])
        self.assertTrue(all(leaf.text and not leaf.attached for leaf in found[:2]))
        self.assertEqual([leaf.name for leaf in found[2:]], list(NAMES))
        self.assertTrue(all(leaf.attached for leaf in found[2:]))
        extensions = ["pdf", "pdf", "txt", "zip", "docx", "octet-stream", "jpeg"]
        self.assertEqual([leaf.extension for leaf in found[2:]], extensions)

    def test_what_is_a_file(self) -> None:
        """A disposition or a name makes a file of a text; what is no text is a file without either."""
        for head, attached, extension in (
            (b"Content-Type: text/plain", False, "plain"),
            (b"", False, "plain"),
            (b"Content-Type: text/plain; name=A.TXT", True, "txt"),
            (b"Content-Type: text/html\nContent-Disposition: attachment", True, "html"),
            (b"Content-Type: text/html\nContent-Disposition: inline", False, "html"),
            (b"Content-Type: text/html\nContent-Disposition: whatever", True, "html"),
            (b"Content-Type: image/PNG\nContent-Disposition: inline", True, "png"),
            (b"Content-Type: message/rfc822", True, "rfc822"),
            (b"Content-Type: multipart/mixed; boundary=never", True, "mixed"),
            (b'Content-Type: application/pdf; name="=?utf-8?b?0JAucGRm?="', True, "pdf"),
            (b"Content-Type: application/x; name*0=a; name*1=.e; name*2*=%78e", True, "exe"),
            (b"Content-Type: application/x; name*=koi8-r''%C1.doc", True, "doc"),
            (b"Content-Type: application/x; name*=no-such'x'%41.doc", True, "doc"),
            (b"Content-Type: application/x; name*1=lost.exe", True, "x"),
            (b'Content-Type: application/x; name="a.exe. . "', True, "exe"),
            (b"Content-Type: application/x; name*9999999999=a.exe", True, "x"),
        ):
            (leaf,) = read(head + b"\n\nbody")
            self.assertEqual((leaf.attached, leaf.extension), (attached, extension), head)

    def test_two_names(self) -> None:
        """Of two names that differ both are told, for readers differ on which they take."""
        named = b"Content-Type: a/b; name=%s\nContent-Disposition: attachment; filename=%s\n\nx"
        (leaf,) = read(named % (b"a.exe", b"a.txt"))
        self.assertEqual((leaf.name, leaf.alias, leaf.extensions), ("a.txt", "a.exe", {"exe", "txt"}))
        (leaf,) = read(named % (b"a.txt", b"a.txt"))
        self.assertEqual((leaf.name, leaf.alias, leaf.extensions), ("a.txt", "", {"txt"}))

    def test_digest(self) -> None:
        """The parts of a digest are messages unless they say otherwise (RFC 2046 5.1.5)."""
        (leaf,) = read(b"Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\n--b--\n")
        self.assertEqual(leaf.type, "message/rfc822")

    def test_endless_header(self) -> None:
        """A part whose header has no end is a file that nobody can read."""
        head = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n"
        found = read(head + b"a:\n" * 5_000 + b"\n--b\n\ntext\n--b--")
        self.assertEqual([leaf.type for leaf in found], ["multipart/mixed", "text/plain"])

    def test_bounds(self) -> None:
        """Ten thousand nested multiparts, a million parts, a name of a megabyte cost time in proportion (M1-M4, M7)."""
        begun = time.process_time()
        nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(10_000))
        (leaf,) = read(nested)
        self.assertEqual(leaf.type, "multipart/mixed")
        many = b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\n" * 1_000_000
        self.assertLessEqual(len(read(many)), MAX_LEAVES + 1)
        wide = b"Content-Type: multipart/mixed; boundary=a\n\n" + b"".join(
            b"--a\nContent-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\n" * 900 for _ in range(20)
        )
        self.assertEqual((len(read(wide)), read(wide)[-1].attached), (MAX_LEAVES + 1, True))
        (leaf,) = read(b"Content-Type: a/b; name=" + b"n" * 1_000_000 + b"\n\n")
        self.assertEqual(len(leaf.name), MAX_NAME)
        many_pieces = b"".join(b"; name*%d*=%%41" % n for n in range(50_000))
        read(b"Content-Type: a/b" + many_pieces + b"\n\n")
        self.assertLess(time.process_time() - begun, 20)

    @given(st.lists(st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=60), max_size=4))
    def test_names_as_another_reader_has_them(self, names: list[str]) -> None:
        """The standard library, which wrote the names, and this reader agree on them."""
        source = letter(*names).as_bytes()
        theirs = email.message_from_bytes(source, policy=default)
        wanted = [part.get_filename() or "" for part in theirs.walk() if not part.is_multipart()]
        self.assertEqual([leaf.name for leaf in read(source)], [name.strip() for name in wanted])

    @given(st.binary(max_size=400), st.binary(max_size=200))
    def test_any_octets(self, head: bytes, body: bytes) -> None:
        """Any octets have leaves, and no name has a control character."""
        for leaf in read(b"Content-Disposition: x; filename=" + head + b"\n" + head + b"\n\n" + body):
            self.assertTrue(all(ord(letter) >= 32 for letter in leaf.name + leaf.extension))
