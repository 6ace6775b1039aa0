"""Parameters of structured fields in every way they are written (RFC 2045 5.1, RFC 2231, RFC 2047)."""

from __future__ import annotations

import time
from email.message import EmailMessage
from email.policy import SMTP

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.message import Message
from mailrelay.mail.parameters import MAX_PARAMETERS, parameter, parameters, with_parameter, word

from .bounded import bounded


class ParameterTests(SynchronousTestCase):
    """A parameter has one reading, however it was written."""

    def test_ways(self) -> None:
        for value, expected in {
            b"attachment; filename=a.pdf": "a.pdf",
            b'attachment; FileName = "a \\"b\\"; c.pdf" ; x=y': 'a "b"; c.pdf',
            b"attachment; filename=a b.pdf; size=1": "a b.pdf",
            b'attachment; filename="=?utf-8?b?w6k=?=.pdf"': "é.pdf",
            b"attachment; filename==?koi8-r?q?=D3?=": "с",
            b'attachment; filename="\xc3\xa9"': "é",
            b'attachment; filename="\xe9"': "é",
            b"attachment; filename*=utf-8''%C3%A9%20.pdf": "é .pdf",
            b"attachment; filename*=koi8-r'ru'%D3": "с",
            b"attachment; filename=plain; filename*=utf-8''better": "better",
            b"attachment; filename*0=one; filename*1=two; filename*3=four": "onetwo",
            b"attachment; filename*1=two; filename*0*=utf-8''%C3%A9; filename*2*=%21": "étwo!",
            b"attachment; filename*0*=none%C3%A9": "noneé",
            b"attachment; filename*=unknown''%C3%A9": "é",
            b"attachment; filename*=a=b%": "a=b",
            # M7: a number too large, or with a zero before it, is none
            b"attachment; filename*999999=x; filename*00=y; filename*0**=z": "",
            b"attachment; filename*1=x": "",
            b"attachment; filenames=x; xfilename=y": "",
            b"attachment": "",
            b"": "",
            b"attachment; filename": "",
            b"attachment; filename=a\0b": "a b",
            b"attachment; filename*=utf-8''a%0D%0Ab": "a b",
        }.items():
            with self.subTest(value=value):
                self.assertEqual(parameter(value, "filename"), expected)

    @given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=60))
    @bounded
    def test_another_writer(self, name: str) -> None:
        """What the standard library writes as a file name is read as that."""
        written = EmailMessage(policy=SMTP)
        written.add_attachment(b"x", maintype="application", subtype="x", filename=name)
        read = Message.parse(written.as_bytes())
        part = read.get("content-disposition") or Message.parse(read.body.split(b"\r\n", 1)[1]).get(
            "content-disposition"
        )
        self.assertEqual(parameter(part or b"", "filename"), name)

    def test_word(self) -> None:
        for value, expected in {
            b"Attachment; x=y": "attachment",
            b" inline (really) ": "inline",
            b"": "",
            b"; x": "",
        }.items():
            self.assertEqual(word(value), expected)

    def test_bounded(self) -> None:
        """M7: no more parameters are read than anybody writes, and in linear time."""
        value = b"a; " + b"; ".join(b"name*%d=x" % number for number in range(200_000))
        self.assertEqual(len(list(parameters(value))), MAX_PARAMETERS)
        began = time.perf_counter()
        self.assertEqual(parameter(value, "name"), "x" * MAX_PARAMETERS)
        parameter(b'a; name="' + b'\\"' * 1_000_000, "name")
        parameter(b"a; name*=utf-8''" + b"%" * 1_000_000, "name")
        self.assertLess(time.perf_counter() - began, 5)

    def test_set(self) -> None:
        """One parameter is set, and the others stand as they stood."""
        for value, expected in {
            b"text/plain": b"text/plain; charset=utf-8",
            b"text/plain; ": b"text/plain; charset=utf-8",
            b"text/plain; charset=koi8-r; x=y": b"text/plain; charset=utf-8; x=y",
            b'text/plain;x="a;b";CHARSET="a;b"': b'text/plain;x="a;b";charset=utf-8',
            b"text/plain; charset*=''koi8-r; charset=x": b"text/plain; charset=utf-8; ",
        }.items():
            with self.subTest(value=value):
                self.assertEqual(with_parameter(value, "charset", "utf-8"), expected)
