"""What follows from an attempt or a decision: one row per transition, and what holds for all of them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.mail.envelope import SECOND, Bounced, Deferred, Delivered, Delivery, Outcome, Settlement, State
from mailrelay.mail.event import Event
from mailrelay.mail.reply import Reply
from mailrelay.policy.retry import Schedule
from mailrelay.policy.settlement import TRANSITIONS, conclude, settle

NOW = 1_800_000_000 * SECOND
ASKED = Reply(451, "4.7.1", "Greylisted, try again in 180 seconds")
SCHEDULE = Schedule((60, 300), expiry=86_400, spread=0.0)

OK = Reply(250, "2.0.0", "Ok")
LATER = Reply(450, "4.2.0", "Later")
FULL = Reply(452, "4.2.2", "Full")
NO = Reply(550, "5.1.1", "No such user")


def delivery(billing: str = "accept", attempts: int = 0, left: int = 3600) -> Delivery:
    """A leased recipient with so many seconds left."""
    return Delivery(
        recipient="R",
        message="M",
        account="A",
        connection="C",
        sender="ann@own.example",
        address="rcpt@there.example",
        destination="there.example",
        route="",
        attempts=attempts,
        accepted_at=NOW - SECOND,
        expires_at=NOW + left * SECOND,
        billing=billing,
    )


def came(kind: type[Outcome], reply: Reply) -> Outcome:
    """An outcome of a moment ago."""
    return kind(reply, "mx.there.example", NOW - 5)


#: billing, attempts before, seconds left, outcome → state, due in seconds (0: never again), charge
ATTEMPTS: tuple[tuple[str, int, int, Outcome, State, int, str], ...] = (
    ("accept", 0, 3600, came(Delivered, OK), State.DELIVERED, 0, ""),
    ("attempt", 0, 3600, came(Delivered, OK), State.DELIVERED, 0, "capture"),
    ("accept", 0, 3600, came(Bounced, NO), State.BOUNCED, 0, ""),
    ("attempt", 0, 3600, came(Bounced, NO), State.BOUNCED, 0, "capture"),
    ("accept", 0, 3600, came(Deferred, LATER), State.DEFERRED, 60, ""),
    ("attempt", 0, 3600, came(Deferred, LATER), State.DEFERRED, 60, ""),
    ("accept", 1, 3600, came(Deferred, LATER), State.DEFERRED, 300, ""),
    ("accept", 9, 3600, came(Deferred, LATER), State.DEFERRED, 300, ""),
    ("accept", 0, 3600, came(Deferred, FULL), State.DEFERRED, 240, ""),
    ("accept", 0, 10, came(Deferred, LATER), State.DEFERRED, 10, ""),
    ("accept", 0, 0, came(Deferred, LATER), State.EXPIRED, 0, ""),
    ("attempt", 0, 0, came(Deferred, LATER), State.EXPIRED, 0, "capture"),
    ("attempt", 0, -60, came(Deferred, LATER), State.EXPIRED, 0, "capture"),
    # the deadline takes nothing from an answer that was given
    ("attempt", 0, -60, came(Delivered, OK), State.DELIVERED, 0, "capture"),
    ("attempt", 0, -60, came(Bounced, NO), State.BOUNCED, 0, "capture"),
)

#: billing, state decided → charge
DECISIONS: tuple[tuple[str, State, str], ...] = (
    ("accept", State.FAILED, ""),
    ("attempt", State.FAILED, "capture"),
    ("accept", State.SUPPRESSED, ""),
    ("attempt", State.SUPPRESSED, "release"),
    ("accept", State.EXPIRED, ""),
    ("attempt", State.EXPIRED, "capture"),
)

outcomes = st.one_of(
    st.sampled_from([came(Delivered, OK), came(Bounced, NO)]),
    st.sampled_from([came(Deferred, LATER), came(Deferred, FULL), came(Deferred, Reply(421, None, "Lost"))]),
)


class TransitionTests(SynchronousTestCase):
    """Every row."""

    def test_attempts(self) -> None:
        """Law 3, law 5: what each outcome of an attempt leads to, and what it costs."""
        for billing, attempts, left, outcome, state, seconds, charge in ATTEMPTS:
            found = settle(delivery(billing, attempts, left), outcome, NOW, SCHEDULE, 0.0)
            wanted = Settlement(
                recipient="R",
                state=state,
                due_at=NOW + seconds * SECOND if seconds else 0,
                attempted=True,
                charge=charge,
                suppression="hard_bounce" if outcome.reply == NO else "",
                reply=outcome.reply,
                host="mx.there.example",
                at=NOW - 5,
                event=state.value,
                outcome=outcome,
                facts=found.facts,
            )
            self.assertEqual(found, wanted)

    def test_why_then(self) -> None:
        """Law 11: a deferral says by which rule its next attempt comes when it does, an expiry that it does not."""
        scheduled = {"rule": "schedule", "attempts": 1, "delay": 60, "factor": 1}
        for left, outcome, facts in (
            (3600, came(Deferred, LATER), scheduled),
            (3600, came(Deferred, FULL), scheduled | {"factor": 4}),
            (10, came(Deferred, LATER), scheduled | {"rule": "deadline"}),
            (0, came(Deferred, LATER), {"rule": "deadline"}),
            (3600, Deferred(LATER, "mx", NOW, uncertain=True), scheduled | {"uncertain": True}),
            (3600, came(Deferred, ASKED), scheduled | {"rule": "hint", "asked": 180}),
            (10, came(Deferred, ASKED), scheduled | {"rule": "deadline"}),
            (3600, came(Delivered, OK), {}),
            (3600, came(Bounced, NO), {"rule": "bounce_class", "class": "recipient"}),
        ):
            self.assertEqual(settle(delivery(left=left), outcome, NOW, SCHEDULE, 0.0).facts, facts)

    def test_left_routes(self) -> None:
        """Law 11: whatever came of an attempt, it says which routes it left on the way."""
        for outcome in (
            Delivered(OK, "mx", NOW, fallback="main: down"),
            Deferred(LATER, "mx", NOW, fallback="a: down"),
        ):
            self.assertEqual(settle(delivery(), outcome, NOW, SCHEDULE, 0.0).facts["left_routes"], outcome.fallback)

    def test_uncertain_waits(self) -> None:
        """O2: what may have arrived is sent again late, not as soon as the schedule says, nor past the deadline."""
        schedule = replace(SCHEDULE, uncertain=1800)
        lost = Deferred(LATER, "mx", NOW, uncertain=True)
        found = settle(delivery(left=3600), lost, NOW, schedule, 0.0)
        self.assertEqual(found.due_at, NOW + 1800 * SECOND)
        self.assertEqual(
            (found.facts["rule"], found.facts["asked"], found.facts["uncertain"]), ("uncertain", 1800, True)
        )
        found = settle(delivery(left=600), lost, NOW, schedule, 0.0)
        self.assertEqual((found.due_at, found.facts["rule"]), (NOW + 600 * SECOND, "deadline"))
        self.assertEqual(
            settle(delivery(left=3600), came(Deferred, LATER), NOW, schedule, 0.0).due_at, NOW + 60 * SECOND
        )

    def test_uncertain_again(self) -> None:
        """O2: what may have arrived once more than it is to be sent again is held back; never at its end."""
        lost = Deferred(LATER, "mx", NOW, uncertain=True)
        for retries, doubts, hold in ((0, 0, True), (1, 0, False), (1, 1, True), (3, 2, False)):
            found = settle(delivery(), lost, NOW, replace(SCHEDULE, uncertain_retries=retries), 0.0, doubts)
            self.assertEqual((found.state, found.hold), (State.DEFERRED, hold), (retries, doubts))
            self.assertEqual("doubts" in found.facts, hold)
        self.assertFalse(settle(delivery(left=0), lost, NOW, SCHEDULE, 0.0, 5).hold)
        self.assertFalse(settle(delivery(), came(Deferred, LATER), NOW, SCHEDULE, 0.0, 5).hold)

    def test_held_back(self) -> None:
        """O17, O18: what was not tried since its receiver is left alone comes back when that is over, spread by chance,
        and no attempt is counted or kept; its deadline stands all the same."""
        held = Deferred(LATER, "mx", NOW, held=600)
        for jitter, due in ((0.0, 600), (1.0, 750)):
            found = settle(delivery(attempts=3), held, NOW, SCHEDULE, jitter)
            self.assertEqual((found.state, found.due_at, found.attempted), (State.DEFERRED, NOW + due * SECOND, False))
            self.assertEqual((found.outcome, found.charge, found.event, found.reply), (None, "", "", LATER))
        self.assertEqual(settle(delivery(), held, NOW, SCHEDULE, 0.0).state, State.QUEUED)
        self.assertEqual(settle(delivery(left=60), held, NOW, SCHEDULE, 0.0).due_at, NOW + 60 * SECOND)
        self.assertEqual(settle(delivery(left=0), held, NOW, SCHEDULE, 0.0).state, State.EXPIRED)

    def test_who_is_spared(self) -> None:
        """Only an address that the host itself refused for good, as no good, is suppressed."""
        for outcome, reason in (
            (came(Bounced, Reply(550, "5.1.1", "User unknown")), "hard_bounce"),
            (came(Deferred, Reply(450, "4.1.1", "User unknown")), ""),
            (came(Bounced, Reply(550, "5.7.1", "Blocked, see spamhaus")), ""),
            (came(Bounced, Reply(552, "5.2.2", "Mailbox full")), ""),
            (Bounced(Reply(550, "5.1.2", "Domain not found"), "", NOW, asked=False), ""),
        ):
            self.assertEqual(settle(delivery(), outcome, NOW, SCHEDULE, 0.0).suppression, reason, outcome)

    def test_mail_of_the_system_costs_nothing(self) -> None:
        """Nothing is charged or released where nothing is billed."""
        for outcome in (came(Delivered, OK), came(Bounced, NO), came(Deferred, LATER)):
            self.assertEqual(settle(delivery("none"), outcome, NOW, SCHEDULE, 0.0).charge, "")

    def test_decisions(self) -> None:
        """What ends a recipient without an attempt counts none, and releases what was only reserved."""
        for billing, state, charge in DECISIONS:
            found = conclude(delivery(billing), state, NOW, NO)
            wanted = Settlement(
                recipient="R", state=state, attempted=False, charge=charge, reply=NO, at=NOW, event=state.value
            )
            self.assertEqual(found, wanted)

    def test_no_other_decision(self) -> None:
        """Nobody decides that a recipient was delivered, bounced, deferred or queued."""
        for state in set(State) - {State.FAILED, State.SUPPRESSED, State.EXPIRED}:
            self.assertRaises(ValueError, conclude, delivery(), state, NOW)

    def test_chance_is_used(self) -> None:
        """Chance spreads what is deferred."""
        found = settle(delivery(), came(Deferred, LATER), NOW, Schedule((60,), 86_400, spread=0.5), 1.0)
        self.assertEqual(found.due_at, NOW + 90 * SECOND)

    def test_every_event_is_known(self) -> None:
        """Each row's event is one of the closed vocabulary; QUEUED is no end of an attempt."""
        self.assertEqual(set(TRANSITIONS), set(State) - {State.QUEUED})
        for state, row in TRANSITIONS.items():
            self.assertEqual(Event(row.event).value, state.value)


