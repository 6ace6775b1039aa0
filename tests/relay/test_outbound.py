"""The scheduler: fair, bounded, on time, and never twice."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.bodies import IBodies
from mailrelay.interfaces.ledger import ILedger
from mailrelay.interfaces.transmitter import ITransmitter
from mailrelay.mail.envelope import SECOND, Bounced, Capabilities, Delivery, Hop, Outcome, State
from mailrelay.mail.envelope import Deferred as Postponed
from mailrelay.mail.reply import Refusal, Reply
from mailrelay.relay import looks
from mailrelay.relay.outbound import INSIDE, LATE
from mailrelay.relay.turns import LARGE

from .fakes import LATER, NEVER, NOBODY, START, Sent, logged, told
from .scheduling import HOPS, World


class OutboundTests(SynchronousTestCase):
    def world(self, **limits: object) -> World:
        """A world whose scheduler runs."""
        world = World(**limits)
        world.outbound.start()
        return world

    def settled(self, world: World) -> None:
        """Nothing is in hand, in memory, or leased."""
        self.assertEqual((set(world.outbound.in_hand), world.leases(), len(world.outbound._kept)), (set(), set(), 0))
        self.assertEqual(world.outbound._turns.active, 0)
        self.successResultOf(world.outbound.idle())


class SendTests(OutboundTests):
    def test_fakes(self) -> None:
        """What stands in for store and wire is what the borders say."""
        world = World()
        verifyObject(ILedger, world.ledger)
        verifyObject(IBodies, world.bodies)
        verifyObject(ITransmitter, world.transmitter)

    def test_at_once(self) -> None:
        """What was committed with a lease leaves at once, a transaction for each recipient, and is not read back."""
        world = self.world()
        world.outbound._bodies = None  # type: ignore[assignment]
        ids = world.accept("ann", "bob@c.test")
        self.assertEqual([sent.recipient for sent in world.transmitter.sent], ["ann@b.test", "bob@c.test"])
        self.assertEqual([sent.sender for sent in world.transmitter.sent], [f"b-{id}@bounces.test" for id in ids])
        self.assertEqual(set(world.outbound.in_hand), set(ids))
        for sent in world.transmitter.pending:
            self.assertIn(b"\r\nSubject: x\r\n", self.successResultOf(sent.compose(Capabilities())))
            sent.deliver()
        self.assertEqual(world.states(ids), [State.DELIVERED] * 2)
        self.settled(world)

    def test_what_waits_in_the_store(self) -> None:
        """What was accepted without a lease is claimed by the next look, read, and sent as the same octets."""
        world = self.world()
        world.accept("ann", lease=True)
        world.accept("bob", lease=False)
        self.assertEqual(world.transmitter.addressed, ["ann"])
        world.pass_time(1)
        self.assertEqual(world.transmitter.addressed, ["ann", "bob"])
        first, second = (self.successResultOf(sent.compose(Capabilities())) for sent in world.transmitter.sent)
        self.assertEqual(first.partition(b"Date")[0], second.partition(b"Date")[0])

    def test_outcomes(self) -> None:
        """Each recipient ends as its own outcome says; what is deferred comes back when it is due, and only then."""
        world = self.world()
        ids = world.accept("ann", "bob", "eve")
        ann, bob, eve = world.transmitter.pending
        ann.deliver()
        bob.answer(Bounced(NEVER, "mx1.test", START))
        eve.defer()
        self.assertEqual(world.states(ids), [State.DELIVERED, State.BOUNCED, State.DEFERRED])
        self.settled(world)
        world.pass_time(59.9)
        self.assertEqual(len(world.transmitter.sent), 3)
        world.pass_time(0.3)
        self.assertEqual(world.transmitter.addressed[3:], ["eve"])
        world.transmitter.pending[0].deliver()
        self.assertEqual(world.state.recipients[ids[2]].delivery.attempts, 2)
        self.settled(world)

    def test_next_host_only_when_nobody_heard(self) -> None:
        """The next host is asked when the first never heard of the recipient; any answer of one stands (O11)."""
        world = self.world()
        world.accept("ann")
        world.transmitter.pending[0].answer(Postponed(NOBODY, "mx1.test", START, asked=False))
        self.assertEqual([sent.hop for sent in world.transmitter.sent], list(HOPS))
        world.transmitter.pending[0].answer(Postponed(NOBODY, "mx2.test", START, asked=False))
        self.assertEqual(len(world.transmitter.sent), 2)
        self.assertEqual(world.states(), [State.DEFERRED])
        self.settled(world)
        for outcome in (
            Postponed(LATER, "mx1.test", START),
            Postponed(NOBODY, "mx1.test", START),
            Postponed(LATER, "mx1.test", START, uncertain=True),
            Bounced(NEVER, "mx1.test", START),
        ):
            world.accept("bob")
            world.transmitter.pending[-1].answer(outcome)
            self.assertEqual(world.transmitter.pending, [])
        self.assertEqual([sent.hop.host for sent in world.transmitter.sent[2:]], ["mx1.test"] * 4)

    def test_held_back(self) -> None:
        """O18: what no host was asked about is no attempt, and says nothing of the host; it comes back when its time is
        over. Where another host was tried before, it was one."""
        world = self.world()
        (id,) = world.accept("ann")
        for _ in HOPS:
            world.transmitter.pending[0].answer(Postponed(NOBODY, "mx", START, asked=False, held=30))
        kept = world.state.recipients[id].delivery
        self.assertEqual((world.states(), kept.attempts), ([State.QUEUED], 0))
        world.pass_time(29)
        self.assertEqual(len(world.transmitter.pending), 0)
        world.pass_time(10)
        self.assertEqual([sent.hop for sent in world.transmitter.pending], [HOPS[0]])
        world.transmitter.pending[0].answer(Postponed(NOBODY, "mx1", START, asked=False, transcript="no"))
        world.transmitter.pending[0].answer(Postponed(NOBODY, "mx2", START, asked=False, held=30))
        self.assertEqual(world.state.recipients[id].delivery.attempts, 1)
        self.settled(world)

    def test_all_hosts_are_told_of(self) -> None:
        """Several hosts asked in one attempt have one transcript, in their order."""
        world = self.world()
        settled: list[Outcome] = []

        def settle(delivery: Delivery, outcome: Outcome) -> Deferred[int]:
            settled.append(outcome)
            return world.settler.settle(delivery, outcome)

        world.settle = settle  # type: ignore[method-assign]
        world.accept("ann")
        for host in ("mx1", "mx2"):
            world.transmitter.pending[0].answer(Postponed(NOBODY, host, START, asked=False, transcript=f"of {host}"))
        self.assertEqual([outcome.transcript for outcome in settled], ["of mx1\nof mx2"])
        self.settled(world)

    def test_another_route_takes_over(self) -> None:
        """Where a route is down or our address blocked there, its fallback sends in the same attempt, and the record
        says which route was left and why; other refusals stand."""
        other = Hop("other.test", 25, route="other")
        blocked = Bounced(Reply(550, "5.7.1", "Client host blocked"), "mx1.test", START, route="main")
        nobody = Postponed(NOBODY, "mx2.test", START, asked=False, route="main")
        for first, reason, count in ((blocked, "blocked", 1), (nobody, "down", 2)):
            world = self.world()
            settled: list[Outcome] = []

            def settle(
                delivery: Delivery, outcome: Outcome, world: World = world, seen: Any = settled
            ) -> Deferred[int]:
                seen.append(outcome)
                return world.settler.settle(delivery, outcome)

            world.settle = settle  # type: ignore[method-assign]
            world.fallbacks = {"main": (other,), "other": HOPS}
            world.accept("ann")
            for _ in range(count):
                world.transmitter.pending[0].answer(first)
            self.assertEqual(world.transmitter.sent[-1].hop, other)
            world.transmitter.pending[0].deliver()
            self.assertEqual(world.states(), [State.DELIVERED])
            self.assertEqual([each.fallback for each in settled], [f"main: {reason}"])
            self.assertIn(f"main is {reason}, other takes over", settled[0].transcript)
            self.settled(world)

    def test_no_circle(self) -> None:
        """Routes that take over from each other are each tried once in an attempt."""
        world = self.world()
        world.way = (Hop("mx1.test", 25, route="main"),)
        world.fallbacks = {"main": (Hop("other.test", 25, route="other"),), "other": world.way}
        world.accept("ann")
        for route in ("main", "other"):
            world.transmitter.pending[0].answer(Postponed(NOBODY, "h", START, asked=False, route=route))
        self.assertEqual((world.states(), world.transmitter.pending), ([State.DEFERRED], []))
        self.assertEqual(len(world.transmitter.sent), 2)
        self.settled(world)

    def test_no_way(self) -> None:
        """Where there is no way to any host, the outcome that says so is settled and nobody is contacted."""
        world = self.world()
        world.way = Bounced(NEVER, "", START)
        ids = world.accept("ann")
        self.assertEqual((world.states(ids), world.transmitter.sent), ([State.BOUNCED], []))
        self.settled(world)

    def test_slow_way(self) -> None:
        """Finding the way takes as long as it takes; the delivery is in hand meanwhile."""
        world = self.world()
        finding: Deferred[object] = Deferred()
        world.find_way = lambda delivery: finding  # type: ignore[method-assign,assignment,return-value]
        ids = world.accept("ann")
        self.assertEqual((world.transmitter.sent, set(world.outbound.in_hand)), ([], set(ids)))
        finding.callback(HOPS)
        world.transmitter.pending[0].deliver()
        self.settled(world)


class FairnessTests(OutboundTests):
    def test_round_robin(self) -> None:
        """Accounts take turns, however much one of them has; each one's own mail leaves in its order."""
        world = self.world(concurrency=1)
        world.accept(*[f"a{number}" for number in range(5)])
        world.accept("b0", "b1", account="B")
        world.accept("c0", account="C")
        for _ in range(8):
            world.transmitter.pending[0].deliver()
        self.assertEqual(world.transmitter.addressed, ["a0", "a1", "b0", "c0", "a2", "b1", "a3", "a4"])
        self.settled(world)

    def test_concurrency(self) -> None:
        """No more deliveries are on the wire than allowed, and each that ends makes room for one."""
        world = self.world(concurrency=3)
        for account in "ABC":
            world.accept(*[f"{account}{number}" for number in range(10)], account=account)
        for left in range(30, 0, -1):
            self.assertLessEqual(len(world.transmitter.pending), 3)
            self.assertGreaterEqual(len(world.transmitter.pending), min(1, left))
            world.transmitter.pending[0].deliver()
        self.settled(world)

    def test_places_for_others(self) -> None:
        """Whatever one destination or one account has on its way, the next one finds a place at once."""
        world = self.world(concurrency=12)
        world.accept(*[f"dead{number}" for number in range(100)])
        self.assertEqual(len(world.transmitter.pending), 4)
        world.accept(*[f"x@d{number}.test" for number in range(100)])
        self.assertLessEqual(len(world.transmitter.pending), 6)
        world.accept("b0", account="B")
        world.accept("c0", account="C")
        self.assertEqual(world.transmitter.addressed[-2:], ["b0", "c0"])

    def test_weights(self) -> None:
        """An account has as many turns in a row as it weighs, from the moment at which it is told."""
        world = self.world(concurrency=1)
        world.outbound.weigh({"B": 3})
        world.accept(*[f"a{number}" for number in range(4)])
        world.accept(*[f"b{number}" for number in range(6)], account="B")
        for _ in range(10):
            world.transmitter.pending[0].deliver()
        self.assertEqual(world.transmitter.addressed, ["a0", "a1", "b0", "b1", "b2", "a2", "b3", "b4", "b5", "a3"])

    def test_priorities(self) -> None:
        """Of one account the higher priority goes first, whatever waits already; the lower ones keep a share, so that
        nothing waits for ever; the turn of other accounts is not touched by it."""
        world = self.world(concurrency=1)
        for name, priority in (("low", 1), ("normal", 0), ("high", -1)):
            world.accept(*[f"{name}{number}" for number in range(60)], priority=priority)
        world.accept("b0", account="B", priority=1)
        for _ in range(64):
            world.transmitter.pending[0].deliver()
        sent = world.transmitter.addressed
        self.assertEqual(sent[:3], ["low0", "high0", "b0"])
        self.assertEqual(
            [sum(name in each for each in sent[:1] + sent[3:44]) for name in ("high", "normal", "low")], [32, 8, 2]
        )

    def test_destinations_take_turns(self) -> None:
        """Within an account and a priority destinations take turns, each in its order."""
        world = self.world(concurrency=1)
        world.accept("b0@b.test", "b1@b.test", "b2@b.test", "c0@c.test", "c1@c.test")
        for _ in range(5):
            world.transmitter.pending[0].deliver()
        self.assertEqual(world.transmitter.addressed, ["b0", "c0", "b1", "c1", "b2"])

    def test_pace(self) -> None:
        """A destination that has to wait rests without a place, and others go on; it is asked for anew after that."""
        world = self.world(concurrency=4)
        asked: list[tuple[str, int]] = []

        def pace(destination: str, on_their_way: int) -> float:
            asked.append((destination, on_their_way))
            return 2.0 if destination == "slow.test" and world.clock.seconds() < 1 else 0.0

        world.outbound._pace = pace
        world.accept("a@slow.test", "b@slow.test", "c@fast.test")
        self.assertEqual((world.transmitter.addressed, asked), (["c"], [("slow.test", 0), ("fast.test", 0)]))
        world.pass_time(1.9)
        self.assertEqual(world.transmitter.addressed, ["c"])
        world.pass_time(0.2)
        self.assertEqual(world.transmitter.addressed, ["c", "a"])
        for _ in range(2):
            world.transmitter.pending[0].deliver()
        self.assertEqual(world.transmitter.addressed, ["c", "a", "b"])

    def test_in_hand(self) -> None:
        """No more is leased than there is room for, neither on the fast path nor from the queue, and whatever one
        account has in hand, there is room for another's."""
        world = self.world(in_hand=9, concurrency=1, claim=10)
        world.accept("a0", "a1", "a2")
        self.assertEqual(len(world.outbound.in_hand), 3)
        world.accept("a3", "a4")
        world.accept("b0", "b1", account="B")
        self.assertEqual(len(world.outbound.in_hand), 5)
        world.accept(*[f"c{number}" for number in range(9)], account="C")
        self.assertEqual(len(world.outbound.in_hand), 5)
        seen = 0
        while world.transmitter.pending:
            world.pass_time(1.1)
            seen = max(seen, len(world.leases()))
            self.assertEqual(set(world.outbound.in_hand), world.leases())
            world.transmitter.pending[0].deliver()
        self.assertEqual(set(world.states()), {State.DELIVERED})
        self.assertLessEqual(seen, 9)

    def test_a_dead_backlog_leaves_room(self) -> None:
        """A hundred that wait for a host without an answer hold neither all places nor all room in hand: the same
        account's mail to another domain, and another account's, are sent by the next look."""
        world = self.world(in_hand=30, concurrency=10)
        world.accept(*[f"dead{number}@dead.test" for number in range(100)], lease=False)
        world.pass_time(3)
        self.assertEqual({sent.recipient[:4] for sent in world.transmitter.pending}, {"dead"})
        world.accept("ann@c.test", lease=False)
        world.accept("bob@c.test", account="B")
        world.pass_time(1)
        self.assertEqual(sorted(world.transmitter.addressed[-2:]), ["ann", "bob"])

    def test_nothing_passes_what_waits(self) -> None:
        """While more of a lane waits in the store than could be taken, what is accepted for it waits there, too; other
        lanes of the account are not held up by that."""
        world = self.world(in_hand=9, concurrency=3)
        world.accept(*[f"a{number}" for number in range(20)], lease=False)
        world.pass_time(1)
        world.transmitter.pending[0].deliver()
        world.accept("new")
        world.accept("other@c.test")
        self.assertEqual([world.outbound.in_hand.__contains__(id) for id in world.state.recipients][-2:], [False, True])
        while world.transmitter.pending:
            world.transmitter.pending[0].deliver()
            world.pass_time(0.1)
        self.assertEqual(set(world.states()), {State.DELIVERED})
        sent = [name for name in world.transmitter.addressed if name != "other"]
        self.assertEqual(sent[-1], "new")

    def test_more_lanes_than_one_look_sees(self) -> None:
        """However many lanes an account has, one look sees a page of them, the next goes on behind it, and all are
        served; a lane of high priority is seen at once."""
        self.patch(looks, "PAGE", 10)
        world = self.world(in_hand=200)
        world.transmitter.at_once = Sent.deliver
        world.accept(*[f"x@d{number:03}.test" for number in range(95)], lease=False)
        seen: list[int] = []
        lanes = world.ledger.lanes

        def looking(*where: Any) -> Any:
            found = lanes(*where)
            found.addCallback(lambda page: (seen.append(len(page)), page)[1])
            return found

        world.ledger.lanes = looking  # type: ignore[method-assign]
        world.clock.advance(1)
        world.accept("x@e.test", priority=-1, lease=False)
        world.clock.advance(0.05)
        self.assertEqual(world.transmitter.sent[-1].recipient[-6:], "9.test")
        self.assertIn("x@e.test", [sent.recipient for sent in world.transmitter.sent])
        world.pass_time(3)
        self.assertEqual(set(world.states()), {State.DELIVERED})
        self.assertLessEqual(max(seen), 11)

    def test_one_lane_does_not_starve_the_others(self) -> None:
        """A lane with a long backlog gives one round's share and lets the next lane follow (L11)."""
        world = self.world(claim=2)
        world.accept(*[f"a{number}" for number in range(50)], lease=False)
        world.accept("ann@c.test", "b0", account="B", lease=False)
        world.pass_time(1)
        self.assertEqual(sorted(world.transmitter.addressed[:4]), ["a0", "a1", "ann", "b0"])

    def test_deep_queue(self) -> None:
        """A thousand deliveries that all end at once end one after another, not within each other."""
        world = self.world(concurrency=2, in_hand=3000)
        world.transmitter.at_once = Sent.deliver
        world.accept(*[f"a{number}" for number in range(1000)])
        self.assertEqual(set(world.states()), {State.DELIVERED})
        self.settled(world)


