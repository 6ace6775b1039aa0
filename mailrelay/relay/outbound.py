"""The scheduler: what is leased to this process goes out, fair between accounts, bounded in number.

Deliveries come from two sides: `take` hands over what was committed a moment ago (the fast path, never read back),
and `looks` claims what waits in the store: deferrals that are due, what was accepted while there was no room, what the
command line released. Whose turn it is `turns` tells. Every delivery stays in `in_hand` until the ledger has settled
it, so leases that nobody holds can be told from ours. What is past its deadline when its turn comes, or when a host is
about to hear of it, ends there. What fails inside before a host was asked is deferred like any other attempt. A
delivery whose settling fails is settled again, never sent again by this process.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..interfaces.bodies import IBodies
from ..interfaces.ledger import ILedger
from ..interfaces.transmitter import ITransmitter
from ..mail.envelope import Capabilities, Delivered, Delivery, Hop, Outcome, Submission
from ..mail.envelope import Deferred as Postponed
from ..mail.message import Message
from ..mail.reply import Refusal, Reply
from ..mail.transcript import bounded
from ..policy.route import trouble
from .down import DownHosts
from .figures import Figures
from .hand import Hand
from .kept import KeptMessages
from .looks import Looks
from .rests import Rests
from .turns import Turns, large

log = Logger()

Compose = Callable[[Message, Delivery, Capabilities], Deferred[bytes]]

#: Our own words for an attempt that something inside kept from any host (RFC 3463 3.4: X.3.0).
INSIDE = Reply(451, "4.3.0", "the message could not be read or sent on its way here")

#: Our own words for one that came to its deadline here (RFC 3463 3.5: X.4.7).
LATE = Reply(451, "4.4.7", "the deadline passed before the message could be delivered")


@dataclass(frozen=True, slots=True)
class OutboundLimits:
    """`concurrency`: deliveries on the wire at once; `in_hand`: leased recipients in memory, besides those of commits
    under way; `claim`: taken from one lane in one round; `poll`: seconds between looks into the store, at least `gap`
    when something falls due earlier; `settle_again`: seconds until a failed settling is repeated; `kept`: octets of
    messages in memory since they were accepted; `large`: octets of large messages read back to be sent at once, unless
    one alone is larger."""

    concurrency: int = 100
    in_hand: int = 2000
    claim: int = 100
    poll: float = 1.0
    gap: float = 0.05
    settle_again: float = 1.0
    kept: int = 64 << 20
    large: int = 48 << 20


#: Seconds for which nothing is claimed after a recall.
RECALL = 1.0

#: Routes that may take over, one after the other, in one attempt.
FALLBACKS = 3


class Outbound:
    """Sends what this process holds the lease of.

    `find_way` fires with the hosts to try for a delivery, best first, or with the outcome when there is no way to any;
    `find_fallback` with those of the route that takes over from one, or None; `down` is told which hosts took no
    session; `reverse_path` names the MAIL FROM of the wire; `settle` carries an outcome into the ledger and fires with
    the instant of the next attempt or 0. `pace` tells by a destination, and how many are on their way there, how many
    seconds the next has to wait.
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
        find_fallback: Callable[[Delivery, str], Deferred[Sequence[Hop] | None]] | None = None,
        down: DownHosts | None = None,
        pace: Callable[[str, int], float] | None = None,
        figures: Figures | None = None,
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
        self._find_fallback = find_fallback
        self._down = down if down is not None else DownHosts(now)
        self._pace = pace
        self._turns = Turns(limits.concurrency)
        self._rests = Rests(now)
        self._kept = KeptMessages(limits.kept)
        self._large: deque[Delivery] = deque()
        self._large_read = 0
        self._late: set[str] = set()
        self._in_hand = Hand(limits.in_hand)
        self._looks = Looks(
            ledger,
            self._in_hand,
            self._enqueue,
            clock=clock,
            now=now,
            poll=limits.poll,
            gap=limits.gap,
            claim=limits.claim,
        )
        self.figures = figures or Figures()
        self._pumping = False
        self._running = False
        self._idle: list[Deferred[None]] = []

    # -- what comes in

    def has_room(self, submission: Submission) -> bool:
        """May its recipients be leased from the start? Not before those that wait in the store, and not where others
        would be left without room."""
        if not self._running:
            return False
        live, priority = submission.live, submission.instructions.priority or 0
        account, hand = submission.account, self._in_hand
        if hand.room(account) < len(live):
            return False
        if len(live) == 1:
            return self._may_pass(account, live[0].destination, priority, 1)
        wanted = Counter(recipient.destination for recipient in live)
        return all(self._may_pass(account, each, priority, number) for each, number in wanted.items())

    def _may_pass(self, account: str, destination: str, priority: int, number: int) -> bool:
        if self._in_hand.room_in(account, destination) < number:
            return False
        return not self._looks.has_left(account, destination, priority)

    @property
    def in_hand(self) -> Collection[str]:
        """Ids of the recipients whose leases this process means to hold."""
        return self._in_hand

    @property
    def on_their_way(self) -> Mapping[str, int]:
        """How many deliveries there are on their way to each destination."""
        return self._turns.to

    def weigh(self, weights: Mapping[str, int]) -> None:
        """Accounts have these weights from now on, or 1."""
        self._turns.weigh(weights)

    def take(self, deliveries: Sequence[Delivery], message: Message | None) -> None:
        """Send what was committed with a lease; `message` is its source, parsed, or None when it is to be read back.
        Without deliveries something was committed without a lease."""
        self.figures.accepted += 1
        if not deliveries:
            self.wake(self._now())
            return
        if message is not None and self._running:
            self._kept.put(deliveries[0].message, message)
        self._enqueue(deliveries)

    def _enqueue(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            self._in_hand.add(delivery)
            self._kept.join(delivery.message)
            self._turns.put(delivery)
            self._rests.put(delivery)
        if self._running:
            self._pump()
        else:  # its commit was under way when we stopped
            self._give_back_unbegun()

    # -- the round

    def start(self) -> None:
        """Begin to send and to look into the store."""
        self._running = True
        self._looks.start()

    def wake(self, due_at: int) -> None:
        """Look into the store when a delivery falls due, if that is before the next look."""
        self._looks.wake(due_at)

    def _pump(self) -> None:
        if self._pumping:
            return  # a delivery that ends at once leads back here: the round that began it goes on, not deeper
        self._pumping = True
        try:
            while (delivery := self._next()) is not None:
                self._turns.begin(delivery)
                self._large_read += _octets(delivery)
                self._send(delivery)
        finally:
            self._pumping = False

    def _next(self) -> Delivery | None:
        """The delivery whose turn it is; a large one for which there is no room stands aside, and no other large one
        passes it."""
        if self._large and self._has_room_for(self._large[0]) and self._turns.active < self._limits.concurrency:
            return self._large.popleft()
        while (delivery := self._turns.next(self._fits)) is not None:
            if not large(delivery) or self._has_room_for(delivery):
                return delivery
            self._large.append(delivery)
        return None

    def _fits(self, delivery: Delivery) -> bool:
        if self._pace is not None:
            destination = delivery.destination
            wait = self._pace(destination, self._turns.to.get(destination, 0))
            if wait > 0:
                self._turns.rest(destination)
                self._rests.begin(destination)
                self._clock.callLater(wait, self._go_on, destination)
                return False
        return not (self._large and large(delivery))

    def _go_on(self, destination: str) -> None:
        self._turns.go_on(destination)
        self._rests.end(destination)
        if self._running:
            self._pump()

    def _has_room_for(self, delivery: Delivery) -> bool:
        return not self._large_read or self._large_read + delivery.size <= self._limits.large

    # -- one delivery: message, way, hosts in turn, outcome; nothing of it raises

    def _send(self, delivery: Delivery) -> None:
        told = delivery, self._now(), self._rests.taken(delivery)
        try:
            attempt = self._attempt(delivery)
        except Exception:
            attempt = fail()
        attempt.addCallbacks(self._attempted, self._not_attempted, told, {}, told, {})

    def _attempt(self, delivery: Delivery) -> Deferred[Outcome]:
        if delivery.expires_at <= self._now():
            self._late.add(delivery.recipient)
            return succeed(self._too_late(""))
        message = self._kept.get(delivery.message)
        if message is not None:
            return self._transmit(message, delivery)
        if large(delivery):  # read only once a host has said that it listens, and kept no longer than needed
            return self._transmit(None, delivery)
        return self._read(delivery).addCallback(self._transmit, delivery)

    def _read(self, delivery: Delivery) -> Deferred[Message]:
        return self._bodies.read(delivery.message).addCallback(Message.parse)

    def _transmit(self, message: Message | None, delivery: Delivery) -> Deferred[Outcome]:
        def compose(capabilities: Capabilities) -> Deferred[bytes]:
            if delivery.expires_at <= self._now():  # the host listens, but has not heard of it yet
                self._late.add(delivery.recipient)
                raise Refusal("expired", rule="deadline")
            if message is None:
                return self._read(delivery).addCallback(self._compose, delivery, capabilities)
            return self._compose(message, delivery, capabilities)

        def found(way: Sequence[Hop] | Outcome) -> Outcome | Deferred[Outcome]:
            if not isinstance(way, Sequence):
                return way
            sender = self._reverse_path(delivery)
            asking = self._ask(list(way), sender, compose, delivery.address)
            if self._find_fallback is not None:
                asking.addCallback(self._fall_back, delivery, sender, compose, ())
            return asking

        return self._find_way(delivery).addCallback(found)

    def _ask(
        self,
        hops: list[Hop],
        sender: str,
        compose: Callable[[Capabilities], Deferred[bytes]],
        address: str,
        told: str = "",
    ) -> Deferred[Outcome]:
        """Ask one host after the other; `told` is what was said to those before."""
        hop = hops.pop(0)

        def answered(outcomes: Sequence[Outcome]) -> Outcome | Deferred[Outcome]:
            outcome = outcomes[0]
            if outcome.held:
                pass  # nobody spoke with the host
            elif not outcome.asked:
                self._down.failed(hop)
            elif self._down:
                self._down.well(hop)
            if told:  # held=0: another host was tried, so it was an attempt
                outcome = replace(outcome, transcript=bounded(f"{told}\n{outcome.transcript}"), held=0)
            if hops and not outcome.asked:
                return self._ask(hops, sender, compose, address, outcome.transcript)
            return outcome

        return self._transmitter.transmit(hop, sender, (address,), compose).addCallback(answered)

    def _fall_back(
        self,
        outcome: Outcome,
        delivery: Delivery,
        sender: str,
        compose: Callable[[Capabilities], Deferred[bytes]],
        left: tuple[str, ...],
    ) -> Outcome | Deferred[Outcome]:
        """Ask the route that takes over, where the attempt failed in a way that it need not share; `left` are the
        routes that were tried before."""
        assert self._find_fallback is not None
        if isinstance(outcome, Delivered) or not (reason := trouble(outcome)) or len(left) >= FALLBACKS:
            return replace(outcome, fallback=_said(left)) if left else outcome
        failed = outcome.route

        def found(way: Sequence[Hop] | None) -> Outcome | Deferred[Outcome]:
            tried = (*left, f"{failed}: {reason}")
            if not way or any(each.startswith(f"{way[0].route}: ") for each in tried):
                return replace(outcome, fallback=_said(left)) if left else outcome
            told = f"{outcome.transcript}\n- {failed} is {reason}, {way[0].route} takes over"
            log.info(
                "route {route} is {reason} for {destination}, {other} takes over",
                route=failed,
                reason=reason,
                destination=delivery.destination,
                other=way[0].route,
            )
            asking = self._ask(list(way), sender, compose, delivery.address, told)
            return asking.addCallback(self._fall_back, delivery, sender, compose, tried)

        return self._find_fallback(delivery, failed).addCallback(found)

    def _not_attempted(self, failure: Failure, delivery: Delivery, begun: int, rested: int) -> None:
        log.failure("delivery {recipient} could not be attempted", failure, recipient=delivery.recipient)
        self._attempted(Postponed(INSIDE, "", self._now(), asked=False), delivery, begun, rested)

    def _too_late(self, host: str) -> Postponed:
        return Postponed(LATE, host, self._now(), asked=False)

    def _attempted(self, outcome: Outcome, delivery: Delivery, begun: int, rested: int) -> None:
        self._turns.end(delivery)
        self._large_read -= _octets(delivery)
        self.figures.ended(outcome)
        if delivery.recipient in self._late:
            self._late.remove(delivery.recipient)
            late = self._too_late(outcome.host)
            outcome = replace(late, route=outcome.route, address=outcome.address, transcript=outcome.transcript)
        outcome = replace(outcome, took=max(outcome.at - begun, 0), throttled=rested)
        self._record(delivery, outcome, again=False)
        self._pump()

    def _record(self, delivery: Delivery, outcome: Outcome, again: bool) -> None:
        try:
            settling = self._settle(delivery, outcome)
        except Exception:
            settling = fail()
        settling.addCallbacks(self._settled, self._unsettled, (delivery,), {}, (delivery, outcome, again))

    def _settled(self, next_due: int, delivery: Delivery) -> None:
        self._forget(delivery)
        if next_due:
            self.wake(next_due)

    def _unsettled(self, failure: Failure, delivery: Delivery, outcome: Outcome, again: bool) -> None:
        if not again:
            recipient = delivery.recipient
            log.failure("delivery {recipient} could not be settled, trying again", failure, recipient=recipient)
        self._clock.callLater(self._limits.settle_again, self._record, delivery, outcome, again=True)

    def _forget(self, delivery: Delivery) -> None:
        self._in_hand.remove(delivery)
        self._kept.leave(delivery.message)
        self._looks.freed(delivery)
        if not self._in_hand and self._idle:
            waiting, self._idle = self._idle, []
            for done in waiting:
                done.callback(None)

    def recall(self) -> Deferred[int]:
        """Give back what has not begun, and claim nothing for a second: somebody wants to change what waits. Fires with
        how many leases went back."""
        self._looks.pause(RECALL)
        return self._give_back_unbegun()

    # -- the end

    def stop_claiming(self) -> Deferred[int]:
        """Take nothing more; give back what has not begun. Fires with how many leases went back."""
        self._running = False
        self._looks.stop()
        return self._give_back_unbegun()

    def _give_back_unbegun(self) -> Deferred[int]:
        unbegun = [*self._turns.clear(), *self._large]
        self._large.clear()
        for delivery in unbegun:
            self._rests.taken(delivery)
            self._forget(delivery)
        giving = self._ledger.release([delivery.recipient for delivery in unbegun])

        def lost(failure: Failure) -> int:
            log.failure("leases could not be given back", failure)
            return 0

        return giving.addErrback(lost)

    def idle(self) -> Deferred[None]:
        """Fires when nothing is in hand any more."""
        if not self._in_hand:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._idle.append(done)
        return done


def _octets(delivery: Delivery) -> int:
    """Those that count against the room for large messages."""
    return delivery.size if large(delivery) else 0


def _said(left: tuple[str, ...]) -> str:
    """Which routes an attempt left, and why, as it is kept with the attempt."""
    return ", ".join(left)