class LawTests(SynchronousTestCase):
    """What holds whatever happens."""

    @given(st.lists(outcomes, max_size=30), st.sampled_from(["accept", "attempt"]), st.floats(0, 1))
    def test_life_of_a_recipient(self, attempts: list[Outcome], billing: str, jitter: float) -> None:
        """Laws 3 and 5: deferred is tried again within the deadline; final comes once, and charges or releases once."""
        now, made, charges, state = NOW, 0, [], State.QUEUED
        for outcome in attempts:
            self.assertFalse(state.final)
            leased = delivery(billing, made)
            found = settle(leased, outcome, now, SCHEDULE, jitter)
            made, state = made + 1, found.state
            charges.append(found.charge)
            if state.final:
                self.assertEqual(found.due_at, 0)
                break
            self.assertIs(state, State.DEFERRED)
            self.assertTrue(now < found.due_at <= leased.expires_at)
            now = found.due_at
        settled = [charge for charge in charges if charge]
        self.assertEqual(len(settled), int(billing == "attempt" and state.final))

    def test_nobody_is_deferred_for_ever(self) -> None:
        """O15: whoever is deferred each time expires at the deadline, exactly once, after one last attempt there."""
        now, made = NOW, 0
        while True:
            found = settle(delivery(attempts=made), came(Deferred, LATER), now, SCHEDULE, 0.0)
            made += 1
            if found.state.final:
                break
            now = found.due_at
        self.assertIs(found.state, State.EXPIRED)
        self.assertEqual(now, delivery().expires_at)