class TimeTests(OutboundTests):
    def test_poll(self) -> None:
        """The store is looked into once a second when nothing falls due."""
        world = self.world()
        looks: list[float] = []
        lanes = world.ledger.lanes
        world.ledger.lanes = lambda *where: (looks.append(world.clock.seconds()), lanes(*where))[1]  # type: ignore[method-assign]
        world.pass_time(5)
        self.assertEqual(len(looks), 5)

    def test_backlog(self) -> None:
        """A lane that gave all it may in one round is asked again soon, without waiting for the second to pass."""
        world = self.world(claim=5)
        world.transmitter.at_once = Sent.deliver
        world.accept(*[f"a{number}" for number in range(50)], lease=False)
        world.pass_time(1.6)
        self.assertEqual(set(world.states()), {State.DELIVERED})

    def test_due_between_looks(self) -> None:
        """What falls due between two looks is sent when it does, whether the store or its settling tells of it."""
        world = self.world()
        (id,) = world.accept("ann", lease=False)
        world.state.recipients[id].due_at = START + 1_500_000
        world.pass_time(1.4)
        self.assertEqual(world.transmitter.sent, [])
        world.pass_time(0.2)
        self.assertEqual(len(world.transmitter.sent), 1)
        world.settle = lambda delivery, outcome: succeed(world.now() + SECOND // 4)  # type: ignore[method-assign,assignment]
        world.transmitter.pending[0].defer()
        timer = world.outbound._looks._timer
        assert timer is not None
        self.assertLessEqual(timer.getTime() - world.clock.seconds(), 0.3)

    def test_due_during_a_look(self) -> None:
        """A deferral that is settled while the store is being looked into is not overlooked."""
        world = self.world()
        world.accept("ann")
        world.pass_time(0.5)
        looking: Deferred[list[object]] = Deferred()
        world.ledger.lanes = lambda *where: looking  # type: ignore[method-assign,assignment,return-value]
        world.pass_time(0.5)
        world.settle = lambda delivery, outcome: succeed(world.now() + SECOND // 4)  # type: ignore[method-assign,assignment]
        world.transmitter.pending[0].defer()
        looking.callback([])
        timer = world.outbound._looks._timer
        assert timer is not None
        self.assertLessEqual(timer.getTime() - world.clock.seconds(), 0.3)

    def test_no_haste_without_room(self) -> None:
        """While nothing more may be taken in hand, what is due does not hasten the next look."""
        world = self.world(in_hand=1, concurrency=1)
        world.accept("ann")
        world.accept("bob", lease=False)
        looks: list[float] = []
        lanes = world.ledger.lanes
        world.ledger.lanes = lambda *where: (looks.append(world.clock.seconds()), lanes(*where))[1]  # type: ignore[method-assign]
        world.pass_time(5)
        self.assertEqual(len(looks), 5)

    def test_never_in_a_frenzy(self) -> None:
        """However many fall due one after another, looks keep a distance."""
        world = self.world(gap=0.05)
        looks: list[float] = []
        lanes = world.ledger.lanes
        world.ledger.lanes = lambda *where: (looks.append(world.clock.seconds()), lanes(*where))[1]  # type: ignore[method-assign]
        for number in range(1000):
            world.outbound.wake(world.now() + number * 1000)
            world.clock.advance(0.001)
        self.assertLessEqual(len(looks), 21)


class DeadlineTests(OutboundTests):
    """What is of no use any more is not sent, however late that turns out."""

    def expired(self, world: World, ids: list[str]) -> None:
        self.assertEqual(world.states(ids), [State.EXPIRED])
        self.assertEqual(world.state.recipients[ids[0]].last, str(LATE))
        self.settled(world)

    def test_before_its_turn(self) -> None:
        """A delivery whose deadline passes while it waits for a place ends when its turn comes, and nobody is asked."""
        world = self.world(concurrency=1)
        world.accept("ann")
        ids = world.accept("bob", lifetime=5)
        world.clock.advance(5)
        world.transmitter.pending[0].deliver()
        self.assertEqual(world.transmitter.addressed, ["ann"])
        self.expired(world, ids)

    def test_right_before_mail(self) -> None:
        """One whose deadline passes while a connection is made is not composed: the host never hears of it."""
        world = self.world()
        ids = world.accept("ann", lifetime=5)
        (sent,) = world.transmitter.pending
        world.clock.advance(5)
        self.assertRaises(Refusal, sent.compose, Capabilities())
        sent.answer(Bounced(NEVER, "mx1.test", START))
        self.expired(world, ids)

    def test_at_its_claim(self) -> None:
        """One that waits in the store is not claimed past its deadline."""
        world = self.world(in_hand=1)
        world.accept("ann")
        ids = world.accept("bob", lifetime=5, lease=False)
        world.pass_time(6)
        world.transmitter.pending[0].deliver()
        world.pass_time(1)
        self.assertEqual((world.states(ids), world.transmitter.addressed), ([State.EXPIRED], ["ann"]))


class FaultTests(OutboundTests):
    def inside(self, world: World, ids: list[str]) -> None:
        """The recipient was put off in our own words, logged once, and its lease given back."""
        self.assertEqual(world.states(ids), [State.DEFERRED])
        self.assertEqual(world.state.recipients[ids[0]].last, str(INSIDE))
        self.settled(world)

    def test_unreadable(self) -> None:
        """A source that cannot be read puts its recipient off by the schedule; the rest of its lane flows (D8)."""
        world = self.world()
        (broken,) = world.accept("ann", lease=False)
        del world.state.submissions[world.state.recipients[broken].delivery.message]
        (other,) = world.accept("bob", lease=False)
        world.pass_time(1)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        world.transmitter.pending[0].deliver()
        self.assertEqual(world.states([other]), [State.DELIVERED])
        self.inside(world, [broken])
        world.pass_time(58)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_no_way_to_be_found(self) -> None:
        """A search that fails or raises harms nobody but its delivery, and never the client whose mail was accepted."""
        for fault in (lambda delivery: fail(LookupError("no route")), lambda delivery: {}["route"]):
            world = self.world(concurrency=1)
            world.find_way = fault  # type: ignore[method-assign,assignment]
            self.inside(world, world.accept("ann"))
            self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)
            del world.find_way
            world.accept("bob")
            self.assertEqual(len(world.transmitter.pending), 1)

    def test_transmitter_that_raises(self) -> None:
        """A transmitter that breaks its word counts as an attempt that failed."""
        world = self.world(concurrency=1)
        world.transmitter.at_once = lambda sent: sent.result.errback(RuntimeError("broken"))
        self.inside(world, world.accept("ann"))
        world.transmitter.at_once = None
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_settled_again_never_sent_again(self) -> None:
        """An outcome that the ledger cannot commit is settled until it can, logged once, and not sent again (law 4)."""
        for fault in (lambda *_: fail(OSError(28, "No space left")), lambda *_: 1 // 0):
            world = self.world()
            ids = world.accept("ann")
            settle = world.settle
            world.settle = fault  # type: ignore[method-assign,assignment]
            world.transmitter.pending[0].deliver()
            world.pass_time(5)
            self.assertEqual((set(world.outbound.in_hand), world.leases()), (set(ids), set(ids)))
            self.assertEqual(len(self.flushLoggedErrors(OSError, ZeroDivisionError)), 1)
            world.settle = settle  # type: ignore[method-assign]
            world.pass_time(1)
            self.assertEqual(world.states(ids), [State.DELIVERED])
            self.assertEqual(len(world.transmitter.sent), 1)
            self.settled(world)

    def test_unsettled_makes_room(self) -> None:
        """A delivery that waits for its settling holds no place on the wire."""
        world = self.world(concurrency=1)
        world.accept("ann", "bob")
        world.settle = lambda *_: fail(OSError(5, "Input/output error"))  # type: ignore[method-assign,assignment]
        world.transmitter.pending[0].deliver()
        self.assertEqual(world.transmitter.addressed, ["ann", "bob"])
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_lost_lease(self) -> None:
        """A recipient whose lease was lost meanwhile is forgotten here; nothing of it is settled (law 4)."""
        world = self.world()
        (id,) = world.accept("ann")
        world.state.recipients[id].lease = "N2"
        with logged() as events:
            world.transmitter.pending[0].deliver()
        self.assertIn("possible duplicate", told(events))
        self.assertEqual(world.states([id]), [State.QUEUED])
        self.assertEqual(set(world.outbound.in_hand), set())

    def test_store_that_cannot_be_read(self) -> None:
        """Looks that fail are tried again each second and logged once, until one succeeds."""
        world = self.world()
        lanes = world.ledger.lanes
        for _ in range(2):
            world.ledger.lanes = lambda *where: fail(OSError(5, "Input/output error"))  # type: ignore[method-assign]
            world.pass_time(5)
            self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
            world.ledger.lanes = lanes  # type: ignore[method-assign]
            world.accept("ann", lease=False)
            world.pass_time(1)
            world.transmitter.pending[0].deliver()
            self.settled(world)


class MemoryTests(OutboundTests):
    def test_forgotten_after_the_last(self) -> None:
        """A message is kept for as long as one of its recipients is in hand, over a deferral too."""
        world = self.world(concurrency=1)
        world.accept("ann", "bob")
        world.transmitter.pending[0].defer()
        self.assertEqual(len(world.outbound._kept), 1)
        world.pass_time(61)
        self.assertEqual(len(world.outbound.in_hand), 2)
        world.transmitter.pending[0].deliver()
        self.assertEqual(len(world.outbound._kept), 1)
        world.transmitter.pending[0].deliver()
        self.settled(world)

    def test_bounded(self) -> None:
        """More octets than there is room for are not kept, but read back when their turn comes (L5)."""
        world = self.world(concurrency=1, kept=1500)
        for number in range(3):
            world.accept(f"a{number}", text=f"{number}" * 500)
        self.assertEqual(len(world.outbound._kept), 1)
        for number in range(3):
            (sent,) = world.transmitter.pending
            self.assertIn(b"%d" % number * 500, self.successResultOf(sent.compose(Capabilities())))
            sent.deliver()
        self.settled(world)
        world.accept("again", text="y" * 500)
        self.assertEqual(len(world.outbound._kept), 1)


class StopTests(OutboundTests):
    def test_stop(self) -> None:
        """Stopping gives back what has not begun, lets the rest end, and looks into the store no more (D15)."""
        world = self.world(concurrency=1)
        ids = world.accept("ann", "bob", "eve")
        self.assertEqual(self.successResultOf(world.outbound.stop_claiming()), 2)
        self.assertEqual(world.leases(), {ids[0]})
        idle = world.outbound.idle()
        self.assertNoResult(idle)
        world.transmitter.pending[0].deliver()
        self.successResultOf(idle)
        world.accept("late", lease=False)
        world.pass_time(5)
        self.assertEqual(world.transmitter.addressed, ["ann"])
        self.assertEqual(world.clock.getDelayedCalls(), [])
        self.settled(world)

    def test_commit_that_ends_after_the_stop(self) -> None:
        """What a commit under way brings after the stop is not begun, but given back for the next process."""
        world = self.world()
        self.successResultOf(world.outbound.stop_claiming())
        self.assertFalse(world.outbound.has_room(1))
        world.accept("late", lease=True)
        self.assertEqual((world.transmitter.sent, world.leases()), ([], set()))
        self.settled(world)

    def test_claim_that_ends_after_the_stop(self) -> None:
        """The same for claims, and no further lane is claimed from."""
        world = self.world()
        world.accept("ann", "bob@c.test", lease=False)
        claim, claiming = world.ledger.claim, []
        hand: Deferred[object] = Deferred()

        def slow(*lane: object) -> Deferred[object]:
            claiming.append(lane)
            return claim(*lane).addCallback(lambda found: hand.addCallback(lambda _: found))  # type: ignore[arg-type]

        world.ledger.claim = slow  # type: ignore[method-assign,assignment]
        world.pass_time(1)
        self.successResultOf(world.outbound.stop_claiming())
        hand.callback(None)
        self.assertEqual((len(claiming), world.transmitter.sent, world.leases()), (2, [], set()))
        world.pass_time(2)
        self.assertEqual(len(claiming), 2)
        self.settled(world)

    def test_release_that_fails(self) -> None:
        """Leases that cannot be given back are logged; stopping goes on."""
        world = self.world(concurrency=1)
        world.accept("ann", "bob")
        world.ledger.release = lambda ids: fail(OSError(5, "x"))  # type: ignore[method-assign,assignment]
        self.assertEqual(self.successResultOf(world.outbound.stop_claiming()), 0)
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_idle_from_the_start(self) -> None:
        """Nothing in hand is idle, before the start too."""
        self.successResultOf(World().outbound.idle())


class LargeTests(OutboundTests):
    """Messages that were put away in chunks are read back to be sent, few at a time (L5)."""

    def large(self, world: World, name: str, size: int = LARGE + 1, account: str = "A") -> None:
        world.accept(name, text="x" * (size // 2), account=account)

    def test_read_when_a_host_listens(self) -> None:
        """A large message is read only when a host asks for it, anew each time, and not kept."""
        world = self.world()
        self.large(world, "ann")
        read: list[str] = []
        inner = world.bodies.read

        def reading(id: str) -> Deferred[bytes]:
            read.append(id)
            return inner(id)

        self.patch(world.bodies, "read", reading)
        (sent,) = world.transmitter.pending
        self.assertEqual(read, [])
        octets = [self.successResultOf(sent.compose(Capabilities())) for _ in range(2)]
        self.assertEqual((len(read), octets[0] == octets[1], len(octets[0]) > LARGE), (2, True, True))
        sent.deliver()
        self.settled(world)

    def test_bounded(self) -> None:
        """No more octets are under way than there is room for; small messages pass those that wait, whose account it
        may be."""
        world = self.world(large=3 * LARGE)
        for name in ("one", "two", "three", "four"):
            self.large(world, name)
        world.accept("small")
        self.assertEqual(world.transmitter.addressed, ["one", "two", "small"])
        world.transmitter.pending[0].deliver()
        self.assertEqual(world.transmitter.addressed[3:], ["three"])
        while world.transmitter.pending:
            world.transmitter.pending[0].deliver()
        self.assertEqual(world.transmitter.addressed[4:], ["four"])
        self.assertEqual(world.states(), [State.DELIVERED] * 5)
        self.settled(world)

    def test_larger_than_the_room(self) -> None:
        """One that is larger than all the room goes alone."""
        world = self.world(large=LARGE)
        self.large(world, "one", 4 * LARGE)
        self.large(world, "two")
        self.assertEqual(world.transmitter.addressed, ["one"])
        world.transmitter.pending[0].deliver()
        self.assertEqual(world.transmitter.addressed, ["one", "two"])
        world.transmitter.pending[0].deliver()
        self.settled(world)

    def test_a_failure_frees_the_room(self) -> None:
        """However an attempt ends, the next large one has the room."""
        world = self.world(large=LARGE)
        for name in ("one", "two", "three"):
            self.large(world, name)
        world.transmitter.pending[0].defer()
        world.transmitter.pending[0].answer(Bounced(NEVER, "mx1.test", START))
        self.assertEqual(world.transmitter.addressed, ["one", "two", "three"])

    def test_given_back_at_a_stop(self) -> None:
        """Those that stand aside are given back when we stop, like all that has not begun."""
        world = self.world(large=LARGE)
        for name in ("one", "two", "three"):
            self.large(world, name)
        self.assertEqual(self.successResultOf(world.outbound.stop_claiming()), 2)
        self.assertEqual(len(world.leases()), 1)
        world.transmitter.pending[0].deliver()
        self.settled(world)

    def test_claimed(self) -> None:
        """The same holds for large ones that were claimed."""
        world = self.world(large=LARGE)
        for name in ("one", "two"):
            world.accept(name, text="x" * LARGE, lease=False)
        world.pass_time(1)
        self.assertEqual(world.transmitter.addressed, ["one"])
        world.transmitter.pending[0].deliver()
        self.assertEqual(world.transmitter.addressed, ["one", "two"])
