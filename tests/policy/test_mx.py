"""From answers of DNS to hosts: every shape that a domain can have, and that work stays bounded (O12, O13)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.answer import Answer, MailExchange
from mailrelay.mail.envelope import Hop
from mailrelay.mail.reply import Reply
from mailrelay.policy.mx import ADDRESSES, EXCHANGES, HOPS, Lookup, Own, direct, exchanges, hops, is_host, is_public
from mailrelay.policy.route import MxRoute

from ..examples import at_most

DOMAIN = "shop.example"
NOWHERE = Own(frozenset(), lambda address, port: False)
HERE = Own(frozenset({"relay.example"}), lambda address, port: (address, port) == ("8.8.4.4", 25))
ROUTE = MxRoute("mx")


def mx(*records: tuple[int, str], rcode: str = "NOERROR") -> Answer:
    return Answer(tuple(MailExchange(*record) for record in records), rcode)


def fixed(*numbers: float) -> object:
    """Chance that is none."""
    return cycle(numbers or (0.5,)).__next__


def found(domain: Mapping[tuple[int, str], Sequence[Lookup | str]]) -> list[tuple[MailExchange, list[Lookup]]]:
    """Exchanges with what was answered for them; an address stands for an answer with it, words for a failure."""
    return [
        (
            MailExchange(*record),
            [Answer((each,)) if isinstance(each, str) and " " not in each else each for each in lookups],
        )
        for record, lookups in domain.items()
    ]


class ExchangeTests(SynchronousTestCase):
    """Which exchanges a domain has."""

    def names(self, answer: Lookup, *chance: float) -> list[str]:
        way = exchanges(DOMAIN, answer, fixed(*chance))  # type: ignore[arg-type]
        assert not isinstance(way, Reply), way
        return [each.exchange for each in way]

    def refusal(self, answer: Lookup) -> str:
        way = exchanges(DOMAIN, answer, fixed())  # type: ignore[arg-type]
        assert isinstance(way, Reply), way
        return f"{way.code} {way.status}"

    def test_by_preference(self) -> None:
        """The lowest preference comes first."""
        self.assertEqual(self.names(mx((20, "b"), (10, "a"), (30, "c"))), ["a", "b", "c"])

    def test_chance_among_equals(self) -> None:
        """Chance orders those of one preference, and only those."""
        answer = mx((10, "a"), (10, "b"), (5, "first"), (20, "last"))
        self.assertEqual(self.names(answer, 0.1, 0.2, 0.9, 0.0), ["first", "a", "b", "last"])
        self.assertEqual(self.names(answer, 0.2, 0.1, 0.9, 0.0), ["first", "b", "a", "last"])

    def test_fallback(self) -> None:
        """A domain that exists without MX is its own exchange (RFC 5321 5.1)."""
        self.assertEqual(self.names(mx()), [DOMAIN])

    def test_null_mx(self) -> None:
        """A null MX is 5.1.10 at once (RFC 7505); beside real exchanges it says nothing."""
        self.assertEqual(self.refusal(mx((0, ""))), "556 5.1.10")
        self.assertEqual(self.names(mx((0, ""), (10, "a"))), ["a"])

    def test_no_such_domain(self) -> None:
        """NXDOMAIN is 5.1.2."""
        self.assertEqual(self.refusal(mx(rcode="NXDOMAIN")), "550 5.1.2")

    def test_unknown(self) -> None:
        """SERVFAIL, REFUSED and a resolver that failed are 4.4.3, whatever stands beside them."""
        for answer in (mx(rcode="SERVFAIL"), mx((10, "a"), rcode="REFUSED"), "nobody answered"):
            self.assertEqual(self.refusal(answer), "451 4.4.3")

    def test_two_hundred(self) -> None:
        """Of 200 exchanges the first few are looked at."""
        answer = mx(*((n, f"mx{n}") for n in reversed(range(200))))
        self.assertEqual(self.names(answer), [f"mx{n}" for n in range(EXCHANGES)])


class HopTests(SynchronousTestCase):
    """Which addresses are tried."""

    def hops(
        self, domain: Mapping[tuple[int, str], Sequence[Lookup | str]], own: Own = NOWHERE, route: MxRoute = ROUTE
    ) -> Sequence[Hop] | Reply:
        return hops(DOMAIN, found(domain), route, own, fixed())  # type: ignore[arg-type]

    def addresses(self, *arguments: object) -> list[tuple[str, str]]:
        way = self.hops(*arguments)  # type: ignore[arg-type]
        assert not isinstance(way, Reply), way
        return [(hop.host, hop.address) for hop in way]

    def refusal(self, *arguments: object) -> Reply:
        way = self.hops(*arguments)  # type: ignore[arg-type]
        assert isinstance(way, Reply), way
        return way

    def test_order(self) -> None:
        """Exchanges keep their order; of one exchange IPv4 comes before IPv6."""
        domain = {(10, "a"): [Answer(("2001:4860::1",)), "8.8.8.8"], (20, "b"): ["9.9.9.9"]}
        self.assertEqual(self.addresses(domain), [("a", "8.8.8.8"), ("a", "2001:4860::1"), ("b", "9.9.9.9")])

    def test_hop(self) -> None:
        """A hop has the exchange's name for TLS, the address to connect to, and port and TLS rule of the route."""
        (hop,) = self.hops({(10, "a"): ["8.8.8.8"]}, NOWHERE, MxRoute("mx", 2525, "verify"))  # type: ignore[misc]
        self.assertEqual(hop, Hop("a", 2525, "verify", address="8.8.8.8"))

    def test_empty(self) -> None:
        """An exchange without address gives way to the next; when none has one, it is 4.4.4."""
        self.assertEqual(self.addresses({(10, "a"): [mx(), mx()], (20, "b"): ["9.9.9.9"]}), [("b", "9.9.9.9")])
        gone = mx(rcode="NXDOMAIN")
        self.assertEqual(self.refusal({(10, "a"): [mx(), mx()], (20, "b"): [gone, gone]}).status, "4.4.4")

    def test_not_a_host(self) -> None:
        """An MX that names an IP address, or what no host is called, names no host; DNS need not be asked for it."""
        for name in ("192.0.2.1", "a b.example", "-a.example", "a-.example", "a..example", "a\\000.example", "10"):
            self.assertFalse(is_host(name), name)
        for name in ("mx.example", "mx_1.example", "xn--mnchen-3ya.example", "1.mx.example", "a"):
            self.assertTrue(is_host(name), name)
        self.assertEqual(self.refusal({(10, "192.0.2.1"): []}).status, "4.4.4")

    def test_domain_without_host(self) -> None:
        """A domain with neither MX nor address is 5.1.2: it takes no mail."""
        self.assertEqual(self.refusal({(0, DOMAIN): [mx(), mx()]}).status, "5.1.2")

    def test_unknown_address(self) -> None:
        """What could not be looked up is 4.4.3 only when nothing else is left."""
        lost = mx(rcode="SERVFAIL")
        self.assertEqual(self.refusal({(10, "a"): [lost, "timed out"]}).status, "4.4.3")
        self.assertEqual(self.refusal({(10, "a"): [mx(), mx()], (20, "b"): ["timed out", mx()]}).status, "4.4.3")
        self.assertEqual(self.addresses({(10, "a"): [lost, lost], (20, "b"): ["9.9.9.9", lost]}), [("b", "9.9.9.9")])

    def test_private(self) -> None:
        """Addresses that are not of the public Internet are passed over; when there are no others, it is 5.4.4."""
        self.assertEqual(self.addresses({(10, "a"): ["10.0.0.1", "8.8.8.8"]}), [("a", "8.8.8.8")])
        reply = self.refusal({(10, "a"): ["127.0.0.1"], (20, "b"): ["::1"]})
        self.assertEqual((reply.code, reply.status), (550, "5.4.4"))
        self.assertIn("127.0.0.1, ::1", reply.text)

    def test_private_allowed(self) -> None:
        """A route may take them."""
        route = MxRoute("mx", allow_private=True)
        self.assertEqual(self.addresses({(10, "a"): ["127.0.0.1", "::1"]}, NOWHERE, route)[0], ("a", "127.0.0.1"))

    def test_loop(self) -> None:
        """Ourselves, by name or by where we listen, and what is preferred no more, are left out (RFC 5321 5.1)."""
        for ours in ("relay.example", "alias.example"):
            address = "8.8.4.4" if ours == "alias.example" else "9.9.9.9"
            domain = {(10, "a"): ["8.8.8.8"], (20, ours): [address], (20, "equal"): ["1.1.1.1"], (30, "b"): ["1.0.0.1"]}
            self.assertEqual(self.addresses(domain, HERE), [("a", "8.8.8.8")])

    def test_loop_at_best(self) -> None:
        """When we are the best exchange there is no way: 5.4.6."""
        self.assertEqual(self.refusal({(10, "relay.example"): [mx()], (20, "b"): ["1.1.1.1"]}, HERE).status, "5.4.6")
        self.assertEqual(self.refusal({(0, DOMAIN): ["8.8.4.4"]}, HERE).status, "5.4.6")

    def test_other_port(self) -> None:
        """Another mail server on our own machine is none of ours."""
        self.assertEqual(self.addresses({(10, "a"): ["8.8.4.4"]}, HERE, MxRoute("mx", 2525)), [("a", "8.8.4.4")])

    def test_bounded(self) -> None:
        """However many addresses there are, no exchange crowds out the next, and an attempt has an end."""
        many = Answer(tuple(f"8.8.8.{n}" for n in range(200)))
        domain = {(n, f"mx{n}"): [many, many] for n in range(EXCHANGES)}
        hosts = [host for host, _ in self.addresses(domain)]
        self.assertEqual(len(hosts), HOPS)
        self.assertEqual(hosts[: ADDRESSES + 1], ["mx0"] * ADDRESSES + ["mx1"])


