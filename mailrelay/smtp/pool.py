"""The transmitter: messages to next hops over kept connections, a lane for each way to one host, a gate before each
receiver.

It promises an outcome for each recipient in every case and never fails. An address that could not stand on the wire
is bounced before anything is opened. Closing lets what is under way end, says QUIT, and after `grace` seconds aborts.
It never holds a lane that is empty, and never decides when a deferred message is tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from ..interfaces.transmitter import ITransmitter
from ..mail.envelope import Bounced, Capabilities, Hop, Outcome
from ..mail.envelope import Deferred as Postponed
from ..policy.dane import TRUST_ANCHOR, shown
from ..policy.shaping import Shaping
from .client import Timeouts
from .dial import Connect
from .gate import Gates
from .lane import SHUTTING_DOWN, Key, Lane, Message, Outfit
from .outgoing import BAD_ADDRESS, wire_path
from .trust import PlaintextMemory, Trust


@implementer(ITransmitter)
class Pool:
    """Delivers over pooled connections.

    `hello` is our name for EHLO, printable ASCII without spaces (else `ValueError`: it would be a command of its own);
    `now` gives microseconds since 1970 for the outcomes; `plaintext_memory` is for how many seconds a host whose
    STARTTLS failed is spared the next try, where its rule is "may". `concurrency` and `messages` bound what the rules
    of `shaping` allow to one receiver, and on one connection; without rules they alone hold. `told` hears what came of
    TLS with hops that have a promise: the hop, the fault by RFC 8460 or "", and words for it.
    """

    def __init__(
        self,
        connect: Connect,
        clock: IReactorTime,
        now: Callable[[], int],
        hello: str,
        *,
        trust: Trust | None = None,
        timeouts: Timeouts | None = None,
        concurrency: int = 20,
        messages: int = 100,
        shaping: Shaping | None = None,
        plaintext_memory: float = 3600,
        grace: float = 10,
        told: Callable[[Hop, str, str], None] = lambda hop, fault, reason: None,
    ) -> None:
        if not hello or not all("!" <= letter <= "~" for letter in hello):
            raise ValueError(f"not a name for EHLO: {hello!r}")
        timeouts = timeouts or Timeouts()
        self._outfit = Outfit(
            connect=connect,
            clock=clock,
            now=now,
            hello=hello.encode("ascii"),
            trust=trust or Trust(),
            memory=PlaintextMemory(clock, plaintext_memory),
            limits=timeouts.by_phase(),
            connect_timeout=timeouts.connect,
            left=self._left,
            told=told,
        )
        self._gates = Gates(shaping, clock, concurrency, messages)
        self._grace = grace
        self._lanes: dict[Key, Lane] = {}
        self._closed: list[Deferred[None]] = []
        self._closing = False
        self._last_call: IDelayedCall | None = None

    def transmit(
        self, hop: Hop, sender: str, recipients: Sequence[str], compose: Callable[[Capabilities], Deferred[bytes]]
    ) -> Deferred[Sequence[Outcome]]:
        path = wire_path(sender)
        paths = [wire_path(recipient) if recipient else None for recipient in recipients]
        if path is None or not any(paths):
            bounced = Bounced(BAD_ADDRESS, hop.host, self._outfit.now())
            return succeed([bounced] * len(paths))
        if self._closing:
            return succeed([Postponed(SHUTTING_DOWN, hop.host, self._outfit.now())] * len(paths))
        rule = hop.tls if not hop.tlsa else _proof(hop)
        key = (hop.host, hop.port, rule, hop.username, hop.address, hop.source)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key, self._outfit, self._gates.of(hop))
        message = Message(hop, path, paths, compose)
        held = lane.gate.send(lane, message)
        if held is not None:
            lane.hold_back(message, held)
        return message.result

    @property
    def connections(self) -> int:
        """Connections to all hosts."""
        return sum(lane.connections for lane in self._lanes.values())

    def close(self) -> Deferred[None]:
        closed: Deferred[None] = Deferred()
        self._closed.append(closed)
        if not self._closing:
            self._closing = True
            self._last_call = self._outfit.clock.callLater(self._grace, self._abort)
            for lane, message in self._gates.drain():
                lane.put_off(message)
            for lane in tuple(self._lanes.values()):
                lane.close()
        self._end_when_empty()
        return closed

    def _abort(self) -> None:
        self._last_call = None
        for lane in tuple(self._lanes.values()):
            lane.abort()

    def _left(self, lane: Lane) -> None:
        if self._lanes.get(lane.key) is lane:
            del self._lanes[lane.key]
        self._end_when_empty()

    def _end_when_empty(self) -> None:
        if not self._closing or self._lanes:
            return
        if self._last_call is not None:
            self._last_call.cancel()
            self._last_call = None
        closed, self._closed = self._closed, []
        for waiting in closed:
            waiting.callback(None)


def _proof(hop: Hop) -> str:
    """What a host is held to by DANE: a connection that proved itself by other records, or by the name of another
    recipient's domain, is none for this hop."""
    named = any(record.usage == TRUST_ANCHOR for record in hop.tlsa)
    return " ".join([hop.tls, *map(shown, hop.tlsa), *(hop.names if named else ())])
