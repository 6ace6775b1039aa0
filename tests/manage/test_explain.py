"""Why a message is where it is: what is told of each decision, attempt and end."""

from __future__ import annotations

from dataclasses import replace

from mailrelay.interfaces.ledger import Lane
from mailrelay.mail.envelope import SECOND, Bounced, Delivered, Delivery, Outcome, ulid
from mailrelay.mail.envelope import Deferred as Postponed
from mailrelay.mail.reply import Reply
from mailrelay.manage import Invalid, Unknown, connections, explain, plain_mail, queue
from mailrelay.manage.explain import MAX_RECIPIENTS, Explanation, Story
from mailrelay.manage.queue import Which
from mailrelay.policy.retry import Schedule
from mailrelay.policy.settlement import settle
from mailrelay.store import Reports, open_store

from .place import InstallationTestCase

LATER = Reply(451, "4.3.0", "Not now")
NO = Reply(550, "5.1.1", "No such mailbox")
OK = Reply(250, "2.0.0", "Ok")
SCHEDULE = Schedule((60,), 3600)


class ExplainTests(InstallationTestCase):
    """An account with a connection, and a message for Ann."""

    def setUp(self) -> None:
        super().setUp()
        self.account(balance=1000)
        self.issued = self.connection()
        self.id = self.accepted(self.issued, "ann@a.example")

    def explained(self, id: str = "", to: str = "") -> Explanation:
        return self.done(explain.message(self.place, id or self.id, to))

    def story(self) -> Story:
        (story,) = self.explained().stories
        return story

    def claim(self) -> Delivery:
        (delivery,) = self.done(
            self.store.ledger.claim(Lane(self.issued.connection.account, "a.example", 0), 1, self.at)
        )
        return delivery

    def attempt(self, outcome: Outcome) -> None:
        settled = settle(self.claim(), replace(outcome, at=self.at), self.at, SCHEDULE, 0.0)
        self.assertTrue(self.done(self.store.ledger.settle(settled)))

    def test_decisions(self) -> None:
        """Every decision on the way in has its stage, its rule and the values that it saw."""
        (decision,) = self.explained().decisions
        self.assertEqual((decision.stage, decision.rule, decision.allowed), ("mail", "domain_verified", True))
        self.assertEqual(decision.facts, {"domain": "shop.example"})

    def test_what_is_next(self) -> None:
        """A recipient that waits tells what it waits for, and until when."""
        self.assertEqual((self.story().next.at, self.story().next.rule), (self.at, "first"))  # type: ignore[union-attr]
        self.done(queue.hold(self.place, Which(id=self.id)))
        self.assertEqual(self.story().next.rule, "held")  # type: ignore[union-attr]
        self.done(queue.release(self.place, Which(id=self.id)))
        self.claim()
        self.assertEqual(self.story().next.rule, "in_hand")  # type: ignore[union-attr]
        self.done(self.store.ledger.release([self.story().passage.recipient]))

    def test_left_alone(self) -> None:
        """What was not tried since its receiver is left alone says so, and counts no attempt."""
        self.attempt(Postponed(Reply(451, "4.7.0", "mx is left alone"), "mx.a.example", 0, held=60))
        story = self.story()
        assert story.next is not None
        self.assertEqual((story.next.at, story.next.rule), (self.at + 60 * SECOND, "left_alone"))
        self.assertEqual((story.next.facts, story.attempts), ({"reply": "451 4.7.0 mx is left alone"}, ()))

    def test_a_deferral(self) -> None:
        """After a deferral the next attempt is told with the rule by which it comes then; one that somebody moved is
        told as moved, and one that waits for its connection as that."""
        self.attempt(Postponed(LATER, "mx.a.example", 0, transcript="0.000 S: 451 Not now"))
        story = self.story()
        assert story.next is not None
        self.assertEqual((story.next.at, story.next.rule), (self.at + 60 * SECOND, "schedule"))
        self.assertEqual(story.next.facts, {"attempts": 1, "delay": 60, "factor": 1})
        self.assertEqual([each.transcript for each in story.attempts], ["0.000 S: 451 Not now"])
        self.done(queue.retry(self.place, Which(id=self.id)))
        self.assertEqual(self.story().next.rule, "moved")  # type: ignore[union-attr]
        self.done(connections.block(self.place, "web"))
        following = self.story().next
        assert following is not None
        self.assertEqual((following.rule, following.facts), ("connection_active", {"status": "blocked"}))

    def test_the_end(self) -> None:
        """At its end nothing comes next."""
        self.attempt(Postponed(LATER, "mx.a.example", 0))
        self.at += 60 * SECOND
        self.attempt(Delivered(OK, "mx.a.example", 0))
        story = self.story()
        self.assertEqual([each.number for each in story.attempts], [1, 2])
        self.assertIsNone(story.next)
        self.assertIsNone(story.report)

    def test_the_report(self) -> None:
        """A refusal that was reported names the report; in a store that reports nothing there is none."""
        self.attempt(Bounced(NO, "mx.a.example", 0))
        self.assertIsNone(self.story().report)
        self.done(self.store.close())
        folder = self.store._writer._database.place.folder
        assert folder is not None
        self.store = open_store(
            folder,
            node=ulid(self.at, b"9876543210"),
            now=lambda: self.at,
            inline=True,
            reports=Reports("relay.example", lambda dialect: True),
        )
        self.place = replace(self.place, registry=self.store.registry, history=self.store.history)
        self.at += SECOND
        self.id = self.accepted(self.issued, "ann@a.example")
        self.attempt(Bounced(NO, "mx.a.example", 0))
        report = self.story().report
        assert report is not None
        self.assertEqual((report.rcpt, report.sender), ("news@shop.example", ""))
        told = self.explained(report.id)
        self.assertEqual([each.stage for each in told.decisions], ["dsn"])
        self.assertEqual(told.stories[0].next.rule, "first")  # type: ignore[union-attr]

    def test_one_recipient(self) -> None:
        """A recipient's id tells of that recipient alone, and so does its address, however it is written."""
        id = self.accepted(self.issued, "ann@a.example", "bob@b.example")
        stories = {each.passage.rcpt: each for each in self.explained(id).stories}
        self.assertEqual(stories.keys(), {"ann@a.example", "bob@b.example"})
        bob = self.explained(stories["bob@b.example"].passage.recipient)
        self.assertEqual((bob.id, bob.stories), (id, (stories["bob@b.example"],)))
        self.assertEqual(self.explained(id, "BOB@b.example").stories, bob.stories)

    def test_many_recipients(self) -> None:
        """Of very many recipients the first are told of, and how many are left out."""
        id = self.accepted(self.issued, *(f"r{number}@a.example" for number in range(MAX_RECIPIENTS + 3)))
        told = self.explained(id)
        self.assertEqual((len(told.stories), told.left_out), (MAX_RECIPIENTS, 3))
        self.assertEqual(len(self.explained(id, f"r{MAX_RECIPIENTS + 2}@a.example").stories), 1)

    def test_unknown(self) -> None:
        """What there is not cannot be explained."""
        self.assertIn("nothing", self.refused(explain.message(self.place, "nothing"), Unknown))
        self.assertIn("eve@a.example", self.refused(explain.message(self.place, self.id, "eve@a.example"), Unknown))
        self.refused(explain.message(self.place, self.id, "no address"), Invalid)

    def test_refusals(self) -> None:
        """The book of refusals: newest first, with the name of the connection, and the stage of the last decision as it
        was kept."""
        came = {"rule": "login", "allowed": True, "facts": {"user": "web"}}
        for number in range(3):
            self.at += SECOND
            why = {"needed": number}
            refused = {"rule": "balance_covers", "allowed": False, "facts": why, "reply": "balance_short"}
            self.store.verdicts.keep(
                self.issued.connection.id, self.issued.connection.account, "192.0.2.1", "commit", [came, refused]
            )
        found = self.done(explain.refusals(self.place, "web", 2))
        self.assertEqual([each.decisions[-1].facts for each in found], [{"needed": 2}, {"needed": 1}])
        self.assertEqual([each.stage for each in found[0].decisions], ["login", "commit"])
        self.assertEqual(found[0].connection, "web")
        self.assertEqual(len(self.done(explain.refusals(self.place))), 3)
        self.assertEqual(plain_mail.refused(found[0])["rule"], "balance_covers")
        self.refused(explain.refusals(self.place, "nobody"), Unknown)
        self.refused(explain.refusals(self.place, last=0), Invalid)
