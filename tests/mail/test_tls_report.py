"""Reports about TLS as documents and as mail (RFC 8460)."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from email import message_from_bytes
from email.message import Message
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.address import Mailbox
from mailrelay.mail.message import Message as Source
from mailrelay.mail.tls_report import Reporting, Session, document, file_name, letter, packed, subject
from mailrelay.mail.wire import wire

WHO = Reporting("Shop Inc.", "tls@shop.test", Mailbox("tls", "shop.test"))
DAY = 20_000  # 2024-10-04
STS = Session("b.test", DAY, "sts", ("version: STSv1", "mode: enforce"), ("*.b.test",))
EXPIRED = replace(STS, result="certificate-expired", host="mx.b.test", address="192.0.2.1", source="198.51.100.7")
DANE = Session("b.test", DAY, "tlsa", ("3 1 1 00ff",), ("mx.b.test",))
NONE = Session("b.test", DAY, "no-policy-found")

words = st.text(max_size=20)
sessions = st.builds(
    Session,
    st.just("b.test"),
    st.just(DAY),
    st.sampled_from(["sts", "tlsa", "no-policy-found"]),
    st.tuples(words),
    st.tuples(words),
    st.sampled_from(["", "certificate-expired", "validation-failure"]),
    words,
    words,
    words,
)


class DocumentTests(SynchronousTestCase):
    def test_whole(self) -> None:
        """Each policy that was met has its sums, and its failures one by one; what is not known is left out."""
        made = document(
            {STS: 5, EXPIRED: 2, replace(EXPIRED, source=""): 1, DANE: 3, NONE: 4}, "b.test", DAY, "ID", WHO
        )
        common = {
            "result-type": "certificate-expired",
            "receiving-mx-hostname": "mx.b.test",
            "receiving-ip": "192.0.2.1",
        }
        self.assertEqual(
            made,
            {
                "organization-name": "Shop Inc.",
                "date-range": {
                    "start-datetime": "2024-10-04T00:00:00Z",
                    "end-datetime": "2024-10-04T23:59:59Z",
                },
                "contact-info": "tls@shop.test",
                "report-id": "ID",
                "policies": [
                    {
                        "policy": {"policy-type": "no-policy-found", "policy-domain": "b.test"},
                        "summary": {"total-successful-session-count": 4, "total-failure-session-count": 0},
                    },
                    {
                        "policy": {
                            "policy-type": "sts",
                            "policy-string": ["version: STSv1", "mode: enforce"],
                            "policy-domain": "b.test",
                            "mx-host": ["*.b.test"],
                        },
                        "summary": {"total-successful-session-count": 5, "total-failure-session-count": 3},
                        "failure-details": [
                            {**common, "failed-session-count": 1},
                            {**common, "sending-mta-ip": "198.51.100.7", "failed-session-count": 2},
                        ],
                    },
                    {
                        "policy": {
                            "policy-type": "tlsa",
                            "policy-string": ["3 1 1 00ff"],
                            "policy-domain": "b.test",
                            "mx-host": ["mx.b.test"],
                        },
                        "summary": {"total-successful-session-count": 3, "total-failure-session-count": 0},
                    },
                ],
            },
        )

    @given(st.dictionaries(sessions, st.integers(1, 10**9), max_size=12))
    def test_sums(self, counted: dict[Session, int]) -> None:
        """Nothing is lost or counted twice; a document is the same whatever came first, and read back as it was."""
        made: dict[str, Any] = document(counted, "b.test", DAY, "ID", WHO)
        found = made["policies"]
        self.assertEqual(len(found), len({(each.kind, each.strings, each.mx) for each in counted}))
        self.assertEqual(
            sum(sum(each["summary"].values()) for each in found),
            sum(counted.values()),
        )
        for each in found:
            details = each.get("failure-details", [])
            failed = sum(detail["failed-session-count"] for detail in details)
            self.assertEqual(failed, each["summary"]["total-failure-session-count"])
        backwards = dict(reversed(list(counted.items())))
        self.assertEqual(packed(document(backwards, "b.test", DAY, "ID", WHO)), packed(made))
        self.assertEqual(json.loads(gzip.decompress(packed(made))), made)


class LetterTests(SynchronousTestCase):
    def letter(self, octets: bytes = b"x" * 100, domain: str = "b.test", to: str = "reports") -> tuple[bytes, Message]:
        made = letter(octets, domain, DAY, "01ID", WHO, Mailbox(to, "c.test"), 20_001 * 86_400_000_000)
        return made, message_from_bytes(made)

    def test_fields(self) -> None:
        """The fields by which receivers know a report, and the document as it was."""
        octets = packed(document({STS: 5}, "b.test", DAY, "ID", WHO))
        _, read = self.letter(octets)
        self.assertEqual((read["From"], read["To"]), ("TLS reports <tls@shop.test>", "<reports@c.test>"))
        self.assertEqual((read["TLS-Report-Domain"], read["TLS-Report-Submitter"]), ("b.test", "shop.test"))
        self.assertEqual(read["Subject"].replace("\r\n", ""), subject("b.test", "01ID", WHO))
        self.assertEqual(read["Auto-Submitted"], "auto-generated")
        self.assertEqual((read.get_content_type(), read.get_param("report-type")), ("multipart/report", "tlsrpt"))
        text, attached = read.get_payload()
        self.assertIn("b.test on 2024-10-04", text.get_payload())  # type: ignore[union-attr]
        self.assertEqual(attached.get_content_type(), "application/tlsrpt+gzip")  # type: ignore[union-attr]
        self.assertEqual(
            attached.get_filename(),  # type: ignore[union-attr]
            "shop.test!b.test!1728000000!1728086399!001.json.gz",
        )
        self.assertEqual(attached.get_payload(decode=True), octets)  # type: ignore[union-attr]

    @given(st.binary(max_size=3000), st.from_regex(r"[a-z0-9-]{1,60}(\.[a-z0-9-]{1,60}){1,3}", fullmatch=True))
    def test_wire_form(self, octets: bytes, domain: str) -> None:
        """A letter is in wire form whatever it carries, and carries it."""
        made, read = self.letter(octets, domain)
        self.assertEqual(wire(Source.parse(made), eight_bit=False), made)
        self.assertEqual(read.get_payload()[1].get_payload(decode=True), octets)  # type: ignore[union-attr]
        self.assertIn(domain, file_name(domain, DAY, WHO))
