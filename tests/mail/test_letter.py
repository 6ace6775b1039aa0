"""Letters from parts, as Python's own parser reads them: what was given, and nothing else (S25)."""

from __future__ import annotations

import email
import re
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.addresses import addresses
from mailrelay.mail.letter import Letter, Named, Unwritable, check, write
from mailrelay.mail.message import Message
from mailrelay.mail.rebuild import File
from tests.examples import at_most

ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
SENDER = Named("app@acme.test", "Shop")

#: Anything that a stranger may type, line ends and all.
anything = st.text(max_size=60)
#: What can stand in one line, in words with one blank between them.
lines = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Zs"), include_characters=" "), max_size=60
).map(lambda text: " ".join(text.split()))
bodies = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\r\0\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"),
    max_size=300,
)
people = st.builds(Named, st.sampled_from(["bob@b.test", "bob.o'hara+x@b.test", '"a b"@b.test']), lines)
files = st.builds(
    File, lines.filter(lambda name: name.strip()), st.sampled_from(["image/png", "application/pdf"]), st.binary()
)


def seen(letter: Letter) -> Any:
    """The message as the standard library reads it."""
    octets = write(letter, ID)
    found = email.message_from_bytes(octets, policy=SMTP)
    assert isinstance(found, EmailMessage)
    for line in octets.split(b"\r\n"):
        assert len(line) <= 998 and b"\n" not in line and b"\r" not in line
    for part in found.walk():
        assert not part.defects, part.defects
    return found


def text_of(part: Any) -> str:
    return str(part.get_content()).replace("\r\n", "\n").rstrip("\n")


