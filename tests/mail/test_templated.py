"""The texts of a message, taken out and put back."""

from __future__ import annotations

import email
from email import policy
from email.message import EmailMessage

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.address import AddressError
from mailrelay.mail.message import Message
from mailrelay.mail.templated import filled, from_somebody_else, texts

from .bounded import bounded

SOURCE = (
    b"From: {{ shop }} <app@acme.test>\r\n"
    b"Reply-To: help@acme.test\r\n"
    b"To: {{ name }} <ann@b.test>\r\n"
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= {{ name }}\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n'
    b"\r\n"
    b"--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"Gr=FC=DFe {{ name }}\r\n"
    b"--b\r\nContent-Type: text/html\r\n\r\n<p>{{ name }}</p>\r\n"
    b"--b\r\nContent-Type: text/plain; name=a.txt\r\nContent-Disposition: attachment\r\n\r\n{{ name }}\r\n"
    b"--b--\r\n"
)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), min_size=1, max_size=300)


def read(message: Message) -> EmailMessage:
    made = email.message_from_bytes(message.encode(), policy=policy.default)
    assert isinstance(made, EmailMessage)
    return made


class TextsTests(SynchronousTestCase):
    message = Message.parse(SOURCE)

    def test_found(self) -> None:
        """Subject, display names and texts that are read in place, decoded; attachments and addresses are none."""
        self.assertEqual(
            dict(texts(self.message)),
            {
                "subject": ("Grüße {{ name }}", False),
                "From": ("{{ shop }}", False),
                "2": ("Grüße {{ name }}", False),
                "3": ("<p>{{ name }}</p>", True),
            },
        )

    def test_put_back(self) -> None:
        """Given back as they were they leave the message byte-identical, and so does nothing given back."""
        same = {name: text for name, (text, _) in texts(self.message).items()}
        for given_back in (same, {}):
            self.assertEqual(filled(self.message, given_back).encode(), SOURCE)

    def test_others_in_place(self) -> None:
        """Other texts stand in their places, in UTF-8 where the charset does not have them; nothing else changes."""
        changed = {"subject": "Hi\nBcc: eve@c.test", "From": 'Ann "A"', "2": "Привет\nzwei", "3": "<b>é</b>"}
        made = read(filled(self.message, changed))
        self.assertEqual((made["Subject"], made["Bcc"]), ("Hi Bcc: eve@c.test", None))
        (sender,) = made["From"].addresses
        self.assertEqual((sender.display_name, sender.addr_spec), ('Ann "A"', "app@acme.test"))
        plain, html, attached = made.iter_parts()
        self.assertEqual(plain.get_content(), "Привет\r\nzwei")
        self.assertEqual((html.get_content(), attached.get_content()), ("<b>é</b>", "{{ name }}"))
        self.assertEqual(made["To"], "{{ name }} <ann@b.test>")

    def test_odd_addresses(self) -> None:
        """A From that is not one address has no name to change."""
        for sender in (b"<<<", b"a@b.test, b@b.test", b""):
            message = Message.parse(b"From: " + sender + b"\r\n\r\nx\r\n")
            self.assertEqual(dict(texts(message)), {"0": ("x\n", False)})
            self.assertEqual(filled(message, {"From": "y"}).encode(), message.encode())

    @given(TEXT, TEXT)
    @bounded
    def test_any_text(self, subject: str, body: str) -> None:
        """Whatever the texts are, another reader finds them, in the one Subject and the one body."""
        message = Message.parse(b"From: a@b.test\r\nSubject: s\r\n\r\nbody\r\n")
        made = filled(message, {"subject": subject, "1": body})
        named = {name for name, _ in Message.parse(made.encode()).fields}
        mime = {"content-type", "content-transfer-encoding", "mime-version"}
        self.assertEqual(named, {"from", "subject"} if body.isascii() else {"from", "subject"} | mime)
        self.assertEqual(made.body.decode().replace("\r\n", "\n"), body)


class AddressTests(SynchronousTestCase):
    """A field of one address, made somebody else's."""

    message = Message.parse(b"From: Shop <app@acme.test>\r\nReply-To: a@b.test, b@b.test\r\n\r\n")

    def field(self, field: str, name: str | None, address: str) -> bytes | None:
        return from_somebody_else(self.message, field, name, address).get(field)

    def test_name_and_address(self) -> None:
        """Another name, another address, or both; what is not given stays."""
        self.assertEqual(self.field("From", "Ann", ""), b'"Ann" <app@acme.test>')
        self.assertEqual(self.field("From", None, " x@Other.test "), b'"Shop" <x@other.test>')
        self.assertEqual(self.field("From", "", "x@other.test"), b"x@other.test")
        self.assertEqual(self.field("Reply-To", None, "x@other.test"), b"x@other.test")
        self.assertEqual(self.field("Sender", "Ann", "x@other.test"), b'"Ann" <x@other.test>')

    def test_none(self) -> None:
        """What is no address is refused, and so is a name for a field that has not one address."""
        self.assertRaises(AddressError, self.field, "From", None, "x y")
        self.assertRaises(AddressError, self.field, "Reply-To", "Ann", "")
