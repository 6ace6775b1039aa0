"""Delivery by MX over real sockets: a real authoritative server says where, receiving hosts on loopback take the mail.

Nothing is looked up or contacted outside of loopback. Hosts that never answer cost the one second that is allowed here.
"""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater

from mailrelay.interfaces.resolver import ResolverFailure
from mailrelay.mail.answer import MailExchange
from mailrelay.mail.envelope import Delivered, Delivery, Outcome
from mailrelay.policy.mx import Own
from mailrelay.policy.route import MxRoute, Routes
from mailrelay.relay.compose import compose
from mailrelay.relay.outbound import Outbound, OutboundLimits
from mailrelay.relay.way import Ways
from mailrelay.run.ports import Address, ends_at
from mailrelay.smtp.client import Timeouts
from mailrelay.smtp.dial import connect_by
from mailrelay.smtp.dns import Resolver, exchange_by, servers
from mailrelay.smtp.pool import Pool

from ..relay.scheduling import World
from ..smtp.scripted import ScriptedSink, Step
from .authority import Authority
from .daemon import free_port
from .test_client_wire import SinkProtocol

ONE, TWO, HOLE, RELAY, SIX = "127.0.0.11", "127.0.0.12", "127.0.0.13", "127.0.0.15", "::1"
HASTY = Timeouts(connect=1, banner=5, ehlo=5, mail=5, rcpt=5, data=5, final=5, idle=5, quit=1)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    authority = Authority(tmp_path_factory.mktemp("nsd"))
    authority.start()
    yield authority
    authority.stop()


class Place(World):
    """A scheduler whose ways, resolver and connections are real; `heard` are the messages that each host took."""

    def __init__(self, authority: Authority, allow_private: bool = True) -> None:
        super().__init__()
        self.port = free_port()
        self.heard: dict[str, list[ScriptedSink]] = {}
        self.ports: list[IListeningPort] = []
        self.outcomes: dict[str, Outcome] = {}
        self.resolver = self.make_resolver(authority)
        own = Own(frozenset({"relay.example"}), ends_at([Address(RELAY, self.port)]))
        routes = Routes((MxRoute("mx", self.port, "none", allow_private),), "mx")
        self.pool = Pool(connect_by(reactor), reactor, self.now, "relay.example", timeouts=HASTY, grace=2)  # type: ignore[arg-type]
        self.outbound = Outbound(
            self.ledger,
            self.bodies,
            self.pool,
            find_way=Ways(routes, lambda account, id: succeed(None), self.resolver, own, random.random, self.now).find,
            reverse_path=lambda delivery: "bounce@relay.example",
            compose=lambda *what: succeed(compose(*what, "relay.example")),
            settle=self.settle,
            clock=reactor,  # type: ignore[arg-type]
            now=self.now,
            limits=OutboundLimits(poll=60),
        )
        self.outbound.start()

    def settle(self, delivery: Delivery, outcome: Outcome) -> Deferred[int]:
        self.outcomes[delivery.recipient] = outcome
        return super().settle(delivery, outcome)

    def make_resolver(self, authority: Authority, host: str = "127.0.0.1") -> Resolver:
        asked = servers([host], authority.port)
        return Resolver(asked, exchange_by(reactor, os.urandom), reactor, os.urandom, timeout=0.5)  # type: ignore[arg-type]

    def listen(self, *hosts: str, **script: Step) -> None:
        """Receiving hosts that say what the script says."""
        for host in hosts:
            self.heard[host] = sinks = []
            factory = Sinks(sinks, script)
            self.ports.append(reactor.listenTCP(self.port, factory, interface=host))  # type: ignore[attr-defined]

    async def send(self, *domains: str) -> dict[str, str]:
        """What becomes of a mail to each domain, after one attempt: the state, and the status where not delivered."""
        ids = self.accept(*(f"to@{domain}" for domain in domains))
        await self.outbound.idle()
        return {domain: self.end(id) for domain, id in zip(domains, ids, strict=True)}

    def end(self, id: str) -> str:
        outcome, state = self.outcomes[id], self.state.recipients[id].state
        return state if isinstance(outcome, Delivered) else f"{state} {outcome.reply.status}"

    def took(self) -> dict[str, int]:
        """How many messages each host took."""
        counted = {host: sum(len(sink.messages) for sink in sinks) for host, sinks in self.heard.items()}
        return {host: count for host, count in counted.items() if count}

    async def close(self) -> None:
        await self.outbound.stop_claiming()
        self.resolver.close()
        await self.pool.close()
        for port in self.ports:
            await port.stopListening()
        await deferLater(reactor, 0.01)  # type: ignore[arg-type]


