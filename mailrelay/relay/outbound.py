"""The scheduler: what is leased to this process goes out, fair between accounts, bounded in number.

Deliveries come from two sides: `take` hands over what was committed a moment ago (the fast path, never read back),
and a poll claims what waits in the store: deferrals that are due, what was accepted while there was no room, what the
command line released. Every delivery stays in `in_hand` until the ledger has settled it, so leases that nobody holds
can be told from ours. A delivery whose settling fails is settled again, never sent again by this process.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..interfaces.bodies import IBodies
from ..interfaces.ledger import ILedger, Lane
from ..interfaces.transmitter import ITransmitter
from ..mail.envelope import SECOND, Capabilities, Delivery, Hop, Outcome
from ..mail.message import Message

log = Logger()

Compose = Callable[[Message, Delivery, Capabilities], Deferred[bytes]]


@dataclass(frozen=True, slots=True)
class OutboundLimits:
    """`concurrency`: deliveries on the wire at once; `in_hand`: leased recipients in memory; `claim`: taken from one
    lane in one round; `poll`: seconds between looks into the store; `settle_again`: seconds until a failed settling is
    repeated."""

    concurrency: int = 20
    in_hand: int = 2000
    claim: int = 100
    poll: float = 1.0
    settle_again: float = 1.0


class Outbound:
    """Sends what this process holds the lease of.

    `find_way` fires with the hosts to try for a delivery, best first, or with the outcome when there is no way to any;
    `reverse_path` names the MAIL FROM of the wire; `settle` carries an outcome into the ledger and fires with the
    instant of the next attempt or 0.
    """

    def __init__(
        self,
        ledger: ILedger,
        bodies: IBodies,
        transmitter: ITransmitter,
        *,
        find_way: Callable[[Delivery], Deferred[Sequence[Hop] | Outcome]],
        reverse_path: Callable[[Delivery], str],
        compose: Compose,
        settle: Callable[[Delivery, Outcome], Deferred[int]],
        clock: IReactorTime,
        now: Callable[[], int],
        limits: OutboundLimits,
    ) -> None:
        self._ledger = ledger
        self._bodies = bodies
        self._transmitter = transmitter
        self._find_way = find_way
        self._reverse_path = reverse_path
        self._compose = compose
        self._settle = settle
        self._clock = clock
        self._now = now
        self._limits = limits
        self._waiting: OrderedDict[str, deque[Delivery]] = OrderedDict()
        self._messages: dict[str, tuple[Message, int]] = {}
        self._in_hand: set[str] = set()
        self._active = 0
        self._pumping = False
        self._running = False
        self._polling = False
        self._timer: IDelayedCall | None = None
        self._idle: list[Deferred[None]] = []

    # -- what comes in

    def has_room(self, recipients: int) -> bool:
        """May so many more recipients be leased from the start?"""
        return self._running and len(self._in_hand) + recipients <= self._limits.in_hand

    @property
    def in_hand(self) -> Collection[str]:
        """Ids of the recipients whose leases this process means to hold."""
        return self._in_hand

    def take(self, deliveries: Sequence[Delivery], message: Message) -> None:
        """Send what was committed with a lease; `message` is its source, parsed."""
        if deliveries:
            self._messages[deliveries[0].message] = (message, len(deliveries))
        self._enqueue(deliveries)

    def _enqueue(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            self._in_hand.add(delivery.recipient)
            self._waiting.setdefault(delivery.account, deque()).append(delivery)
        self._pump()

    # -- the round

    def start(self) -> None:
        """Begin to send and to look into the store."""
        self._running = True
        self._poll()

    def wake(self, due_at: int) -> None:
        """Look into the store when a delivery falls due, if that is before the next look."""
        if not self._running or self._timer is None or not self._timer.active():
            return
        delay = max(0.0, (due_at - self._now()) / SECOND)
        if self._clock.seconds() + delay < self._timer.getTime():
            self._timer.reset(delay)

    def _poll(self) -> None:
        if not self._running or self._polling:
            return
        self._polling = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        done = Deferred.fromCoroutine(self._claim_round())
        done.addErrback(lambda failure: log.failure("looking into the queue failed", failure))
        done.addCallback(self._polled)

    def _polled(self, next_due: int | None) -> None:
        self._polling = False
        if not self._running:
            return
        delay = self._limits.poll
        if next_due is not None:
            delay = min(delay, max(0.0, (next_due - self._now()) / SECOND))
            if not self.has_room(1):
                delay = self._limits.poll
        self._timer = self._clock.callLater(delay, self._poll)

    async def _claim_round(self) -> int | None:
        """Claim from every lane that is due; the instant at which the next one falls due, or None."""
        upcoming: int | None = None
        lanes: Sequence[Lane] = await self._ledger.lanes()
        for lane in lanes:
            room = self._limits.in_hand - len(self._in_hand)
            now = self._now()
            due_at = lane.due_at
            if due_at <= now and room > 0 and self._running:
                limit = min(room, self._limits.claim)
                claimed = await self._ledger.claim(lane, limit, now)
                self._enqueue(claimed)
                if len(claimed) < limit:
                    continue
            upcoming = due_at if upcoming is None else min(upcoming, due_at)
        return upcoming

    def _pump(self) -> None:
        if self._pumping:
            return  # a delivery that ends at once leads back here: the round that began it goes on, not deeper
        self._pumping = True
        try:
            while self._active < self._limits.concurrency and self._waiting:
                account, queue = self._waiting.popitem(last=False)
                delivery = queue.popleft()
                if queue:
                    self._waiting[account] = queue
                self._active += 1
                self._send(delivery)
        finally:
            self._pumping = False

    # -- one delivery

    def _send(self, delivery: Delivery) -> None:
        held = self._messages.get(delivery.message)
        if held is not None:
            self._transmit(held[0], delivery)
            return
        reading = self._bodies.read(delivery.message)
        reading.addCallback(lambda source: self._transmit(Message.parse(source), delivery))
        reading.addErrback(self._failed, delivery)

    def _transmit(self, message: Message, delivery: Delivery) -> None:
        def compose(capabilities: Capabilities) -> Deferred[bytes]:
            return self._compose(message, delivery, capabilities)

        def found(way: Sequence[Hop] | Outcome) -> None:
            if isinstance(way, Sequence):
                self._attempt(list(way), self._reverse_path(delivery), compose, delivery)
            else:
                self._attempted(delivery, way)

        finding = self._find_way(delivery)
        finding.addCallback(found)
        finding.addErrback(self._failed, delivery)

    def _attempt(
        self, hops: list[Hop], sender: str, compose: Callable[[Capabilities], Deferred[bytes]], delivery: Delivery
    ) -> None:
        hop = hops.pop(0)

        def answered(outcomes: Sequence[Outcome]) -> None:
            if hops and not outcomes[0].asked:
                self._attempt(hops, sender, compose, delivery)
            else:
                self._attempted(delivery, outcomes[0])

        attempt = self._transmitter.transmit(hop, sender, (delivery.address,), compose)
        attempt.addCallback(answered)
        attempt.addErrback(self._failed, delivery)

    def _attempted(self, delivery: Delivery, outcome: Outcome) -> None:
        self._active -= 1
        self._record(delivery, outcome)
        self._pump()

    def _failed(self, failure: Failure, delivery: Delivery) -> None:
        """Something inside went wrong before an outcome: logged once, and the lease given back for a later attempt."""
        log.failure("delivery {recipient} could not be attempted", failure, recipient=delivery.recipient)
        self._active -= 1
        self._give_back([delivery])
        self._pump()

    def _record(self, delivery: Delivery, outcome: Outcome) -> None:
        settling = self._settle(delivery, outcome)
        settling.addCallbacks(self._settled, self._unsettled, (delivery,), {}, (delivery, outcome))

    def _settled(self, next_due: int, delivery: Delivery) -> None:
        self._forget(delivery)
        if next_due:
            self.wake(next_due)

    def _unsettled(self, failure: Failure, delivery: Delivery, outcome: Outcome) -> None:
        log.failure("delivery {recipient} could not be settled, trying again", failure, recipient=delivery.recipient)
        self._clock.callLater(self._limits.settle_again, self._record, delivery, outcome)

    def _give_back(self, deliveries: Sequence[Delivery]) -> Deferred[int]:
        for delivery in deliveries:
            self._forget(delivery)
        giving = self._ledger.release([delivery.recipient for delivery in deliveries])

        def lost(failure: Failure) -> int:
            log.failure("leases could not be given back", failure)
            return 0

        giving.addErrback(lost)
        return giving

    def _forget(self, delivery: Delivery) -> None:
        self._in_hand.discard(delivery.recipient)
        held = self._messages.get(delivery.message)
        if held is not None:
            message, users = held
            if users > 1:
                self._messages[delivery.message] = (message, users - 1)
            else:
                del self._messages[delivery.message]
        if not self._in_hand and self._idle:
            waiting, self._idle = self._idle, []
            for done in waiting:
                done.callback(None)

    # -- the end

    def stop_claiming(self) -> Deferred[int]:
        """Take nothing more; give back what has not begun. Fires with how many leases went back."""
        self._running = False
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        unbegun = [delivery for queue in self._waiting.values() for delivery in queue]
        self._waiting.clear()
        return self._give_back(unbegun)

    def idle(self) -> Deferred[None]:
        """Fires when nothing is in hand any more."""
        if not self._in_hand:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._idle.append(done)
        return done
