"""What is one recipient's own in a message, and that nothing else of it changes."""

from __future__ import annotations

import re
from dataclasses import replace
from email import message_from_bytes, policy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.addresses import addresses
from mailrelay.mail.envelope import Capabilities, Delivery, Personal, unpack
from mailrelay.mail.message import Message
from mailrelay.mail.tags import MARKS, UNSUBSCRIBE, WEB_VERSION
from mailrelay.mail.token import PATHS, Purpose, Token, read
from mailrelay.relay.compose import compose
from mailrelay.relay.personal import Site, personalise

from ..examples import at_most
from .fakes import delivery

ANN = "01KAJ2V5RTPG3M2Y6Q7XW8Z9AB"
ACME = "01KAJ2V5RT0000000000000000"
SECRETS = {1: b"1" * 32, 2: b"2" * 32}
SITE = Site("https://go.relay.test/mail", SECRETS.__getitem__)
ALL = Personal(opens=True, clicks=True, tags=True, list_unsubscribe=True, to=True, key="2")
HEAD = (
    b"From: app@acme.test\r\nTo: all@acme.test\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
    b"Message-ID: <1@acme.test>\r\n"
)
BOTH = (
    HEAD + b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain\r\n\r\nSee http://shop.test/ or %s\r\n"
    b"--b\r\nContent-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b'<p>caf=E9 <a href=3D"http://shop.test/?a=3D1&amp;b=3D2">x</a> <a href=3D"%s">y</a></p>\r\n--b--\r\n'
) % (MARKS[UNSUBSCRIBE], MARKS[WEB_VERSION])


def own(personal: Personal | None, **changes: Any) -> Delivery:
    facts = {"account": ACME, "address": "Ann.Lee@B.test", "name": "Ann Lee", "personal": personal, **changes}
    return replace(delivery(ANN), **facts)


def composed(source: bytes, personal: Personal | None, site: Site | None = SITE, **changes: Any) -> bytes:
    return compose(Message.parse(source), own(personal, **changes), Capabilities(eight_bit=True), "relay.test", site)


def links(octets: bytes) -> dict[Purpose, list[Token]]:
    """What the links in composed octets say, by purpose, each read under the key that signed it."""
    texts = message_from_bytes(octets, policy=policy.default)
    shown = str(texts["List-Unsubscribe"] or "") + "".join(
        part.get_content() for part in texts.walk() if part.get_content_maintype() == "text"
    )
    return {
        purpose: [
            read(found, purpose, SECRETS.get)
            for found in re.findall(rf"{re.escape(SITE.url)}/{path}/([A-Za-z0-9_-]+)", shown)
        ]
        for purpose, path in PATHS.items()
        if purpose is not Purpose.CONFIRM
    }