class LiteralTests(SynchronousTestCase):
    """Recipients at an address literal."""

    def test_direct(self) -> None:
        """The hop is the address itself, IPv4 or IPv6."""
        for domain, address in (("[8.8.8.8]", "8.8.8.8"), ("[IPv6:2001:4860::1]", "2001:4860::1")):
            self.assertEqual(direct(domain, ROUTE, NOWHERE), [Hop(address, 25, "may", address=address)])

    def test_refused(self) -> None:
        """Private addresses are 5.4.4, our own 5.4.6."""
        for domain, status in (("[10.0.0.1]", "5.4.4"), ("[IPv6:fe80::1]", "5.4.4"), ("[8.8.4.4]", "5.4.6")):
            way = direct(domain, ROUTE, HERE)
            assert isinstance(way, Reply)
            self.assertEqual((way.code // 100, way.status), (5, status))


class PublicTests(SynchronousTestCase):
    """What the public Internet routes."""

    def test_special(self) -> None:
        """Nothing that only we, or nobody, can reach; also when it is wrapped in IPv6 (H12)."""
        special = """
            0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 127.9.9.9 169.254.169.254 172.16.0.1 192.0.2.1 192.168.0.1 224.0.0.1
            240.0.0.1 255.255.255.255 :: ::1 fc00::1 fd00:ec2::254 fe80::1 ff02::1 2001:db8::1 ::ffff:10.0.0.1
            ::ffff:127.0.0.1 2002:7f00:1::1 64:ff9b::7f00:1 64:ff9b:1::1 ::127.0.0.1 fec0::1
        """
        for address in special.split():
            self.assertFalse(is_public(address), address)

    def test_public(self) -> None:
        """Hosts of the Internet, also as hosts without IPv4 see them."""
        for address in ("8.8.8.8", "1.1.1.1", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"):
            self.assertTrue(is_public(address), address)


_names = st.sampled_from(["", "a", "b", "relay.example", "192.0.2.1", DOMAIN])
_addresses = st.sampled_from(["8.8.8.8", "9.9.9.9", "8.8.4.4", "127.0.0.1", "2001:4860::1", "::1"])
_codes = st.sampled_from(["NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED"])
_lookups = st.one_of(
    st.builds(lambda found, rcode: Answer(tuple(found), rcode), st.lists(_addresses, max_size=6), _codes),
    st.just("why"),
)
_mx = st.builds(
    lambda found, rcode: Answer(tuple(found), rcode),
    st.lists(st.builds(MailExchange, st.integers(0, 3), _names), max_size=14),
    _codes,
)


class AnyDomainTests(SynchronousTestCase):
    """Whatever DNS says."""

    @at_most(300)
    @given(_mx, st.data())
    def test_always_a_way_or_a_reason(self, answer: Answer, data: st.DataObject) -> None:
        """There are hops, all of them public and none of them ours, or one reply that refuses with a status."""
        chance = lambda: data.draw(st.floats(0, 1, exclude_max=True))  # noqa: E731
        way: object = exchanges(DOMAIN, answer, chance)
        if not isinstance(way, Reply):
            asked = [(each, data.draw(st.lists(_lookups, max_size=2))) for each in way]  # type: ignore[attr-defined]
            way = hops(DOMAIN, asked, ROUTE, HERE, chance)
        if isinstance(way, Reply):
            self.assertIn(way.code // 100, (4, 5))
            self.assertEqual(str(way.code // 100), (way.status or "")[0])
            return
        assert isinstance(way, Sequence)
        self.assertTrue(0 < len(way) <= HOPS)
        for hop in way:
            self.assertTrue(is_public(hop.address))
            self.assertNotEqual(hop.address, "8.8.4.4")
            self.assertNotEqual(hop.host, "relay.example")


class SourceTests(SynchronousTestCase):
    """From which of our own addresses mail leaves by MX."""

    def hops(self, route: MxRoute, *addresses: str, domain: str = DOMAIN) -> Sequence[Hop] | Reply:
        found = [(MailExchange(10, "a"), [Answer(addresses)])]
        return hops(domain, found, route, Own(frozenset(), lambda address, port: False), lambda: 0.9)

    def sources(self, route: MxRoute, *addresses: str, domain: str = DOMAIN) -> list[str]:
        found = self.hops(route, *addresses, domain=domain)
        assert not isinstance(found, Reply), found
        return [hop.source for hop in found]

    def test_system(self) -> None:
        """Without a pool the system chooses."""
        self.assertEqual(self.sources(MxRoute("mx"), "8.8.8.8", "2001:4860::1"), ["", ""])

    def test_for_each_domain(self) -> None:
        """A domain's mail leaves from the same address always; other domains' from others."""
        route = MxRoute("mx", sources=("192.0.2.1", "192.0.2.2", "192.0.2.3"))
        self.assertEqual(len(set(self.sources(route, "8.8.8.8") * 2)), 1)
        self.assertEqual(
            {self.sources(route, "8.8.8.8", domain=f"d{n}.test")[0] for n in range(30)}, set(route.sources)
        )

    def test_rotating(self) -> None:
        """With `rotate` chance has its way."""
        route = MxRoute("mx", sources=("192.0.2.1", "192.0.2.2", "192.0.2.3"), rotate=True)
        self.assertEqual(self.sources(route, "8.8.8.8"), ["192.0.2.3"])

    def test_kind(self) -> None:
        """IPv4 leaves from IPv4 and IPv6 from IPv6; a kind that the pool has not is not reached, and mail waits for
        hosts that have no other."""
        both = MxRoute("mx", sources=("2001:db8::1", "192.0.2.1"))
        self.assertEqual(self.sources(both, "8.8.8.8", "2001:4860::1"), ["192.0.2.1", "2001:db8::1"])
        one = MxRoute("mx", sources=("192.0.2.1",))
        self.assertEqual(self.sources(one, "8.8.8.8", "2001:4860::1"), ["192.0.2.1"])
        for route, address, kind in (
            (one, "2001:4860::1", "IPv4"),
            (MxRoute("mx", sources=("2001:db8::1",)), "8.8.8.8", "IPv6"),
        ):
            reply = self.hops(route, address)
            assert isinstance(reply, Reply)
            self.assertEqual((reply.code, kind in reply.text), (451, True))