class Sinks(Factory):
    """Makes a sink for each connection."""

    noisy = False

    def __init__(self, sinks: list[ScriptedSink], script: dict[str, Step]) -> None:
        self.sinks = sinks
        self.script = script

    def buildProtocol(self, addr: object) -> SinkProtocol:
        self.sinks.append(ScriptedSink(self.script))
        return SinkProtocol(self.sinks[-1], None)


@pytest.fixture
def place(authority: Authority) -> Iterator[Place]:
    place = Place(authority)
    yield place
    pytest_twisted.blockon(Deferred.fromCoroutine(place.close()))


@pytest.fixture
def hole(place: Place) -> Iterator[None]:
    """A host that takes no connection and refuses none: its queue is full, so that the system drops every SYN."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind((HOLE, place.port))
        full.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((HOLE, place.port))
        yield


@pytest_twisted.ensureDeferred
async def test_answers(place: Place, authority: Authority) -> None:
    """Codes, records and TTLs of a real server come through; 200 records too, over TCP, and IPv6 serves as well."""
    for resolver in (place.resolver, place.make_resolver(authority, "::1")):
        found = await resolver.resolve("two.test", "MX")
        assert set(found.records) == {MailExchange(10, "one.hosts.test"), MailExchange(20, "two.hosts.test")}
        assert (found.rcode, found.authenticated, found.ttl) == ("NOERROR", False, 300)
        assert len((await resolver.resolve("many.test", "MX")).records) == 200
        assert (await resolver.resolve("nowhere.test", "MX")).rcode == "NXDOMAIN"
        assert (await resolver.resolve("void.hosts.test", "A")).records == ()
        assert (await resolver.resolve("mx.broken", "A")).rcode == "SERVFAIL"
        assert (await resolver.resolve("foreign.example", "A")).rcode == "REFUSED"
        for lame in ("below.test", "loop.test"):
            with pytest.raises(ResolverFailure):
                await resolver.resolve(lame, "MX")


@pytest_twisted.ensureDeferred
async def test_by_preference(place: Place) -> None:
    """The preferred exchange gets the mail."""
    place.listen(ONE, TWO)
    assert await place.send("two.test") == {"two.test": "delivered"}
    assert place.took() == {ONE: 1}
    await place.send("swapped.test")
    assert place.took() == {ONE: 1, TWO: 1}


@pytest_twisted.ensureDeferred
async def test_every_shape_of_domain(place: Place) -> None:
    """O12, O13: each shape of a domain has its end: delivered where there is a host, bounced where DNS says that there
    is none, deferred where nobody knows."""
    place.listen(ONE, TWO, SIX)
    expected = {
        "two.test": "delivered",
        "a-only.test": "delivered",
        "alias.test": "delivered",
        "faraway.test": "delivered",
        "mx-alias.test": "delivered",
        "empty.test": "delivered",
        "six.test": "delivered",
        "both.test": "delivered",
        "many.test": "delivered",
        "second.test": "delivered",
        "brief.test": "delivered",
        f"[{ONE}]": "delivered",
        "[IPv6:::1]": "delivered",
        "null.test": "bounced 5.1.10",
        "nowhere.test": "bounced 5.1.2",
        "astray.test": "bounced 5.1.2",
        "bare.test": "bounced 5.1.2",
        "self.test": "bounced 5.4.6",
        "void.test": "deferred 4.4.4",
        "gone.test": "deferred 4.4.4",
        "literal.test": "deferred 4.4.4",
        "loop.test": "deferred 4.4.3",
        "lost.test": "deferred 4.4.3",
        "mx.broken": "deferred 4.4.3",
        "foreign.example": "deferred 4.4.3",
        "below.test": "deferred 4.4.3",
        "dead.test": "deferred 4.4.1",
    }
    assert await place.send(*expected) == expected


@pytest_twisted.ensureDeferred
async def test_private(authority: Authority) -> None:
    """O12: without leave no mail goes to loopback or private addresses, however they are named."""
    place = Place(authority, allow_private=False)
    place.listen(ONE, TWO, SIX)
    domains = ("two.test", "a-only.test", "six.test", f"[{ONE}]", "[IPv6:::1]")
    assert set((await place.send(*domains)).values()) == {"bounced 5.4.4"}
    assert not any(place.heard.values())
    await place.close()


@pytest_twisted.ensureDeferred
async def test_refused_connection(place: Place) -> None:
    """O11: when the first exchange refuses the connection, the second gets the mail in the same attempt."""
    place.listen(TWO)
    assert await place.send("two.test") == {"two.test": "delivered"}
    assert place.took() == {TWO: 1}


@pytest_twisted.ensureDeferred
async def test_black_hole(place: Place, hole: None) -> None:
    """O11: when it drops every packet, the second one gets the mail as soon as the time to connect is over."""
    place.listen(TWO)
    begun = time.monotonic()
    assert await place.send("blackhole.test") == {"blackhole.test": "delivered"}
    assert 0.9 < time.monotonic() - begun < 20
    assert place.took() == {TWO: 1}


@pytest_twisted.ensureDeferred
async def test_all_dead(place: Place, hole: None) -> None:
    """O11: when none can be reached the mail is deferred, and the reply names the host, its address and the reason."""
    assert await place.send("hole.test", "dead.test") == {"hole.test": "deferred 4.4.1", "dead.test": "deferred 4.4.1"}
    replies = {outcome.reply.text for outcome in place.outcomes.values()}
    assert any(f"hole.hosts.test ({HOLE}) port {place.port}" in reply for reply in replies), replies


@pytest.mark.parametrize("greeting", [b"421 4.3.2 busy\r\n", b"454 4.3.0 later\r\n", b"554 5.3.2 no mail here\r\n"])
@pytest_twisted.ensureDeferred
async def test_busy_at_the_door(place: Place, greeting: bytes) -> None:
    """RFC 5321 5.1: a host that turns the session down, before it hears of anybody, gives way to the next one."""
    place.listen(ONE, banner=greeting)
    place.listen(TWO)
    assert await place.send("two.test") == {"two.test": "delivered"}
    assert place.took() == {TWO: 1}


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "dot"])
@pytest.mark.parametrize("reply", [b"450 4.2.0 later\r\n", b"550 5.1.1 nobody\r\n"])
@pytest_twisted.ensureDeferred
async def test_verdict_is_final(place: Place, stage: str, reply: bytes) -> None:
    """What a host says of a recipient or a message stands: no other host is asked for a second opinion."""
    script: dict[str, Any] = {stage: reply}
    place.listen(ONE, **script)
    place.listen(TWO)
    kind = "bounced" if reply.startswith(b"5") else "deferred"
    assert await place.send("two.test") == {"two.test": f"{kind} {reply[4:9].decode()}"}
    assert place.heard[TWO] == []


@pytest_twisted.ensureDeferred
async def test_resolver_down(tmp_path: Path) -> None:
    """O12: while no name server answers mail is deferred, within bounds; when it is back mail flows."""
    authority = Authority(tmp_path)
    place = Place(authority)
    place.listen(ONE)
    assert await place.send("a-only.test") == {"a-only.test": "deferred 4.4.3"}
    authority.start()
    try:
        assert await place.send("alias.test", "brief.test") == {"alias.test": "delivered", "brief.test": "delivered"}
        authority.stop()
        known = {"brief.test": "deferred 4.4.3", "alias.test": "delivered"}
        assert await place.send(*known) == known
        authority.start()
        assert await place.send("second.test") == {"second.test": "delivered"}
    finally:
        authority.stop()
        await place.close()