class Letters(SynchronousTestCase):
    """What is given is what is read."""

    @at_most(150)
    @given(st.lists(people, max_size=3), lines, bodies, bodies, st.lists(files, max_size=2), lines)
    @example([], "", "", "", [], "")
    def test_read_again(
        self, to: list[Named], subject: str, text: str, html: str, attached: list[File], own: str
    ) -> None:
        """Addresses, names, subject, both texts, files and own fields are read as they were given, and no field or
        part is there that was not asked for."""
        letter = Letter(SENDER, tuple(to), (), (), subject, text, html, (("X-Own", own),), tuple(attached))
        found = seen(letter)
        self.assertEqual([str(each.addr_spec) for each in found["From"].addresses], ["app@acme.test"])
        listed = found["To"].addresses if to else ()
        # the parser of Python 3.11 puts blanks between the encoded words of one name
        self.assertEqual(
            [(each.display_name.replace(" ", ""), each.addr_spec) for each in listed],
            [(each.name.replace(" ", ""), each.address) for each in to],
        )
        own_reader = addresses(Message.parse(write(letter, ID)).get("To") or b"")
        self.assertEqual([(name, each.address) for name, each in own_reader], [(p.name, p.address) for p in to])
        self.assertEqual((found["Subject"] or "").strip(), subject)
        self.assertEqual(found["X-Own"].strip(), own)
        allowed = {"from", "to", "subject", "x-own", "mime-version", "content-type", "content-transfer-encoding"}
        self.assertLessEqual({name.lower() for name in found}, allowed)
        plain, rich = found.get_body(("plain",)), found.get_body(("html",))
        self.assertEqual(text_of(plain) if plain else "", text.rstrip("\n") if text or not html else "")
        self.assertEqual(text_of(rich) if rich else "", html.rstrip("\n"))
        known = [(part.get_filename(), part.get_content()) for part in found.iter_attachments()]
        self.assertEqual(known, [(file.name.strip(), file.octets) for file in attached])

    @at_most(150)
    @given(st.tuples(anything, anything, anything, anything, anything))
    @example(("a\r\nBcc: x@y.test", "", "", "", ""))
    @example(("", "a\nX-Evil: 1", "", "", ""))
    @example(("", "", "a\r\n\r\nbody", "", ""))
    @example(("", "", "", "a: b\r\nX-Evil", ""))
    @example(("", "", "", "", 'a"\r\nX-Evil: 1'))
    def test_no_injection(self, given_: tuple[str, str, str, str, str]) -> None:
        """Whatever stands in a name, a subject, a field or a file's name, it is refused by the name of its part, or
        makes exactly the fields and parts that were asked for."""
        name, subject, value, header, file = given_
        letter = Letter(
            Named("app@acme.test", name),
            subject=subject or "x",
            text="t",
            headers=((header, value),),
            files=(File(file, "image/png", b"x"),),
        )
        try:
            check(letter)
        except Unwritable as error:
            self.assertTrue(error.part in ("from", "subject", "attachments[0].name") or error.part[:8] == "headers.")
            return
        found = seen(letter)
        names = sorted(each.lower() for each in found)
        self.assertEqual(names, sorted(["from", "subject", header.lower(), "mime-version", "content-type"]))
        self.assertEqual(len(list(found.walk())), 3)

    def test_shown_in_place(self) -> None:
        """An image with a cid stands beside the HTML that shows it, a file behind them all (RFC 2387)."""
        image, pdf = File("logo.png", "image/png", b"\x89PNG", "logo@shop"), File("a.pdf", "application/pdf", b"%PDF")
        found = seen(Letter(SENDER, text="t", html='<img src="cid:logo@shop">', files=(pdf, image)))
        kinds = [part.get_content_type() for part in found.walk()]
        self.assertEqual(
            kinds,
            [
                "multipart/mixed", "multipart/related", "multipart/alternative", "text/plain", "text/html", "image/png",
                "application/pdf",
            ],
        )  # fmt: skip
        shown = next(part for part in found.walk() if part.get_content_type() == "image/png")
        self.assertEqual((shown["Content-ID"], shown.get_content_disposition()), ("<logo@shop>", "inline"))
        boundaries = re.findall(rb'boundary="([^"]+)"', write(Letter(SENDER, text="t", html="h", files=(pdf,)), ID))
        for one in boundaries:
            self.assertFalse([other for other in boundaries if other is not one and other.startswith(one)])

    def test_same_octets(self) -> None:
        """One letter and id, one message."""
        letter = Letter(SENDER, (Named("b@b.test", "Ünal"),), subject="Grüße", text="t", html="<p>h")
        self.assertEqual(write(letter, ID), write(letter, ID))

    def test_refused(self) -> None:
        """Each part that cannot be written is named with the reason."""
        png = File("a", "image/png", b"")
        for part, changed in {
            "from": {"sender": Named("a@b.test", "a\nb")},
            "to": {"to": (Named("a@b.test", "a\x00"),)},
            "subject": {"subject": "a\r\nb"},
            "text": {"text": "a\0"},
            "html": {"html": "\ud800"},
            "headers.Bcc": {"headers": (("Bcc", "x@y.test"),)},
            "headers.Content-Type": {"headers": (("Content-Type", "x"),)},
            "headers.Resent-To": {"headers": (("Resent-To", "x"),)},
            "headers.a b": {"headers": (("a b", "x"),)},
            "headers.X-A": {"headers": (("X-A", "x" * 8193),)},
            "headers": {"headers": (("X-A", "x"),) * 101},
            "attachments[0].name": {"files": (File(" ", "image/png", b""),)},
            "attachments[0].type": {"files": (File("a", "message/rfc822", b""),)},
            "attachments[0].cid": {"files": (File("a", "image/png", b"", "a>b"),), "html": "h"},
            "attachments[1].cid": {"files": (File("a", "image/png", b"", "a"),) * 2, "html": "h"},
        }.items():
            with self.assertRaises(Unwritable) as caught:
                write(Letter(**({"sender": SENDER} | changed)), ID)  # type: ignore[arg-type]
            self.assertEqual(caught.exception.part, part)
        with self.assertRaises(Unwritable) as caught:
            check(Letter(SENDER, text="t", files=(File("a", "image/png", b"", "a"), png)))
        self.assertEqual(caught.exception.reason, "there is no HTML that could show it")
