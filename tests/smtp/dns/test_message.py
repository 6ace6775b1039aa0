"""Questions and responses as octets."""

from __future__ import annotations

from typing import Any

import dns.flags
import dns.message
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.answer import Answer, Kind, MailExchange
from mailrelay.smtp.dns.message import PAYLOAD, Question, Response, read
from tests.examples import at_most

from .answering import SOA, respond

MX = "shop.example. 600 IN MX 10 mx.shop.example."


def read_response(*records: str, kind: Kind = "MX", name: str = "shop.example", **options: Any) -> Response | None:
    question = Question(name, kind, 4711)
    return read(question, respond(question.encode(), *records, **options))


def answer(*records: str, **options: Any) -> Answer:
    response = read_response(*records, **options)
    assert response is not None
    return response.answer


class QuestionTests(SynchronousTestCase):
    """What goes out."""

    def test_query(self) -> None:
        """One question with recursion and AD desired, by EDNS with a size that comes through whole, under our id."""
        query = dns.message.from_wire(Question("shop.example", "MX", 4711).encode())
        self.assertEqual((query.id, query.edns, query.payload), (4711, 0, PAYLOAD))
        self.assertEqual(query.flags, dns.flags.RD | dns.flags.AD)
        self.assertEqual([str(each) for each in query.question], ["shop.example. IN MX"])

    def test_unaskable(self) -> None:
        """A name that cannot stand in a query is a `ValueError`."""
        for name in ("a" * 64, "a..b", ".".join(["a" * 63] * 5)):
            self.assertRaises(ValueError, Question(name, "A", 1).encode)


class ResponseTests(SynchronousTestCase):
    """What is read."""

    def test_records(self) -> None:
        """Records as values, names in lower case without the last dot, the root as ""."""
        self.assertEqual(
            set(answer("shop.example. 600 IN MX 10 MX.Shop.Example.", "shop.example. 600 IN MX 0 .").records),
            {MailExchange(10, "mx.shop.example"), MailExchange(0, "")},
        )
        self.assertEqual(answer("shop.example. 1 IN A 192.0.2.1", kind="A").records, ("192.0.2.1",))
        self.assertEqual(answer("shop.example. 1 IN AAAA 2001:DB8::1", kind="AAAA").records, ("2001:db8::1",))

    def test_any_case(self) -> None:
        """A server may write the name in another case."""
        self.assertEqual(len(answer("SHOP.example. 1 IN A 192.0.2.1", kind="A").records), 1)

    def test_codes(self) -> None:
        """The code is kept, and with it whether anything is known."""
        for rcode, known in (("NXDOMAIN", True), ("SERVFAIL", False), ("REFUSED", False), ("NOTIMP", False)):
            found = answer(rcode=rcode)
            self.assertEqual((found.records, found.rcode, found.known), ((), rcode, known))

    def test_authenticated(self) -> None:
        """The AD bit is kept."""
        self.assertTrue(answer(MX, flags=dns.flags.AD).authenticated)
        self.assertFalse(answer(MX).authenticated)

    def test_ttl(self) -> None:
        """An answer holds as long as the shortest-lived record that led to it."""
        self.assertEqual(answer(MX).ttl, 600)
        self.assertEqual(answer("shop.example. 60 IN CNAME b.example.", "b.example. 600 IN MX 1 c.example.").ttl, 60)
        self.assertEqual(answer("shop.example. 600 IN CNAME b.example.", "b.example. 60 IN MX 1 c.example.").ttl, 60)

    def test_ttl_of_nothing(self) -> None:
        """That there is nothing holds as long as the SOA says (RFC 2308 5); without SOA it does not hold."""
        for rcode in ("NOERROR", "NXDOMAIN"):
            self.assertEqual(answer(rcode=rcode, authority=[SOA]).ttl, 300)
            self.assertEqual(answer(rcode=rcode, authority=[SOA.replace(" 600 ", " 60 ")]).ttl, 60)
        self.assertEqual(answer(rcode="NXDOMAIN").ttl, 0)

    def test_alias(self) -> None:
        """Aliases are followed within a response; where it ends short, the next name to ask for is told."""
        chain = ("shop.example. 60 IN CNAME b.example.", "b.example. 60 IN CNAME c.example.")
        complete = read_response(*chain, "c.example. 60 IN MX 1 d.example.")
        assert complete is not None
        self.assertEqual((complete.alias, complete.answer.records), ("", (MailExchange(1, "d.example"),)))
        self.assertEqual(complete.answer.name, "c.example")
        short = read_response(*chain)
        assert short is not None
        self.assertEqual((short.alias, short.answer.records), ("c.example", ()))

    def test_alias_to_nothing(self) -> None:
        """An alias to a name without such records, or to no name at all, is an answer."""
        alias = "shop.example. 60 IN CNAME b.example."
        for rcode in ("NOERROR", "NXDOMAIN"):
            response = read_response(alias, rcode=rcode, authority=[SOA])
            assert response is not None
            self.assertEqual((response.alias, response.answer), ("", Answer((), rcode, False, 60)))

    def test_unrelated(self) -> None:
        """Records of other names and kinds are none of the answer."""
        self.assertEqual(answer("evil.example. 1 IN MX 1 evil.example.", "shop.example. 1 IN A 192.0.2.1").records, ())

    def test_referral(self) -> None:
        """A server that only knows others is lame."""
        response = read_response(authority=["shop.example. 600 IN NS ns.example."])
        assert response is not None
        self.assertTrue(response.referral)
        denied = read_response(authority=[SOA])
        assert denied is not None
        self.assertFalse(denied.referral)

    def test_truncated(self) -> None:
        """Of a truncated response nothing is believed."""
        response = read_response(MX, flags=dns.flags.TC)
        assert response is not None
        self.assertEqual((response.truncated, response.answer.records), (True, ()))

    def test_not_ours(self) -> None:
        """Another id, another name, another kind, a query, or no question at all, is no response."""
        self.assertIsNone(read_response(MX, id=4712))
        self.assertIsNone(read_response(MX, question=False))
        ours = Question("shop.example", "MX", 4711)
        for other in (Question("other.example", "MX", 4711), Question("shop.example", "A", 4711)):
            self.assertIsNone(read(ours, respond(other.encode())))
        self.assertIsNone(read(ours, ours.encode()))

    def test_question_not_read(self) -> None:
        """A server that could not read the question may leave it out."""
        response = read_response(rcode="FORMERR", question=False)
        assert response is not None
        self.assertEqual(response.answer.rcode, "FORMERR")


class AnyOctetsTests(SynchronousTestCase):
    """Whatever comes in."""

    @at_most(200)
    @given(st.binary(max_size=200))
    def test_garbage(self, octets: bytes) -> None:
        """Octets are a response or not; nothing else happens."""
        read(Question("shop.example", "MX", 4711), octets)

    @at_most(300)
    @given(st.data())
    def test_mangled(self, data: st.DataObject) -> None:
        """The same for a good response in which octets were changed or cut off."""
        question = Question("shop.example", "MX", 4711)
        octets = bytearray(respond(question.encode(), MX, authority=[SOA]))
        for _ in range(data.draw(st.integers(1, 4))):
            octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
        read(question, bytes(octets[: data.draw(st.integers(0, len(octets)))]))
