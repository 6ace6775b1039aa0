"""The delivery status notification (RFC 3464), read by the standard library and by flufl.bounce."""

from __future__ import annotations

import email
from dataclasses import replace
from email.message import Message as Parsed

from flufl.bounce import all_failures
from hypothesis import given
from hypothesis import strategies as st

from mailrelay.mail.address import parse_mailbox
from mailrelay.mail.dsn import MAX_HEADER, Undelivered, report, report_id, status
from mailrelay.mail.envelope import SECOND, State
from mailrelay.mail.trace import date

from .bounded import bounded
from .reading import WireCase, sent

AT = 1_700_000_000 * SECOND
ENDED = AT + 90 * SECOND
BOUNCED = Undelivered(
    message="01HF7YAT3VCVS30SW8TMD2KTZB",
    recipient="01HF7YAT3VCVS30SW8TMD2KTZC",
    sender=parse_mailbox("app@acme.test"),
    address="bob@example.net",
    state=State.BOUNCED,
    reply="550 5.1.1 There is no such mailbox",
    host="mx.example.net",
    arrived_at=AT,
    ended_at=ENDED,
    attempted_at=ENDED,
    source=b"From: app@acme.test\r\nSubject: the order\r\n\r\nsecret body\r\n",
)


def read(undelivered: Undelivered) -> tuple[Parsed, list[Parsed]]:
    """The report as another reader sees it, and its three parts."""
    parsed = email.message_from_bytes(report(undelivered, "relay.example"))
    assert not parsed.defects
    parts = parsed.get_payload()
    assert isinstance(parts, list) and len(parts) == 3, parts
    for part in parsed.walk():
        assert not part.defects, part.defects
    return parsed, [part for part in parts if isinstance(part, Parsed)]


def facts(undelivered: Undelivered) -> dict[str, str]:
    """The fields that the report has about its recipient."""
    _, (_, programs, _) = read(undelivered)
    groups = programs.get_payload()
    assert isinstance(groups, list) and len(groups) == 2, groups
    return {name: str(value) for name, value in groups[1].items()}


