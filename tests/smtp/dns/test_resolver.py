"""The resolver: which servers it asks, what it makes of what they say, and what it remembers (O12)."""

from __future__ import annotations

from itertools import count
from typing import Any

import dns.flags
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.resolver import IResolver, ResolverFailure
from mailrelay.mail.answer import Answer, Kind, MailExchange
from mailrelay.smtp.dns import Resolver
from mailrelay.smtp.dns.resolver import FAILURE, LONGEST, LONGEST_NOTHING
from mailrelay.smtp.dns.servers import Server

from .answering import SOA, FakeExchange

ONE, TWO = Server("192.0.2.1"), Server("192.0.2.2")
MX = "shop.example. 600 IN MX 10 mx.shop.example."
FOUND = (MailExchange(10, "mx.shop.example"),)


class ResolverCase(SynchronousTestCase):
    """A resolver whose servers are the test."""

    servers: tuple[Server, ...] = (ONE,)

    def setUp(self) -> None:
        self.clock = Clock()
        self.exchange = FakeExchange()
        ids = count(1)
        self.resolver = Resolver(self.servers, self.exchange, self.clock, lambda n: next(ids).to_bytes(n, "big"))

    def ask(self, name: str = "shop.example", kind: Kind = "MX") -> Deferred[Answer]:
        return self.resolver.resolve(name, kind)

    def asked(self) -> int:
        return len(self.exchange.asked)

    def answered(self, *records: str, **options: Any) -> Answer:
        """Ask, and have the server answer."""
        result = self.ask()
        self.exchange.last.answer(*records, **options)
        return self.successResultOf(result)

    def failure(self, result: Deferred[Answer]) -> str:
        return str(self.failureResultOf(result, ResolverFailure).value)


class AnswerTests(ResolverCase):
    """One server."""

    def test_interface(self) -> None:
        """It is an `IResolver`."""
        verifyObject(IResolver, self.resolver)

    def test_answer(self) -> None:
        """The records, the code, the AD bit and the TTL come through."""
        self.assertEqual(self.answered(MX, flags=dns.flags.AD), Answer(FOUND, "NOERROR", True, 600))
        self.assertEqual((self.exchange.last.timeout, self.exchange.last.stream), (5, False))

    def test_each_query_has_its_id(self) -> None:
        """Ids come from the chance that is handed in, a new one for each query."""
        self.ask("a.example")
        self.ask("b.example")
        self.assertEqual([each.id for each in self.exchange.asked], [1, 2])

    def test_truncated(self) -> None:
        """A truncated response is asked for again over a connection to the same server."""
        result = self.ask()
        self.exchange.last.answer(flags=dns.flags.TC)
        self.assertTrue(self.exchange.last.stream)
        self.exchange.last.answer(MX)
        self.assertEqual(self.successResultOf(result).records, FOUND)

    def test_truncated_for_ever(self) -> None:
        """A server that truncates over a connection too has given no answer."""
        result = self.ask()
        for _ in range(4):
            self.exchange.last.answer(flags=dns.flags.TC)
        self.assertIn("truncated", self.failure(result))
        self.assertEqual(self.asked(), 4)

    def test_alias_elsewhere(self) -> None:
        """An alias that the response does not follow is asked for; the answer is as good as its weakest part."""
        result = self.ask()
        self.exchange.last.answer("shop.example. 60 IN CNAME b.example.", flags=dns.flags.AD)
        self.assertEqual(self.exchange.last.name, "b.example")
        self.exchange.last.answer("b.example. 600 IN MX 10 mx.shop.example.")
        answer = self.successResultOf(result)
        self.assertEqual((answer, answer.name), (Answer(FOUND, "NOERROR", False, 60), "b.example"))

    def test_alias_loop(self) -> None:
        """Aliases that lead nowhere come to an end."""
        result = self.ask()
        for _ in range(8):
            self.assertNoResult(result)
            here, there = ("b", "shop") if self.exchange.last.name == "b.example" else ("shop", "b")
            self.exchange.last.answer(f"{here}.example. 60 IN CNAME {there}.example.")
        self.assertIn("too many aliases", self.failure(result))

    def test_names(self) -> None:
        """A name is asked for in lower case without a last dot, in whichever way it was given."""
        self.ask("Shop.Example.")
        self.assertEqual(self.exchange.last.name, "shop.example")
        self.ask("shop.example")
        self.assertEqual(self.asked(), 1)

    def test_no_name(self) -> None:
        """What cannot be asked for fails like any question without an answer."""
        self.assertIn("not a name", self.failure(self.ask("a..b")))

    def test_refused_connection(self) -> None:
        """The reason names the server."""
        result = self.ask()
        self.exchange.last.fail(ConnectionRefusedError())
        self.exchange.last.fail(TimeoutError("no response within 5 seconds"))
        self.assertEqual(self.failure(result), "192.0.2.1:53: no response within 5 seconds")

    def test_close(self) -> None:
        """Closing gives up on what is under way, which is no fault of the name and not remembered."""
        first, second = self.ask(), self.ask("b.example")
        self.resolver.close()
        self.assertEqual((self.failure(first), self.failure(second)), ("shutting down",) * 2)
        self.ask()
        self.assertEqual(self.asked(), 3)

    def test_inside_failure(self) -> None:
        """A fault of ours is logged once and looks like any other failure."""
        result = self.ask()
        self.exchange.last.fail(RuntimeError("a bug"))
        self.assertEqual(self.failure(result), "a failure here")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)


