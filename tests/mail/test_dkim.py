"""DKIM signatures, judged by an independent verifier."""

from __future__ import annotations

import re
import time

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from dkim.canonicalization import Relaxed
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.dkim import (
    ALGORITHMS,
    ED25519,
    OVERSIGNED,
    RSA,
    Signer,
    dns_text,
    relaxed_body,
    relaxed_value,
    sign,
)
from mailrelay.mail.envelope import SECOND
from mailrelay.mail.message import Message
from mailrelay.mail.wire import wire

from ..examples import SHARE, at_most
from .signatures import DOMAIN, letters, private_key, signers, verified

AT = 1_700_000_000 * SECOND
HEAD = (
    b"From: App <app@shop.example>\r\nTo: you@example.net\r\nSubject: Your  order\r\n"
    b"Date: Fri, 02 Jan 2026 03:04:05 +0000\r\nMessage-ID: <1@shop.example>\r\n"
)
LETTER = HEAD + b"\r\nThank you.\r\n"


def tags(message: bytes) -> dict[str, str]:
    """The tags of the first signature."""
    value = Message.parse(message).all("DKIM-Signature")[0].decode("ascii")
    return dict(re.sub(r"\s", "", tag).split("=", 1) for tag in value.split(";"))


class Canonical(SynchronousTestCase):
    """The relaxed form."""

    @at_most(300)
    @given(
        st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"a", b".", b"\xff", b"   ", b"\x0b", b"\x0c"]), max_size=40)
    )
    def test_body(self, pieces: list[bytes]) -> None:
        """Whatever white space a body holds, its relaxed form is the one that an independent reading has."""
        body = b"".join(pieces)
        body += b"" if body.endswith(b"\r\n") else b"\r\n"
        self.assertEqual(relaxed_body(body), Relaxed.canonicalize_body(body))

    @at_most(300)
    @given(st.lists(st.sampled_from([b" ", b"\t", b"\r\n ", b"\r\n\t", b"a", b"\xff", b":", b"=20"]), max_size=30))
    def test_value(self, pieces: list[bytes]) -> None:
        """The same of a field's value, folded in any way."""
        value = b"".join(pieces)
        ((_, expected),) = Relaxed.canonicalize_headers([(b"X", value + b"\r\n")])
        self.assertEqual(relaxed_value(value) + b"\r\n", expected)

    def test_what_has_nothing_to_change_is_not_copied(self) -> None:
        """A body in relaxed form is given back as it is."""
        body = b"Thank you.\r\n\r\nBye\r\n"
        self.assertIs(relaxed_body(body), body)

    def test_empty_bodies(self) -> None:
        """RFC 6376 3.4.4: of a body without any text nothing is left."""
        for body in (b"", b"\r\n", b"\r\n\r\n", b" \r\n\t\r\n"):
            self.assertEqual(relaxed_body(body), b"")

    def test_linear(self) -> None:
        """M10: ten megabytes of white space, of empty lines or of tabs take well under a second."""
        for piece in (b" ", b"\r\n", b" \t", b"a \r\n", b" " * 900 + b"\r\n"):
            body = piece * (10_000_000 // len(piece)) + b"\r\n"
            begun = time.process_time()
            relaxed_body(body)
            self.assertLess(time.process_time() - begun, 1)


class Verified(SynchronousTestCase):
    """What a receiver finds."""

    def test_thousands_of_letters(self) -> None:
        """M19, M23: both signatures of every letter in wire form verify, for hops that take 8 bits and for those that
        do not, whatever white space, dots, folds and line lengths the letter has."""
        for number, source in enumerate(letters(19, round(3000 * SHARE))):
            octets = wire(Message.parse(source), eight_bit=number % 2 == 0)
            signed = sign(octets, signers(), AT + number * SECOND)
            self.assertTrue(signed.endswith(octets), "nothing below a signature is changed")
            self.assertEqual(verified(signed), [True, True], octets)

    @at_most(200)
    @given(st.binary(max_size=300), st.booleans())
    def test_any_octets(self, source: bytes, eight_bit: bool) -> None:
        """Whatever was sent, what leaves verifies."""
        octets = wire(Message.parse(LETTER + source), eight_bit=eight_bit)
        self.assertEqual(verified(sign(octets, signers(), AT)), [True, True])

    def test_white_space_does_not_count(self) -> None:
        """M23: a hop that folds otherwise, at 78, at 998 or by a bare tab, or that strips white space at line ends,
        breaks nothing."""
        subject = b"word " * 180
        signed = sign(HEAD.replace(b"Your  order", subject + b"end") + b"\r\nThank  you. \r\n\r\n", signers(), AT)
        for width in (78, 998):
            folded = re.sub(rb"(.{1,%d}) (?=.)" % (width - 1), rb"\1\r\n ", subject + b"end")
            self.assertEqual(verified(signed.replace(subject + b"end", folded)), [True, True])
        for old, new in (
            (b"word word", b"word\r\n\tword"),
            (b"Subject: ", b"SUBJECT:\t "),
            (b"Thank  you. \r\n\r\n", b"Thank you.\r\n"),
            (b"end\r\n", b"end  \r\n"),
        ):
            changed = signed.replace(old, new)
            self.assertNotEqual(changed, signed)
            self.assertEqual(verified(changed), [True, True], new)

    def test_nothing_may_be_added(self) -> None:
        """M20: a second field of each name that is oversigned, before or behind all others, breaks both signatures."""
        signed = sign(LETTER, signers(), AT)
        begin = len(signed) - len(LETTER)
        self.assertEqual(verified(signed), [True, True])
        for name in OVERSIGNED:
            added = b"%s: forged <forged@example.org>\r\n" % name.title()
            for changed in (
                signed[:begin] + added + signed[begin:],
                signed[:begin] + HEAD + added + b"\r\nThank you.\r\n",
            ):
                self.assertEqual(verified(changed), [False, False], changed)

    def test_nothing_may_be_changed_or_taken_away(self) -> None:
        """Each signed field and the body are bound; so is what stands behind the text (no l=)."""
        head = HEAD + b"In-Reply-To: <0@x>\r\nReferences: <0@x>\r\n"
        signed = sign(head + b"\r\nThank you.\r\n", signers(), AT)
        self.assertEqual(verified(signed), [True, True])
        for line in head.splitlines(keepends=True):
            self.assertEqual(verified(signed.replace(line, b"")), [False, False], line)
            self.assertEqual(verified(signed.replace(line, line[:-2] + b"x\r\n")), [False, False], line)
        for body in (b"Thank you!\r\n", b"Thank you.\r\nP.S.\r\n", b""):
            self.assertEqual(verified(signed.replace(b"Thank you.\r\n", body)), [False, False], body)

    def test_fields_that_occur_twice(self) -> None:
        """Several fields of one name are signed from the last to the first."""
        signed = sign(HEAD + b"To: second@example.net\r\nTo: third@example.net\r\n\r\nx\r\n", signers(), AT)
        self.assertEqual(verified(signed), [True, True])
        self.assertEqual(tags(signed)["h"].split(":").count("to"), 4)
        swapped = signed.replace(b"second", b"SECOND").replace(b"third", b"second").replace(b"SECOND", b"third")
        self.assertEqual(verified(swapped), [False, False])

    def test_empty_header_and_body(self) -> None:
        """A message that is nothing but a header verifies."""
        self.assertEqual(verified(sign(HEAD + b"\r\n", signers(), AT)), [True, True])


class Field(SynchronousTestCase):
    """How the field looks."""

    def test_tags(self) -> None:
        """M20, M22: relaxed on both sides, the instant of acceptance, no l=, no x=."""
        found = tags(sign(LETTER, signers(), AT + 999_999))
        self.assertEqual(set(found), {"v", "a", "c", "d", "s", "t", "bh", "h", "b"})
        self.assertEqual(found["v"] + found["a"] + found["c"], "1rsa-sha256relaxed/relaxed")
        self.assertEqual((found["d"], found["s"], found["t"]), (DOMAIN, "s0", str(AT // SECOND)))
        self.assertEqual(tags(sign(LETTER, signers()[1:], AT))["a"], ED25519)

    def test_oversigned(self) -> None:
        """M20: each of these names is listed once more than it occurs; a thread's fields only when they are there."""
        listed = tags(sign(LETTER, signers(), AT))["h"].split(":")
        present = ("from", "to", "subject", "date", "message-id")
        absent = ("cc", "reply-to", "mime-version", "content-type", "list-unsubscribe", "list-unsubscribe-post")
        self.assertEqual(
            {name: listed.count(name) for name in listed}, dict.fromkeys(present, 2) | dict.fromkeys(absent, 1)
        )
        self.assertIn("references", tags(sign(b"References: <0@x>\r\n" + LETTER, signers(), AT))["h"])

    @at_most(100)
    @given(st.integers(1, 63), st.lists(st.integers(1, 63), min_size=1, max_size=3), st.integers(0, 30))
    def test_lines(self, selector: int, labels: list[int], more: int) -> None:
        """Whatever the names and however many fields, lines have 78 octets at most, but for a name that is longer, and
        unfold to one field."""
        domain = ".".join("d" * length for length in labels)
        signer = Signer.load(domain, "s" * selector, RSA, private_key(RSA))
        message = b"Cc: x@example.net\r\n" * more + LETTER
        field = sign(message, [signer], AT)[: -len(message)]
        self.assertTrue(field.endswith(b"\r\n"))
        self.assertEqual(len(Message.parse(field).fields), 1)
        for line in field.split(b"\r\n"):
            self.assertLessEqual(len(line), max(78, 4 + len(domain)), line)

    def test_the_same_on_every_attempt(self) -> None:
        """Both algorithms give the same octets for the same message, domain and instant, in keys read anew."""
        first = sign(LETTER, signers(), AT)
        self.assertEqual([sign(LETTER, signers(), AT) for _ in range(5)], [first] * 5)

    def test_instants(self) -> None:
        """M22: a clock that was at 1970, or at 9999, gives whole seconds in at most twelve digits (RFC 6376 3.5)."""
        for at in (0, 999_999, SECOND, 2**31 * SECOND, 253_402_300_799 * SECOND):
            self.assertEqual(tags(sign(LETTER, signers(), at))["t"], str(at // SECOND))
        self.assertEqual(verified(sign(LETTER, signers(), 0)), [True, True])

    def test_no_wire_form(self) -> None:
        """What has no end of its header is not signed."""
        with self.assertRaises(ValueError):
            sign(b"Subject: x\r\n", signers(), AT)


class Keys(SynchronousTestCase):
    """Reading and publishing keys."""

    def test_faults(self) -> None:
        """M21: an empty key, garbage, a key of another algorithm or of a kind that DKIM does not know is refused, and
        the reason holds nothing of the key."""
        curve = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        good = private_key(RSA)
        cases = [("", RSA), ("garbage", RSA), (good[:-100], RSA), (good.replace("M", "é", 1), RSA), (good, ED25519)]
        for pem, algorithm in [*cases, (private_key(ED25519), RSA), (curve.decode(), RSA)]:
            with self.assertRaises(ValueError) as caught:
                Signer.load(DOMAIN, "s", algorithm, pem)
            self.assertNotRegex(str(caught.exception), "[A-Za-z0-9+/]{30}")

    def test_secret(self) -> None:
        """What is printed of a signer shows nothing of its key."""
        self.assertNotIn("BEGIN", repr(signers()))

    def test_strength(self) -> None:
        """RSA keys have 2048 bits."""
        key = load_pem_private_key(private_key(RSA).encode(), None)
        self.assertEqual(getattr(key, "key_size", None), 2048)

    def test_records(self) -> None:
        """What is published says which kind of key it is."""
        kinds = [dns_text(private_key(each)).split("; ")[:2] for each in ALGORITHMS]
        self.assertEqual(kinds, [["v=DKIM1", "k=rsa"], ["v=DKIM1", "k=ed25519"]])