class ReportTests(WireCase):
    """What a sender is told."""

    def test_envelope(self) -> None:
        """It comes from the mail system, says that no person wrote it, and is a report of RFC 6522."""
        parsed, (people, programs, header) = read(BOUNCED)
        self.assertEqual(parsed["From"], "Mail Delivery System <MAILER-DAEMON@relay.example>")
        self.assertEqual(parsed["To"], "<app@acme.test>")
        self.assertEqual(parsed["Auto-Submitted"], "auto-replied")
        self.assertEqual(parsed["Date"], date(ENDED))
        self.assertEqual(parsed.get_content_type(), "multipart/report")
        self.assertEqual(parsed.get_param("report-type"), "delivery-status")
        self.assertEqual(people.get_content_type(), "text/plain")
        self.assertEqual(programs.get_content_type(), "message/delivery-status")
        self.assertEqual(header.get_content_type(), "text/rfc822-headers")

    def test_fields(self) -> None:
        """Who reports, when the message arrived, and about the recipient all that is known."""
        _, (_, programs, _) = read(BOUNCED)
        groups = programs.get_payload()
        assert isinstance(groups, list) and isinstance(groups[0], Parsed)
        self.assertEqual(dict(groups[0].items()), {"Reporting-MTA": "dns; relay.example", "Arrival-Date": date(AT)})
        self.assertEqual(
            facts(replace(BOUNCED, original="Bob@Example.NET")),
            {
                "Original-Recipient": "rfc822; Bob@Example.NET",
                "Final-Recipient": "rfc822; bob@example.net",
                "Action": "failed",
                "Status": "5.1.1",
                "Remote-MTA": "dns; mx.example.net",
                "Diagnostic-Code": "smtp; 550 5.1.1 There is no such mailbox",
                "Last-Attempt-Date": date(ENDED),
            },
        )

    def test_what_is_not_known_is_not_said(self) -> None:
        """A recipient that was never tried has no host, no answer and no attempt."""
        found = facts(replace(BOUNCED, state=State.EXPIRED, reply="", host="", attempted_at=0))
        self.assertEqual(found, {"Final-Recipient": "rfc822; bob@example.net", "Action": "failed", "Status": "4.4.7"})

    def test_own_words_are_not_a_hosts(self) -> None:
        """An answer that no host gave is not passed off as one by SMTP."""
        found = facts(replace(BOUNCED, reply="550 5.1.2 There is no domain example.net", host=""))
        self.assertEqual(found["Diagnostic-Code"], "x-mailrelay; 550 5.1.2 There is no domain example.net")
        self.assertNotIn("Remote-MTA", found)

    def test_status(self) -> None:
        """The status is the reply's own, else that of its code, else what the state says."""
        self.assertEqual(status(State.BOUNCED, "552 5.2.2 Full"), "5.2.2")
        self.assertEqual(status(State.BOUNCED, "550 No"), "5.0.0")
        self.assertEqual(status(State.BOUNCED, "550"), "5.0.0")
        self.assertEqual(status(State.EXPIRED, "451 4.3.0 Later"), "4.3.0")
        self.assertEqual(status(State.EXPIRED, "421 Busy"), "4.0.0")
        self.assertEqual(status(State.EXPIRED, ""), "4.4.7")
        self.assertEqual(status(State.SUPPRESSED, "the address is suppressed: complaint"), "5.7.1")
        self.assertEqual(status(State.FAILED, "given up"), "5.0.0")

    def test_what_people_read(self) -> None:
        """The text names the recipient, who said what, and the message's id."""
        _, (people, _, _) = read(BOUNCED)
        text = str(people.get_payload())
        for words in ("<bob@example.net>", "mx.example.net said:", BOUNCED.reply, BOUNCED.message):
            self.assertIn(words, text)
        _, (people, _, _) = read(replace(BOUNCED, state=State.EXPIRED))
        self.assertIn("until its deadline passed", str(people.get_payload()).replace("\r\n", " "))

    def test_only_the_header_goes_back(self) -> None:
        """The header of the message is returned, its body is not."""
        whole = report(BOUNCED, "relay.example")
        self.assertIn(b"Subject: the order\r\n", whole)
        self.assertNotIn(b"secret body", whole)

    def test_a_header_that_is_not_ascii(self) -> None:
        """8-bit octets and lines of any length come back as they were, in 7-bit form."""
        header = "Subject: Größe\r\nX-Long: ".encode() + b"y" * 3000 + b"\r\n"
        undelivered = replace(BOUNCED, source=header + b"\r\nbody")
        _, (_, _, returned) = read(undelivered)
        self.assertEqual(returned.get_payload(decode=True), header)
        self.assert_law(report(undelivered, "relay.example"))
        self.assertTrue(report(undelivered, "relay.example").isascii())

    def test_a_huge_header_is_cut_at_a_line(self) -> None:
        """Of a header beyond the limit whole lines come back."""
        field = b"X-Filler: " + b"z" * 60 + b"\r\n"
        _, (_, _, returned) = read(replace(BOUNCED, source=field * 1000 + b"\r\n"))
        found = returned.get_payload(decode=True)
        assert isinstance(found, bytes)
        self.assertEqual(found.replace(b"\r\n", b"\n"), (field * (MAX_HEADER // len(field))).replace(b"\r\n", b"\n"))

    def test_an_address_beyond_ascii(self) -> None:
        """RFC 6533 3: a recipient whose address is not ASCII is named in ASCII with the type for it."""
        found = facts(replace(BOUNCED, address="jörg+x@example.net"))
        self.assertEqual(found["Final-Recipient"], r"utf-8; j\x{F6}rg\x{2B}x@example.net")

    def test_a_boundary_of_the_message_ends_nothing(self) -> None:
        """A header that holds the report's own boundary is returned whole."""
        id = report_id(BOUNCED.recipient, ENDED)
        header = b"X-Trap: 1\r\n\t--report-%s--\r\n" % id.encode()
        _, (_, _, returned) = read(replace(BOUNCED, source=header + b"\r\n"))
        self.assertIn("X-Trap", str(returned.get_payload()))

    def test_the_id_follows_from_the_end(self) -> None:
        """One end has one report: its id can be told from the recipient and the instant, and no other gets it."""
        self.assertEqual(report_id("R", ENDED), report_id("R", ENDED))
        self.assertNotEqual(report_id("R", ENDED), report_id("S", ENDED))
        self.assertNotEqual(report_id("R", ENDED), report_id("R", ENDED + SECOND))
        self.assertIn(report_id(BOUNCED.recipient, ENDED).encode(), report(BOUNCED, "relay.example"))

    def test_others_take_it_for_a_bounce(self) -> None:
        """flufl.bounce finds the recipient, and that it is over."""
        for undelivered in (BOUNCED, replace(BOUNCED, state=State.EXPIRED, reply="451 Later")):
            found = all_failures(email.message_from_bytes(report(undelivered, "relay.example")))
            self.assertEqual(found, (frozenset(), frozenset({b"bob@example.net"})))

    @given(st.text(max_size=3000), st.text(max_size=100), st.binary(max_size=2000), st.text(max_size=80))
    @bounded
    def test_hostile_words(self, reply: str, host: str, source: bytes, address: str) -> None:
        """I6, S24, H15: whatever a host, a header or an address holds, the report keeps its form: three parts, one
        recipient, no octet beyond ASCII, no line too long, and every hop gets equal octets."""
        undelivered = replace(BOUNCED, reply=reply, host=host, source=source, address=address or "x@y.example")
        whole = report(undelivered, "relay.example")
        self.assertTrue(whole.isascii())
        self.assert_law(whole)
        self.assertEqual(sent(whole), whole)
        found = facts(undelivered)
        self.assertEqual(found["Action"], "failed")
        self.assertLessEqual(
            found.keys(),
            {"Final-Recipient", "Action", "Status", "Remote-MTA", "Diagnostic-Code", "Last-Attempt-Date"},
        )