class ServersTests(ResolverCase):
    """Several servers."""

    servers = (ONE, TWO)

    def test_silence(self) -> None:
        """A server that is silent gives way to the next; both are asked a second time, and then no more."""
        result = self.ask()
        for server in (ONE, TWO, ONE, TWO):
            self.assertNoResult(result)
            self.assertEqual(self.exchange.last.server, server)
            self.exchange.last.fail(TimeoutError())
        self.failure(result)
        self.assertEqual(self.asked(), 4)

    def test_second_knows(self) -> None:
        """SERVFAIL, REFUSED and lameness of one server are not the last word."""
        for options in ({"rcode": "SERVFAIL"}, {"rcode": "REFUSED"}, {"authority": ["example. 1 IN NS ns.example."]}):
            self.setUp()
            result = self.ask()
            self.exchange.last.answer(**options)
            self.assertEqual(self.exchange.last.server, TWO)
            self.exchange.last.answer(MX)
            self.assertEqual(self.successResultOf(result).records, FOUND)

    def test_nobody_knows(self) -> None:
        """When all refuse, what the last one said is the answer, and none is asked twice."""
        result = self.ask()
        self.exchange.last.answer(rcode="SERVFAIL")
        self.exchange.last.answer(rcode="REFUSED")
        self.assertEqual(self.successResultOf(result).rcode, "REFUSED")
        self.assertEqual(self.asked(), 2)

    def test_silent_one_again(self) -> None:
        """In the second round only those are asked that were silent; a refusal outweighs silence."""
        result = self.ask()
        self.exchange.last.answer(rcode="SERVFAIL")
        self.exchange.last.fail(TimeoutError())
        self.assertEqual(self.exchange.last.server, TWO)
        self.exchange.last.fail(TimeoutError())
        self.assertEqual((self.successResultOf(result).rcode, self.asked()), ("SERVFAIL", 3))

    def test_no_such_name(self) -> None:
        """That there is no such name is the last word."""
        self.assertEqual(self.answered(rcode="NXDOMAIN", authority=[SOA]).rcode, "NXDOMAIN")
        self.assertEqual(self.asked(), 1)


class MemoryTests(ResolverCase):
    """What is asked only once."""

    def asks(self, after: float) -> bool:
        """Is a question put to the server, so many seconds later?"""
        self.clock.advance(after)
        before = self.asked()
        self.ask().addErrback(lambda _: None)
        return self.asked() > before

    def test_ttl(self) -> None:
        """An answer is kept for its TTL."""
        self.answered(MX)
        self.assertFalse(self.asks(599))
        self.assertEqual(self.successResultOf(self.ask()).records, FOUND)
        self.assertTrue(self.asks(1))

    def test_ttl_zero(self) -> None:
        """An answer with a TTL of 0 is not kept (O12)."""
        self.answered(MX.replace("600", "0"))
        self.assertTrue(self.asks(0))

    def test_endless_ttl(self) -> None:
        """No TTL is believed for longer than a day."""
        self.answered(MX.replace("600", "2147483647"))
        self.assertFalse(self.asks(LONGEST - 1))
        self.assertTrue(self.asks(1))

    def test_nothing(self) -> None:
        """That there is nothing is kept as the SOA says, an hour at most (RFC 2308)."""
        for life, kept in ((300, 300), (99_999, LONGEST_NOTHING)):
            self.setUp()
            self.answered(rcode="NXDOMAIN", authority=[SOA.replace(" 600 ", " 99999 ").replace(" 300", f" {life}")])
            self.assertFalse(self.asks(kept - 1))
            self.assertTrue(self.asks(1))

    def test_failure(self) -> None:
        """What nobody could answer is asked again after a few seconds, not before (RFC 9520)."""
        for end in (
            lambda: self.exchange.last.answer(rcode="SERVFAIL"),
            lambda: [self.exchange.last.fail(TimeoutError()) for _ in range(2)],
        ):
            self.setUp()
            self.ask().addErrback(lambda _: None)
            end()
            self.assertFalse(self.asks(FAILURE - 1))
            self.assertTrue(self.asks(1))
            self.exchange.last.answer(MX)
            self.assertEqual(self.successResultOf(self.ask()).records, FOUND)

    def test_shared(self) -> None:
        """A question that is under way is not put a second time; all who asked get the answer."""
        results = [self.ask() for _ in range(20)]
        self.exchange.last.answer(MX)
        self.assertEqual({self.successResultOf(result).records for result in results}, {FOUND})
        self.assertEqual(self.asked(), 1)

    def test_kinds_are_apart(self) -> None:
        """The answer for one kind says nothing of another."""
        self.answered(MX)
        self.ask(kind="A")
        self.assertEqual(self.asked(), 2)

    def test_nothing_left_over(self) -> None:
        """Nothing of a question outlives it."""
        self.answered(MX)
        result = self.ask("b.example")
        self.exchange.last.fail(TimeoutError())
        self.exchange.last.fail(TimeoutError())
        self.failure(result)
        self.assertEqual((self.resolver._waiting, self.resolver._asking), ({}, {}))
