"""The promises of the ledger, asked of the memory twin, of SQLite and of PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.interfaces.directory import TagFacts
from mailrelay.interfaces.ledger import ILedger, Lane
from mailrelay.mail.envelope import SECOND, Delivery, Instructions, Personal, Settlement, State
from mailrelay.mail.reply import Refusal, Reply

from .worlds import HOUR, DatabaseWorld, MemoryWorld, Process, postgres_world, result, sqlite_world, submission


class LedgerLaws:
    """Every law of the ledger that an observer can see."""

    def make(self) -> MemoryWorld | DatabaseWorld:
        raise NotImplementedError

    def setUp(self) -> None:
        self.world = self.make()
        self.process = self.world.start()
        self.account = self.world.account(10)
        self.connection = self.world.connection(self.account)

    def tearDown(self) -> None:
        self.world.stop(self.process)
        for id in self.world.rows(self.account):
            self.world.drop(id)
        self.assertEqual(self.world.audit(), [])
        self.world.close()

    def accept(
        self, addresses: Sequence[str], lease: bool = True, billing: str = "accept", process: Process | None = None
    ) -> tuple[list[str], Sequence[Delivery]]:
        made = submission(self.account, self.connection, addresses, self.world.now, billing=billing)
        deliveries = result((process or self.process).ledger.accept(made, lease))
        return [recipient.id for recipient in made.recipients], deliveries

    def settle(self, recipient: str, state: State, process: Process | None = None, **more: object) -> bool:
        settlement = Settlement(recipient, state, at=self.world.now, **more)  # type: ignore[arg-type]
        return bool(result((process or self.process).ledger.settle(settlement)))

    def claim(self, destination: str = "b.test", limit: int = 10, process: Process | None = None) -> list[str]:
        lane = Lane(self.account, destination, 0)
        found = result((process or self.process).ledger.claim(lane, limit, self.world.now))
        return [delivery.recipient for delivery in found]

    def lanes(self) -> list[Lane]:
        return [lane for lane in result(self.process.ledger.lanes({}, 100)) if lane.account == self.account]

    def state(self, recipient: str) -> State:
        return self.world.rows(self.account)[recipient].state

    def test_interface(self) -> None:
        """The ledger provides its interface."""
        verifyObject(ILedger, self.process.ledger)

    def test_accept_with_a_lease_gives_deliveries_in_order(self) -> None:
        """What is accepted with a lease comes back as deliveries in the order given, and nobody else can claim it."""
        ids, deliveries = self.accept(["z@b.test", "a@b.test", "m@c.test"])
        self.assertEqual([delivery.recipient for delivery in deliveries], ids)
        self.assertEqual([delivery.address for delivery in deliveries], ["z@b.test", "a@b.test", "m@c.test"])
        self.assertEqual((self.lanes(), self.claim()), ([], []))

    def test_accept_without_a_lease_waits_in_its_lane(self) -> None:
        """What is accepted without a lease waits, one lane for each destination, and is claimed as it was submitted."""
        ids, deliveries = self.accept(["a@b.test", "b@b.test", "c@c.test"], lease=False)
        self.assertEqual(list(deliveries), [])
        self.assertEqual([lane.destination for lane in self.lanes()], ["b.test", "c.test"])
        self.assertEqual(sorted(self.claim()), sorted(ids[:2]))
        self.assertEqual(self.claim("c.test"), ids[2:])
        self.assertEqual(self.lanes(), [])

    def test_accepting_captures_at_once(self) -> None:
        """Billing on accept takes one send for each recipient in the same commit; nothing stays reserved (law 5)."""
        self.accept(["a@b.test", "b@b.test"])
        self.assertEqual(self.world.money(self.account), (8, 0))

    def test_an_attempt_captures_when_it_settles(self) -> None:
        """Billing on the attempt reserves at accept and captures what was delivered, once (law 5)."""
        ids, _ = self.accept(["a@b.test", "b@b.test"], billing="attempt")
        self.assertEqual(self.world.money(self.account), (10, 2))
        self.assertTrue(self.settle(ids[0], State.DELIVERED, charge="capture"))
        self.assertFalse(self.settle(ids[0], State.DELIVERED, charge="capture"))
        self.assertEqual(self.world.money(self.account), (9, 1))
        self.assertTrue(self.settle(ids[1], State.FAILED, charge="release"))
        self.assertEqual(self.world.money(self.account), (9, 0))

    def test_a_final_state_leaves_nothing_reserved(self) -> None:
        """A recipient at its end has no send reserved, whatever the settlement says of money (law 5)."""
        ids, _ = self.accept(["a@b.test"], billing="attempt")
        self.settle(ids[0], State.BOUNCED)
        self.assertEqual(self.world.money(self.account), (10, 0))

    def test_the_balance_is_never_overdrawn(self) -> None:
        """A submission that the balance does not cover is refused whole and leaves nothing behind (laws 2, 5)."""
        self.accept([f"{n}@b.test" for n in range(9)])
        with self.assertRaises(Refusal) as caught:
            self.accept(["a@b.test", "b@b.test"])
        self.assertEqual(caught.exception.key, "balance_short")
        self.assertEqual(len(self.world.rows(self.account)), 9)
        self.accept(["a@b.test"], billing="attempt")
        with self.assertRaises(Refusal):
            self.accept(["b@b.test"])
        self.assertEqual(self.world.money(self.account), (1, 1))

    def rejecting(self, addresses: Sequence[str], lease: bool = True, **more: Any) -> tuple[list[str], list[str]]:
        """Accept for these addresses, of which a@b.test is rejected; gives all ids, and those of the deliveries."""
        made = submission(
            self.account, self.connection, addresses, self.world.now, rejected={"a@b.test": "no room"}, **more
        )
        deliveries = result(self.process.ledger.accept(made, lease))
        return [recipient.id for recipient in made.recipients], [delivery.recipient for delivery in deliveries]

    def test_a_rejected_recipient_is_only_on_record(self) -> None:
        """A recipient rejected after all is suppressed from the start with its reason, never leased, claimed, reserved
        or billed; its fellows are sent."""
        for billing, money in (("accept", (8, 0)), ("attempt", (8, 2))):
            ids, sent = self.rejecting(["b@b.test", "a@b.test", "c@b.test"], billing=billing)
            self.assertEqual(sent, [ids[0], ids[2]])
            seen = self.world.rows(self.account)[ids[1]]
            self.assertEqual((seen.state, seen.lease, seen.reserved, seen.billed), (State.SUPPRESSED, "", 0, 0))
            self.assertEqual(self.world.heard(ids[1]), "no room")
            self.assertEqual(self.world.money(self.account), money)
            self.assertFalse(self.settle(ids[1], State.DELIVERED, charge="capture"))
        ids, _ = self.rejecting(["b@b.test", "a@b.test"], lease=False)
        self.assertEqual(self.claim(), [ids[0]])

    def test_all_may_be_rejected(self) -> None:
        """A submission whose recipients are all rejected is accepted, even by who has nothing left to spend."""
        self.accept([f"{n}@c.test" for n in range(10)])
        ids, sent = self.rejecting(["a@b.test"])
        self.assertEqual((sent, self.state(ids[0]), self.lanes()), ([], State.SUPPRESSED, []))
        with self.assertRaises(Refusal):
            self.rejecting(["a@b.test", "b@b.test"])

    def test_what_is_personal_comes_back(self) -> None:
        """Names, and what is made personal, are the same in a first delivery and in one that is claimed."""
        personal = Personal(opens=True, tags=True, key="K1")
        made = submission(self.account, self.connection, ["ann@b.test"], self.world.now, personal=personal)
        (first,) = result(self.process.ledger.accept(made, True))
        self.assertEqual((first.name, first.personal), ("Ann@B.Test", personal))
        result(self.process.ledger.release([first.recipient]))
        (again,) = result(self.process.ledger.claim(Lane(self.account, "b.test", 0), 1, self.world.now))
        self.assertEqual(again, first)

    def test_tags_are_counted(self) -> None:
        """How many different tags an account has used is known at once, over all its connections; no tag is none."""
        for tag in ("news", "", "news", "alert"):
            made = submission(
                self.account, self.connection, ["a@b.test"], self.world.now, instructions=Instructions(tag=tag)
            )
            result(self.process.ledger.accept(made, True))
            self.connection = self.world.connection(self.account)
        self.assertEqual(self.world.tag(self.account, "news"), TagFacts(2, True))
        self.assertEqual(self.world.tag(self.account, "new"), TagFacts(2, False))
        self.assertEqual(self.world.tag(self.account, "no\0tag"), TagFacts(2, False))
        made = submission(
            self.account, self.connection, ["a@b.test"], self.world.now, instructions=Instructions(tag="new")
        )
        result(self.process.ledger.accept(made, True))
        self.assertEqual(self.world.tag(self.account, "new"), TagFacts(3, True))
        self.assertEqual(self.world.tag(self.world.account(0), "new"), TagFacts(0, False))

    def test_an_unknown_account_is_a_temporary_failure(self) -> None:
        """An account that vanished is an inside failure: temporary, never permanent (law 2)."""
        made = submission("nobody", self.connection, ["a@b.test"], self.world.now)
        with self.assertRaises(Refusal) as caught:
            result(self.process.ledger.accept(made, True))
        self.assertEqual(caught.exception.key, "temporary")

    def test_a_deferral_waits_until_it_is_due(self) -> None:
        """A deferred recipient is claimed again when its instant has come, not before, with its attempts counted."""
        ids, _ = self.accept(["a@b.test"])
        due = self.world.now + 60 * SECOND
        self.settle(ids[0], State.DEFERRED, due_at=due, reply=Reply(451, "4.3.0", "later"))
        self.assertEqual([lane.due_at for lane in self.lanes()], [due])
        self.assertEqual(self.claim(), [])
        self.world.now = due
        lane = Lane(self.account, "b.test", due)
        self.assertEqual([d.attempts for d in result(self.process.ledger.claim(lane, 1, due))], [1])

    def test_an_attempt_that_was_none_is_not_counted(self) -> None:
        """A settlement without an attempt leaves the count of attempts as it is: who waits is queued as before."""
        ids, _ = self.accept(["a@b.test"])
        self.settle(ids[0], State.DEFERRED, due_at=self.world.now, attempted=False)
        row = self.world.rows(self.account)[ids[0]]
        self.assertEqual((row.state, row.attempts), (State.QUEUED, 0))

    def test_held_by_its_settlement(self) -> None:
        """A settlement that says so holds its recipient back: it is not claimed until it is released (O2)."""
        ids, _ = self.accept(["a@b.test", "c@b.test"])
        self.settle(ids[0], State.DEFERRED, due_at=self.world.now, hold=True)
        self.settle(ids[1], State.DEFERRED, due_at=self.world.now)
        self.assertEqual(self.claim(), [ids[1]])

    def test_settling_without_the_lease_changes_nothing(self) -> None:
        """A settlement after the lease was lost says so and moves neither state nor money (law 4)."""
        ids, _ = self.accept(["a@b.test"], billing="attempt")
        other = self.world.start()
        self.assertFalse(self.settle(ids[0], State.DELIVERED, other, charge="capture"))
        self.assertEqual(self.state(ids[0]), State.QUEUED)
        self.assertEqual(self.world.money(self.account), (10, 1))
        self.assertFalse(self.settle("no such recipient", State.DELIVERED))
        self.world.stop(other)

    def test_claims_never_share_a_recipient(self) -> None:
        """Two processes that claim the same lane get different recipients."""
        ids, _ = self.accept([f"{n}@b.test" for n in range(6)], lease=False)
        other = self.world.start()
        mine, theirs = self.claim(limit=3), self.claim(limit=9, process=other)
        self.assertEqual((len(mine), len(theirs)), (3, 3))
        self.assertEqual(sorted(mine + theirs), sorted(ids))
        self.world.stop(other)
        self.assertEqual(len(self.claim()), 3)

    def test_claim_takes_the_earliest_first(self) -> None:
        """Within a lane the earliest instant goes first, and no more than asked for."""
        for step in range(4):
            self.accept([f"{step}@b.test"], lease=False)
            self.world.now += SECOND
        first = self.claim(limit=2)
        rows = self.world.rows(self.account)
        self.assertEqual([rows[id].due_at for id in first], sorted(seen.due_at for seen in rows.values())[:2])

    def test_release_gives_back_what_is_ours(self) -> None:
        """Released recipients wait again, untouched; what is another's stays."""
        ids, _ = self.accept(["a@b.test", "b@b.test"])
        other = self.world.start()
        self.assertEqual(result(other.ledger.release(ids)), 0)
        self.assertEqual(result(self.process.ledger.release([ids[0], "unknown"])), 1)
        self.assertEqual(self.claim(), [ids[0]])
        self.world.stop(other)

    def test_leases_are_those_of_this_process(self) -> None:
        """Each process can tell what it has in hand: what it took and has neither settled nor given back."""
        ids, _ = self.accept(["a@b.test", "b@b.test", "c@b.test"])
        self.accept(["d@b.test"], lease=False)
        other = self.world.start()
        self.assertEqual(set(result(self.process.ledger.leases())), set(ids))
        theirs = self.claim(process=other)
        self.assertEqual((len(theirs), result(other.ledger.leases())), (1, theirs))
        self.settle(ids[0], State.DELIVERED)
        result(self.process.ledger.release([ids[1]]))
        self.assertEqual(list(result(self.process.ledger.leases())), [ids[2]])
        self.world.stop(other)

    def test_a_dead_process_loses_its_leases(self) -> None:
        """After a crash another process takes over what was in hand; what the dead one says later counts for nothing
        (law 4, R7)."""
        ids, _ = self.accept(["a@b.test", "b@b.test"])
        other = self.world.start()
        self.assertEqual(self.world.bury(other), 0)
        self.world.crash(self.process)
        self.assertEqual(self.world.bury(other), 2)
        self.assertEqual(sorted(self.claim(process=other)), sorted(ids))
        self.assertTrue(self.settle(ids[0], State.DELIVERED, other))
        self.process = other

    def test_a_graceful_stop_returns_the_leases(self) -> None:
        """Who leaves holds nothing any more, so a stop makes no duplicate (I2)."""
        ids, _ = self.accept(["a@b.test"])
        other = self.world.start()
        self.world.stop(self.process)
        self.assertEqual(self.claim(process=other), ids)
        self.process = other

    def test_held_recipients_wait_but_expire(self) -> None:
        """A hold keeps a recipient from being claimed and does not stop its deadline (law 3)."""
        ids, _ = self.accept(["a@b.test"], lease=False, billing="attempt")
        self.assertEqual(self.world.hold(ids[0], True), 1)
        self.assertEqual(self.world.hold(ids[0], True), 0)
        self.assertEqual((self.lanes(), self.claim()), ([], []))
        self.world.now += HOUR
        self.assertEqual(result(self.process.ledger.expire(self.world.now)), 1)
        self.assertEqual(self.state(ids[0]), State.EXPIRED)
        self.assertEqual(self.world.money(self.account), (9, 0))

    def test_released_from_hold(self) -> None:
        """A hold that is taken away lets the recipient go on."""
        ids, _ = self.accept(["a@b.test"], lease=False)
        self.world.hold(ids[0], True)
        self.world.hold(ids[0], False)
        self.assertEqual(self.claim(), ids)

    def test_expired_at_the_claim(self) -> None:
        """What is past its deadline when it is claimed expires instead: an error of delivery, which is charged."""
        ids, _ = self.accept(["a@b.test"], lease=False, billing="attempt")
        self.world.now += HOUR
        self.assertEqual(self.claim(), [])
        self.assertEqual(self.state(ids[0]), State.EXPIRED)
        self.assertEqual(self.world.money(self.account), (9, 0))

    def test_a_deadline_not_reached_does_not_expire(self) -> None:
        """Nothing expires before its deadline, and what is in hand is left to its attempt."""
        # what other tests left waiting in the same database
        result(self.process.ledger.expire(self.world.now + HOUR))
        waiting, _ = self.accept(["a@b.test"], lease=False)
        leased, _ = self.accept(["b@b.test"])
        self.world.now += HOUR - 1
        self.assertEqual(result(self.process.ledger.expire(self.world.now)), 0)
        self.world.now += 1
        self.assertEqual(result(self.process.ledger.expire(self.world.now)), 1)
        self.assertEqual((self.state(waiting[0]), self.state(leased[0])), (State.EXPIRED, State.QUEUED))

    def test_suppressed_after_it_was_accepted(self) -> None:
        """An address suppressed meanwhile is not sent to any more: judged again at each claim."""
        ids, _ = self.accept(["A@b.test", "b@b.test"], lease=False, billing="attempt")
        self.world.suppress(self.account, "a@b.test")
        self.assertEqual(self.claim(), [ids[1]])
        self.assertEqual(self.state(ids[0]), State.SUPPRESSED)
        self.assertEqual(self.world.money(self.account), (10, 1))

    def test_refused_meanwhile_for_another(self) -> None:
        """That a host refused the address for another message keeps this one from nothing: it will say so again."""
        self.accept(["a@b.test"])
        ids, _ = self.accept(["a@b.test"], lease=False)
        self.world.suppress(self.account, "a@b.test", "hard_bounce")
        self.assertEqual(self.claim(), ids)

    def test_blocked_after_it_was_accepted(self) -> None:
        """What belongs to a blocked connection stays, and goes on at once when the connection is active again."""
        ids, _ = self.accept(["a@b.test"], lease=False)
        self.world.set_status(self.connection, "blocked")
        self.assertEqual(self.claim(), [])
        self.assertEqual(self.state(ids[0]), State.QUEUED)
        self.assertTrue(all(lane.due_at > self.world.now for lane in self.lanes()))
        self.world.set_status(self.connection, "active")
        self.assertEqual(self.claim(), ids)

    def test_a_blocked_connection_does_not_stop_its_neighbours(self) -> None:
        """In one lane what belongs to an active connection passes what belongs to a blocked one."""
        self.accept(["a@b.test"], lease=False)
        self.world.set_status(self.connection, "blocked")
        self.connection = self.world.connection(self.account)
        ids, _ = self.accept(["b@b.test"], lease=False)
        self.claim(limit=1)
        self.assertEqual(self.claim(limit=1), ids)

    def test_retry_makes_due(self) -> None:
        """A waiting recipient can be made due now; one that is in hand or at its end cannot."""
        ids, _ = self.accept(["a@b.test", "b@b.test"])
        self.settle(ids[0], State.DEFERRED, due_at=self.world.now + HOUR // 2)
        self.assertEqual((self.world.retry(ids[0]), self.world.retry(ids[1])), (1, 0))
        self.assertEqual(self.claim(), [ids[0]])

    def test_drop_ends_as_failed(self) -> None:
        """A dropped recipient fails, which is charged as every error of delivery is; one in hand cannot be dropped."""
        ids, _ = self.accept(["a@b.test"], lease=False, billing="attempt")
        leased, _ = self.accept(["b@b.test"], billing="attempt")
        self.assertEqual((self.world.drop(ids[0]), self.world.drop(leased[0])), (1, 0))
        self.assertEqual(self.state(ids[0]), State.FAILED)
        self.assertEqual(self.world.money(self.account), (9, 1))

    def test_a_full_mailbox_is_remembered(self) -> None:
        """A 4.2.2 or 5.2.2 answer is remembered for that address of that account, another answer is not."""
        ids, _ = self.accept(["A@b.test", "b@b.test"])
        self.settle(ids[0], State.BOUNCED, reply=Reply(552, "5.2.2", "mailbox full"))
        self.settle(ids[1], State.BOUNCED, reply=Reply(550, "5.1.1", "no such user"))
        self.assertEqual(self.world.full_at(self.account, "a@b.test"), self.world.now)
        self.assertEqual(self.world.full_at(self.account, "b@b.test"), 0)

    def test_settling_may_suppress(self) -> None:
        """A settlement that asks for it suppresses the address for this account."""
        ids, _ = self.accept(["A@b.test"])
        self.settle(ids[0], State.BOUNCED, suppression="hard_bounce")
        self.assertEqual(self.world.suppressed(self.account, "a@b.test"), "hard_bounce")
        self.assertEqual(self.world.suppressed("another", "a@b.test"), "")


class MemoryLedgerTests(LedgerLaws, SynchronousTestCase):
    """The laws over the memory twin."""

    def make(self) -> MemoryWorld:
        return MemoryWorld()


class SqliteLedgerTests(LedgerLaws, SynchronousTestCase):
    """The laws over SQLite."""

    def make(self) -> DatabaseWorld:
        return sqlite_world()


class PostgresLedgerTests(LedgerLaws, SynchronousTestCase):
    """The laws over a real PostgreSQL."""

    def make(self) -> DatabaseWorld:
        return postgres_world()
