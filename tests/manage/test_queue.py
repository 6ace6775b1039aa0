"""Waiting mail, the send history, and the switches of the installation."""

from __future__ import annotations

import json
from dataclasses import replace

from twisted.internet.defer import Deferred, succeed

from mailrelay.interfaces.ledger import Lane
from mailrelay.interfaces.routes import StoredRoute
from mailrelay.mail.envelope import SECOND, Settlement, State
from mailrelay.mail.reply import Reply
from mailrelay.manage import Invalid, Unknown, messages, plain_mail, queue, switches
from mailrelay.manage.queue import Which
from mailrelay.policy.bounce import shipped
from mailrelay.store import waiting

from .place import START, InstallationTestCase


class Queue(InstallationTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.account()
        self.issued = self.connection()
        self.first = self.accepted(self.issued, "ann@a.example", "bob@a.example")
        self.at += SECOND
        self.second = self.accepted(self.issued, "cat@b.example")

    def states(self) -> dict[str, str]:
        return {each.rcpt: each.state for each in self.done(messages.every(self.place, Which()))}

    def test_what_waits(self) -> None:
        """The newest first, and counted by destination, the most first."""
        found = self.done(queue.passages(self.place, Which()))
        self.assertEqual(found[0].rcpt, "cat@b.example")
        self.assertEqual({each.rcpt for each in found}, {"ann@a.example", "bob@a.example", "cat@b.example"})
        found = self.done(queue.destinations(self.place, Which()))
        self.assertEqual([(each.destination, each.count) for each in found], [("a.example", 2), ("b.example", 1)])

    def test_more_than_a_page_is_counted(self) -> None:
        """Every waiting recipient counts once, however many pages they fill."""
        self.patch(waiting, "PAGE", 2)
        self.assertEqual(self.done(queue.hold(self.place, Which(all=True))), 3)
        self.assertEqual(self.done(queue.release(self.place, Which(account="shop"))), 3)
        counted = {each.destination: each.count for each in self.done(queue.destinations(self.place, Which()))}
        self.assertEqual(counted, {"a.example": 2, "b.example": 1})

    def test_filters(self) -> None:
        """Each filter narrows, and all given must fit."""
        cases = [
            (Which(id=self.first), 2),
            (Which(domain="A.example"), 2),
            (Which(to="Cat@b.example"), 1),
            (Which(account="shop"), 3),
            (Which(connection="web"), 3),
            (Which(connection="web", domain="b.example", id=self.second), 1),
            (Which(domain="b.example", id=self.first), 0),
        ]
        for which, count in cases:
            self.assertEqual(len(self.done(queue.passages(self.place, which))), count, which)

    def test_a_recipients_id_will_do(self) -> None:
        """An id is that of a message or of one of its recipients."""
        one = self.done(queue.passages(self.place, Which(to="bob@a.example")))[0]
        self.assertEqual(list(self.done(queue.passages(self.place, Which(id=one.recipient)))), [one])
        self.assertEqual(self.done(messages.find(self.place, one.recipient)).id, self.first)

    def test_unknown_names_are_told(self) -> None:
        """A filter that names nothing is an error, not an empty answer."""
        for which in (Which(id="01NOTHING"), Which(account="nobody"), Which(connection="none")):
            self.refused(queue.passages(self.place, which), Unknown)
            self.refused(queue.retry(self.place, which), Unknown)

    def test_nothing_is_meant_by_accident(self) -> None:
        """Without a filter an action asks for "all"; with both it asks which."""
        for act in (queue.retry, queue.hold, queue.release, queue.drop):
            self.refused(act(self.place, Which()), Invalid)
            self.refused(act(self.place, Which(all=True, account="shop")), Invalid)
        self.assertEqual(set(self.states().values()), {"queued"})

    def test_held_and_released(self) -> None:
        """Held mail is marked so and still waits; released it is as before."""
        self.assertEqual(self.done(queue.hold(self.place, Which(domain="a.example"))), 2)
        held = {each.destination: each.held for each in self.done(queue.destinations(self.place, Which()))}
        self.assertEqual(held, {"a.example": 2, "b.example": 0})
        self.assertEqual(self.done(queue.release(self.place, Which(all=True))), 2)
        self.assertFalse(any(each.held for each in self.done(queue.passages(self.place, Which()))))

    def test_dropped(self) -> None:
        """Dropped mail ends as failed with the reason given, and waits no more."""
        self.assertEqual(self.done(queue.drop(self.place, Which(id=self.second), "test is over")), 1)
        (found,) = self.done(messages.find(self.place, self.second)).passages
        self.assertEqual((found.state, found.last_reply), (State.FAILED, "test is over"))
        self.assertEqual(self.done(queue.drop(self.place, Which(id=self.second))), 0)

    def put_off(self, domain: str, reply: Reply) -> None:
        """One that waits for a domain is attempted, and deferred by this reply."""
        lane = Lane(self.issued.connection.account, domain, 0)
        (delivery,) = self.done(self.store.ledger.claim(lane, 1, self.at))
        settled = Settlement(delivery.recipient, State.DEFERRED, due_at=self.at + 60 * SECOND, at=self.at, reply=reply)
        self.assertTrue(self.done(self.store.ledger.settle(settled)))

    def test_more_filters(self) -> None:
        """By the class of the last reply, the route, the age and the priority; a word that none knows is told."""
        self.put_off("b.example", Reply(450, "4.2.2", "mailbox full"))
        self.put_off("a.example", Reply(421, "4.7.0", "too many connections"))
        name = shipped().of_text("450 4.2.2 mailbox full").name
        self.assertEqual(self.done(queue.classes(self.place, Which()))[name], 1)
        (found,) = self.done(queue.passages(self.place, Which(reply_class=name)))
        self.assertEqual(
            (found.destination, plain_mail.waiting_passage(found, self.place.dialects)["class"]), ("b.example", name)
        )
        self.assertEqual(self.done(queue.count(self.place, Which(reply_class=name))), 1)
        self.assertEqual(
            [each.count for each in self.done(queue.destinations(self.place, Which(reply_class=name)))], [1]
        )
        self.assertEqual(self.done(queue.retry(self.place, Which(reply_class=name))), 1)
        self.at += 3600 * SECOND
        for which, number in (
            (Which(older="1h"), 2),
            (Which(older="2h"), 0),
            (Which(older="30"), 3),
            (Which(priority="normal"), 3),
            (Which(priority="high"), 0),
            (Which(route="-"), 3),
            (Which(route="other"), 0),
        ):
            self.assertEqual(self.done(queue.count(self.place, which)), number, which)
            self.assertEqual(len(self.done(queue.passages(self.place, which))), number, which)
        for which in (Which(older="soon"), Which(priority="urgent"), Which(reply_class="none")):
            self.refused(queue.count(self.place, which), Invalid)

    def test_pages(self) -> None:
        """A list goes on behind the last of the one before."""
        first = self.done(queue.passages(self.place, Which(), 2))
        (last,) = self.done(queue.passages(self.place, Which(before=first[-1].recipient), 2))
        self.assertEqual(len({each.recipient for each in (*first, last)}), 3)

    def test_expired(self) -> None:
        """Expired mail ends as if its deadline had passed, with the reason given."""
        self.assertEqual(self.done(queue.expire(self.place, Which(domain="a.example"))), 2)
        found = self.done(messages.find(self.place, self.first)).passages
        self.assertEqual({(each.state, each.last_reply) for each in found}, {(State.EXPIRED, "expired by hand")})

    def test_another_route(self) -> None:
        """What waits is sent by another route, and at once; by one that there is for all, or for the account meant."""
        self.put_off("b.example", Reply(450, "4.2.0", "later"))
        self.refused(queue.reroute(self.place, Which(all=True), "backup"), Unknown)
        self.done(self.store.routes.add(StoredRoute("", "backup", (("127.0.0.1", 1),), created_at=self.at)))
        self.assertEqual(self.done(queue.reroute(self.place, Which(domain="b.example"), "backup")), 1)
        (found,) = self.done(queue.passages(self.place, Which(route="backup")))
        self.assertEqual((found.destination, found.due_at), ("b.example", self.at))
        owner = self.issued.connection.account
        self.done(self.store.routes.add(StoredRoute(owner, "own", (("127.0.0.1", 1),), created_at=self.at)))
        self.assertIn("say which", self.refused(queue.reroute(self.place, Which(all=True), "own"), Invalid))
        self.assertEqual(self.done(queue.reroute(self.place, Which(account="shop"), "own")), 3)

    def test_what_is_in_hand_is_recalled(self) -> None:
        """What a daemon has in hand is asked back and changed when it comes; what does not come is left."""
        lane = Lane(self.issued.connection.account, "a.example", 0)
        taken = self.done(self.store.ledger.claim(lane, 2, self.at))
        self.assertEqual(self.done(queue.destinations(self.place, Which()))[0].in_hand, 2)
        pauses: list[float] = []

        def pause(seconds: float) -> Deferred[None]:
            pauses.append(seconds)
            recalled = self.done(self.store.directory.settings())["queue_recalled"]
            self.assertEqual(recalled, str(self.at))
            if len(pauses) == 1:
                self.done(self.store.ledger.release([taken[0].recipient]))
            return succeed(None)

        self.assertEqual(self.done(queue.drop(self.place, Which(all=True), pause=pause)), 2)
        self.assertEqual(len(pauses), queue.RECALLS)
        self.assertEqual(len(self.done(queue.passages(self.place, Which()))), 1)
        self.done(self.store.ledger.release([taken[1].recipient]))

    def test_retried(self) -> None:
        """What was put off is due now; what is due already stays so and does not count."""
        lane = Lane(self.issued.connection.account, "b.example", 0)
        (delivery,) = self.done(self.store.ledger.claim(lane, 1, self.at))
        put_off = Settlement(delivery.recipient, State.DEFERRED, due_at=self.at + 60 * SECOND, at=self.at)
        self.assertTrue(self.done(self.store.ledger.settle(put_off)))
        self.assertEqual(self.done(queue.retry(self.place, Which(all=True))), 1)
        (found,) = self.done(queue.passages(self.place, Which(id=self.second)))
        self.assertEqual((found.state, found.due_at), (State.DEFERRED, self.at))


class History(InstallationTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.account()
        self.issued = self.connection()
        self.id = self.accepted(self.issued, "ann@a.example", "bob@a.example")

    def test_the_plain_form(self) -> None:
        """A recipient is shown under the names that programs rely on, in their order, with the dialect's own word."""
        (found,) = self.done(messages.every(self.place, Which(to="ann@a.example")))
        shown = plain_mail.passage(found, self.place.dialects)
        self.assertEqual(
            list(shown)[:10],
            [
                "id",
                "connection",
                "rcpt",
                "state",
                "dialect_status",
                "last_reply",
                "attempts",
                "billed",
                "tag",
                "client_ref",
            ],
        )
        self.assertEqual(shown["id"], self.id)
        self.assertEqual(shown["connection"], "web")
        self.assertEqual((shown["state"], shown["dialect_status"]), ("queued", "accepted"))
        self.assertEqual((shown["attempts"], shown["billed"]), (0, 1))
        self.assertEqual(shown["accepted_at"], "2026-01-02T03:04:05.000Z")
        self.assertEqual(json.loads(json.dumps(shown)), shown)

    def test_every_state_has_a_word(self) -> None:
        """Whatever the state, every shipped dialect has a word for it; a dialect that is gone has none."""
        (found,) = self.done(messages.every(self.place, Which(to="ann@a.example")))
        for dialect in self.place.dialects:
            for state in State:
                shown = plain_mail.passage(replace(found, dialect=dialect.name, state=state), self.place.dialects)
                self.assertTrue(shown["dialect_status"])
        gone = plain_mail.passage(replace(found, dialect="gone"), self.place.dialects)
        self.assertEqual(gone["dialect_status"], "")

    def test_one_message(self) -> None:
        """A message is shown with each recipient and with the decisions that let it in."""
        card = self.done(messages.find(self.place, self.id))
        self.assertEqual({each.rcpt for each in card.passages}, {"ann@a.example", "bob@a.example"})
        self.assertEqual(card.verdicts[0]["rule"], "domain_verified")
        self.refused(messages.find(self.place, "01NOTHING"), Unknown)

    def test_pages(self) -> None:
        """Going on behind the last recipient seen shows each recipient once."""
        (newest,) = self.done(messages.every(self.place, Which(), limit=1))
        (other,) = self.done(messages.every(self.place, Which(), limit=1, before=newest.recipient))
        self.assertEqual({newest.rcpt, other.rcpt}, {"ann@a.example", "bob@a.example"})
        self.assertEqual(list(self.done(messages.every(self.place, Which(), before=other.recipient))), [])

    def test_states_and_limits_are_checked(self) -> None:
        """Only states that exist, and a sensible number of rows."""
        self.assertEqual(len(self.done(messages.every(self.place, Which(), ["queued", "bounced"]))), 2)
        self.assertEqual(list(self.done(messages.every(self.place, Which(), ["bounced"]))), [])
        self.refused(messages.every(self.place, Which(), ["lost"]), Invalid)
        for limit in (0, -1, 10**9):
            self.refused(messages.every(self.place, Which(), limit=limit), Invalid)


class Switches(InstallationTestCase):
    def setting(self, key: str) -> str:
        return self.done(self.store.directory.settings()).get(key, "")

    def test_pause_and_resume(self) -> None:
        """Paused is a reason, or "1" without one; resumed it is empty."""
        self.done(switches.pause(self.place, "moving"))
        self.assertEqual(self.done(switches.paused(self.place)), "moving")
        self.assertEqual(self.setting("paused"), "moving")
        self.at += 2 * SECOND
        self.done(switches.pause(self.place))
        self.assertEqual(self.setting("paused"), "1")
        self.at += 2 * SECOND
        self.done(switches.resume(self.place))
        self.assertEqual(self.setting("paused"), "")

    def test_the_login_guard(self) -> None:
        """What is to be forgotten is told as an instant and a prefix of the keys that failures are counted under."""
        cases = [
            ({}, "login:"),
            ({"address": "192.0.2.7"}, "login:192.0.2.7"),
            ({"address": "2001:DB8:0::1", "username": "Web@Shop.example"}, "login:[2001:db8::1]:web@shop.example"),
        ]
        for given, prefix in cases:
            self.assertEqual(self.done(switches.clear_login_guard(self.place, **given)), prefix)
            self.assertEqual(json.loads(self.setting("login_guard_cleared")), {"at": self.at, "prefix": prefix})
            self.at += 2 * SECOND
        self.assertGreater(self.at, START)

    def test_a_user_name_alone_is_not_enough(self) -> None:
        """Failures are counted per address, so a user name without one names nothing."""
        self.refused(switches.clear_login_guard(self.place, username="web"), Invalid)
        self.refused(switches.clear_login_guard(self.place, address="somewhere"), Invalid)