class PersonalTests(SynchronousTestCase):
    def test_everything(self) -> None:
        """A recipient gets its own pixel, clicks, tags, List-Unsubscribe and To, each signed for it and nobody else."""
        octets = composed(BOTH, ALL)
        unsubscribe = Token(Purpose.UNSUBSCRIBE, ANN, account=ACME, mailbox="ann.lee@b.test")
        self.assertEqual(
            links(octets),
            {
                Purpose.OPEN: [Token(Purpose.OPEN, ANN)],
                Purpose.CLICK: [Token(Purpose.CLICK, ANN, target=b"http://shop.test/?a=1&b=2")],
                Purpose.UNSUBSCRIBE: [replace(unsubscribe, mailbox=found) for found in [own_key()] * 2],
                Purpose.WEB_VERSION: [Token(Purpose.WEB_VERSION, ANN)],
            },
        )
        message = Message.parse(octets)
        self.assertEqual(message.all("To"), (b'"Ann Lee" <Ann.Lee@B.test>',))
        self.assertEqual(message.get("List-Unsubscribe-Post"), b"List-Unsubscribe=One-Click")
        self.assertIn("See http://shop.test/ or https", octets.decode("latin-1"))
        self.assertIn(b"caf=E9", octets)

    def test_nothing(self) -> None:
        """Without anything personal, and without pages, a message leaves octet by octet as it came in."""
        for personal, site in ((None, SITE), (Personal(), SITE), (replace(ALL, to=False), None)):
            self.assertEqual(composed(BOTH, personal, site), BOTH)
        plain = HEAD + b"\r\nplain http://shop.test/\r\n"
        self.assertEqual(composed(plain, replace(ALL, to=False, list_unsubscribe=False)), plain)

    def test_one_at_a_time(self) -> None:
        """Each of the things is done alone when it alone is asked for."""
        counts = {Purpose.OPEN: 1, Purpose.CLICK: 1}
        for name, expected in (
            ("opens", {Purpose.OPEN: 1}),
            ("clicks", {Purpose.CLICK: 1}),
            ("tags", {Purpose.UNSUBSCRIBE: 1, Purpose.WEB_VERSION: 1}),
            ("list_unsubscribe", {Purpose.UNSUBSCRIBE: 1}),
        ):
            found = links(composed(BOTH, Personal(**{name: True}, key="1")))  # type: ignore[arg-type]
            self.assertEqual({purpose: len(each) for purpose, each in found.items() if each}, expected, counts)

    def test_the_senders_own_list_unsubscribe(self) -> None:
        """A List-Unsubscribe that the sender gave is the sender's business."""
        source = b"List-Unsubscribe: <mailto:stop@acme.test>\r\n" + HEAD + b"\r\nx\r\n"
        self.assertEqual(composed(source, Personal(list_unsubscribe=True, key="1")), source)
        lone = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" + HEAD + b"\r\nx\r\n"
        self.assertEqual(
            len(Message.parse(composed(lone, Personal(list_unsubscribe=True, key="1"))).all("List-Unsubscribe-Post")), 1
        )

    def test_pixel_once(self) -> None:
        """Of several HTML texts the first shows the pixel."""
        part = b"--b\r\nContent-Type: text/html\r\n\r\n<p>x</p>\r\n"
        source = (
            HEAD + b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 2 + b"--b--\r\n"
        )
        octets = composed(source, Personal(opens=True, key="1"))
        self.assertLess(octets.index(b"<img"), octets.rindex(b"<p>x"))
        self.assertEqual(octets.count(b"<img"), 1)

    def test_to(self) -> None:
        """The To field of whatever name reads again as the name and the address."""
        for name in (
            "",
            "Ann Lee",
            'A "B" \\ C',
            "Лев Толстой" * 12,
            "=?utf-8?q?x?=",
            "a, b <c@d>",
            "x\r\nBcc: y@z.test",
        ):
            message = personalise(Message.parse(BOTH), own(Personal(to=True), name=name), None)
            ((read_name, mailbox),) = addresses(message.get("To") or b"")
            with self.subTest(name=name):
                self.assertEqual((read_name, mailbox.address), (name.replace("\r\n", " "), "Ann.Lee@b.test"))
                self.assertEqual(len(message.fields), len(Message.parse(BOTH).fields))

    def test_odd_address(self) -> None:
        """An address that only RCPT takes is unsubscribed as it stands."""
        octets = composed(BOTH, Personal(list_unsubscribe=True, key="1"), address="odd address")
        self.assertEqual(links(octets)[Purpose.UNSUBSCRIBE][0].mailbox, "odd address")

    @given(
        st.binary(max_size=300),
        st.builds(Personal, *[st.booleans()] * 5, key=st.just("1")),
        st.integers(0, (1 << 128) - 1),
        st.booleans(),
    )
    @at_most(100)
    def test_equal_octets(self, body: bytes, personal: Personal, number: int, html: bool) -> None:
        """Whatever the message is, every attempt composes equal octets."""
        source = HEAD + (b"Content-Type: text/html\r\n\r\n<a href=http://x.test/>" if html else b"\r\n") + body
        recipient = unpack(number.to_bytes(16, "big"))
        first = composed(source, personal, recipient=recipient)
        self.assertEqual(composed(source, personal, recipient=recipient), first)


def own_key() -> str:
    from mailrelay.mail.address import parse_mailbox

    return parse_mailbox("Ann.Lee@B.test").key
