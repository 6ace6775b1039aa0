"""The trace line and its date (RFC 5321 4.4, RFC 5322 3.3)."""

from __future__ import annotations

import email.utils
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.message import Message
from mailrelay.mail.trace import date, protocol, received

from .bounded import bounded

AT = 1_700_000_000_123_456
ID = "01HF7YAT3VCVS30SW8TMD2KTZB"


class DateTests(SynchronousTestCase):
    """An instant as mail writes it."""

    def test_form(self) -> None:
        self.assertEqual(date(AT), "Tue, 14 Nov 2023 22:13:20 +0000")
        self.assertEqual(date(0), "Thu, 01 Jan 1970 00:00:00 +0000")

    @given(st.integers(0, 4_102_444_800))
    @bounded
    def test_others_read_it(self, seconds: int) -> None:
        """Another reader finds the same instant in it."""
        moment = email.utils.parsedate_to_datetime(date(seconds * 1_000_000 + 999_999))
        self.assertEqual(moment, datetime.fromtimestamp(seconds, UTC))


class ProtocolTests(SynchronousTestCase):
    def test_words(self) -> None:
        """RFC 3848: each way of coming in has its word."""
        self.assertEqual(protocol(esmtp=False, tls=True), "SMTP")
        self.assertEqual(protocol(), "ESMTP")
        self.assertEqual(protocol(tls=True), "ESMTPS")
        self.assertEqual(protocol(login=True), "ESMTPA")
        self.assertEqual(protocol(tls=True, login=True), "ESMTPSA")
        self.assertEqual(protocol(tls=True, login=True, utf8=True), "UTF8SMTPSA")


class ReceivedTests(SynchronousTestCase):
    """The trace line says what it is given, and no more."""

    def test_anonymous(self) -> None:
        """Neither the client's address nor its HELO name is told unless given."""
        self.assertEqual(
            received("mx.example", ID, "ESMTPSA", AT),
            b"Received: by mx.example with ESMTPSA id 01HF7YAT3VCVS30SW8TMD2KTZB;\r\n"
            b" Tue, 14 Nov 2023 22:13:20 +0000\r\n",
        )

    def test_peer(self) -> None:
        for given_, expected in {
            ("host", "192.0.2.1"): b"from host ([192.0.2.1])",
            ("host", ""): b"from host",
            ("", "192.0.2.1"): b"from unknown ([192.0.2.1])",
            ("my_host (x)", "2001:db8::1"): b"from my_host??x? ([IPv6:2001:db8::1])",
        }.items():
            raw = received("mx.example", ID, "ESMTP", AT, hello=given_[0], address=given_[1])
            self.assertEqual(raw.split(b"\r\n")[0], b"Received: " + expected)

    @given(st.text(max_size=600), st.text(max_size=600))
    @bounded
    def test_harmless(self, hello: str, address: str) -> None:
        """S24: whatever the client called itself, the line is one field with lines that fit."""
        raw = received("mx.example", ID, "ESMTP", AT, hello=hello, address=address)
        self.assertEqual(Message.parse(raw).fields, (("received", raw),))
        self.assertTrue(raw.isascii() and b"\0" not in raw)
        self.assertLessEqual(max(map(len, raw.split(b"\r\n"))), 998)
