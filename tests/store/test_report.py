"""Reports of what could not be delivered, over real databases: one for each end, in its commit, at nobody's cost."""

from __future__ import annotations

import email
from collections.abc import Sequence
from dataclasses import replace
from email.message import Message as Parsed
from functools import cache
from unittest.mock import patch

import sqlalchemy as sa
from flufl.bounce import all_failures
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.interfaces.history import Passage, Selection
from mailrelay.interfaces.ledger import Lane
from mailrelay.interfaces.registry import Account, Connection, Suppression
from mailrelay.mail.dsn import report_id
from mailrelay.mail.envelope import SECOND, Bounced, Delivered, Delivery, Instructions, Outcome, State, Submission
from mailrelay.mail.envelope import Deferred as Postponed
from mailrelay.mail.reply import Reply
from mailrelay.policy.retry import Schedule
from mailrelay.policy.settlement import conclude, settle
from mailrelay.store import report as reporting
from mailrelay.store.report import Reports
from mailrelay.store.store import open_store
from tests.fresh import fresh_database

from .worlds import HOUR, START, _database, new_id, result, submission

NO = Reply(550, "5.1.1", "There is no such mailbox")
LATER = Reply(451, "4.3.0", "Not now")
OK = Reply(250, "2.0.0", "Ok")
SCHEDULE = Schedule((60,), 3600)
HEADER = b"From: app@acme.test\r\nSubject: the order\r\n\r\n"


class ReportLaws:
    """What a sender is told, and what it costs."""

    def place(self) -> str:
        raise NotImplementedError

    def setUp(self) -> None:
        self.now = START
        self.dialects = {"standard"}
        self.store = open_store(
            self.place(),
            node=new_id(),
            now=lambda: self.now,
            inline=True,
            names=new_id,
            reports=Reports("relay.example", lambda name: name in self.dialects),
        )
        result(self.store.nodes.join())
        self.account = new_id()
        result(self.store.registry.add_account(Account(self.account, self.account, 100, 0, START)))
        self.connection = new_id()
        result(
            self.store.registry.add_connection(
                Connection(
                    self.connection, self.account, self.connection, "standard", "app@acme.test", "active", "",
                    (), 0, 60, 1, START,
                )
            )
        )  # fmt: skip

    def tearDown(self) -> None:
        result(self.store.nodes.leave())
        self.assertEqual(result(self.store.history.audit()), [], "the ledger's laws hold with reports among the mail")
        result(self.store.close())

    def accept(self, *addresses: str, lease: bool = True, **more: object) -> tuple[Submission, Sequence[Delivery]]:
        made = submission(self.account, self.connection, addresses or ("bob@b.test",), self.now, source=HEADER + b"x")
        made = replace(made, **more)  # type: ignore[arg-type]
        return made, result(self.store.ledger.accept(made, lease))

    def settle(self, delivery: Delivery, outcome: Outcome) -> None:
        self.assertTrue(result(self.store.ledger.settle(settle(delivery, outcome, self.now, SCHEDULE, 0.0))))

    def passages(self, **selection: str) -> Sequence[Passage]:
        found: Sequence[Passage] = result(
            self.store.history.passages(Selection(account=self.account, **selection), 100)
        )
        return found

    def reports(self) -> Sequence[Passage]:
        return [each for each in self.passages() if not each.connection]

    def read(self, passage: Passage) -> Parsed:
        return email.message_from_bytes(result(self.store.bodies.read(passage.id)))

    def fields(self, passage: Passage) -> dict[str, str]:
        programs = self.read(passage).get_payload()
        assert isinstance(programs, list) and isinstance(programs[1], Parsed)
        groups = programs[1].get_payload()
        assert isinstance(groups, list) and isinstance(groups[1], Parsed)
        return {name: str(value) for name, value in groups[1].items()}

    def money(self) -> tuple[int, int]:
        (found,) = [each for each in result(self.store.registry.accounts()) if each.id == self.account]
        return found.balance, found.reserved

    # what is told

    def test_who_is_rejected_after_all_is_told(self) -> None:
        """A recipient that was taken in and only put on record is reported with the reason, in the commit that accepts,
        once under one idempotency key; where the submission does not want it, nothing is said."""
        for told, keyed in ((True, False), (True, True), (False, False)):
            made, _ = self.accept()
            rejected = tuple(
                replace(each, id=new_id(), key=f"{new_id()}@b.test", rejected="no room") for each in made.recipients
            )
            made = replace(made, id=new_id(), recipients=rejected, rejected_told=told)
            before = len(self.reports())
            if keyed:
                made = replace(made, instructions=Instructions(idempotency_key="k"))
                for _ in range(2):
                    result(self.store.ledger.accept_once(made, True))
                more = replace(rejected[0], id=new_id(), key="more@b.test")
                result(self.store.ledger.accept_once(replace(made, id=new_id(), recipients=(more,)), True))
            else:
                result(self.store.ledger.accept(made, True))
            self.assertEqual(len(self.reports()) - before, told + keyed)
        newest = self.reports()[0]
        self.assertIn("no room", self.fields(newest)["Diagnostic-Code"])

    def test_a_refusal_is_told(self) -> None:
        """RFC 3464: a recipient that a host refused for good is reported to the return path, with what the host said
        and the header of the message."""
        made, (delivery,) = self.accept()
        self.settle(delivery, Bounced(NO, "mx.b.test", START + SECOND))
        (passage,) = self.reports()
        self.assertEqual((passage.rcpt, passage.destination, passage.sender), ("app@acme.test", "acme.test", ""))
        self.assertEqual((passage.state, passage.billed), (State.QUEUED, 0))
        self.assertEqual(
            {
                name: self.fields(passage)[name]
                for name in ("Final-Recipient", "Status", "Remote-MTA", "Diagnostic-Code")
            },
            {
                "Final-Recipient": "rfc822; bob@b.test",
                "Status": "5.1.1",
                "Remote-MTA": "dns; mx.b.test",
                "Diagnostic-Code": "smtp; 550 5.1.1 There is no such mailbox",
            },
        )
        self.assertEqual(all_failures(self.read(passage)), (frozenset(), frozenset({b"bob@b.test"})))
        self.assertIn(b"Subject: the order", result(self.store.bodies.read(passage.id)))
        self.assertIn(made.id.encode(), result(self.store.bodies.read(passage.id)))

    def test_its_id_is_known_from_the_end(self) -> None:
        """Who knows a recipient's end finds its report."""
        made, (delivery,) = self.accept()
        self.settle(delivery, Bounced(NO, "mx.b.test", START + SECOND))
        (ended,) = self.passages(message=made.id)
        (passage,) = self.passages(message=report_id(ended.recipient, ended.last_at))
        self.assertEqual([passage], self.reports())

    def test_the_end_of_the_schedule_is_told(self) -> None:
        """A recipient that expires by an attempt, by the look that would claim it, or by the chore, is reported with
        the last that a host said."""
        for end in ("attempt", "claim", "chore"):
            with self.subTest(end):
                made, (delivery,) = self.accept()
                self.settle(delivery, Postponed(LATER, "mx.b.test", self.now))
                self.now += HOUR
                if end == "attempt":
                    (again,) = result(self.store.ledger.claim(Lane(self.account, "b.test", 0), 1, self.now - SECOND))
                    self.settle(again, Postponed(LATER, "mx.b.test", self.now))
                elif end == "claim":
                    result(self.store.ledger.claim(Lane(self.account, "b.test", 0), 10, self.now))
                else:
                    result(self.store.ledger.expire(self.now))
                (ended,) = self.passages(message=made.id)
                self.assertEqual(ended.state, State.EXPIRED)
                (passage,) = self.passages(message=report_id(ended.recipient, ended.last_at))
                found = self.fields(passage)
                self.assertEqual((found["Action"], found["Status"]), ("failed", "4.3.0"))
                self.assertEqual(found["Diagnostic-Code"], "smtp; 451 4.3.0 Not now")
                self.now += HOUR
                result(self.store.ledger.expire(self.now))

    def test_never_tried(self) -> None:
        """A recipient that expires without an attempt, because it was held, is reported as too old."""
        made, _ = self.accept(lease=False)
        result(self.store.history.hold(Selection(message=made.id), True))
        self.now += HOUR
        result(self.store.ledger.expire(self.now))
        (passage,) = self.reports()
        self.assertEqual(self.fields(passage)["Status"], "4.4.7")

    def test_suppressed_after_it_was_accepted(self) -> None:
        """A recipient suppressed while it waited is reported: the client has a 250 for it."""
        self.accept(lease=False)
        result(
            self.store.registry.add_suppression(Suppression(self.account, "bob@b.test", "bob@b.test", "manual", "", 0))
        )
        result(self.store.ledger.claim(Lane(self.account, "b.test", 0), 10, self.now))
        (passage,) = self.reports()
        self.assertEqual(self.fields(passage)["Status"], "5.7.1")

    def test_given_up_by_a_rule(self) -> None:
        """A recipient that a rule gives up without an attempt is reported with our own words."""
        _, (delivery,) = self.accept()
        reply = Reply(554, "5.6.0", "The message cannot be composed")
        self.assertTrue(result(self.store.ledger.settle(conclude(delivery, State.FAILED, self.now, reply))))
        (passage,) = self.reports()
        self.assertEqual(self.fields(passage)["Diagnostic-Code"], f"x-mailrelay; {reply}")

    def test_a_large_message(self) -> None:
        """The report about a message that lies in chunks has its header, too, and none of its body."""
        _, (delivery,) = self.accept(source=HEADER + b"x" * 700_000)
        self.settle(delivery, Bounced(NO, "mx.b.test", START))
        (passage,) = self.reports()
        self.assertIn(b"Subject: the order", result(self.store.bodies.read(passage.id)))
        self.assertLess(passage.size, 3000)

    # what is not

    def test_one_for_each_end(self) -> None:
        """Each recipient has a report of its own; a settlement that comes again, or too late, makes none."""
        _, deliveries = self.accept("bob@b.test", "eve@b.test")
        for delivery in deliveries:
            self.settle(delivery, Bounced(NO, "mx.b.test", START))
        again = settle(deliveries[0], Bounced(NO, "mx.b.test", START), self.now, SCHEDULE, 0.0)
        self.assertFalse(result(self.store.ledger.settle(again)))
        result(self.store.ledger.expire(self.now + 10 * HOUR))
        self.assertEqual(len(self.reports()), 2)

    def test_no_report_of_what_is_well_or_goes_on(self) -> None:
        """Nobody is told of a recipient that was delivered or only deferred."""
        _, (first, second) = self.accept("bob@b.test", "eve@b.test")
        self.settle(first, Delivered(OK, "mx.b.test", START))
        self.settle(second, Postponed(LATER, "mx.b.test", START))
        self.assertEqual(self.reports(), [])

    def test_no_report_to_nobody(self) -> None:
        """O14: mail from the null sender is never reported."""
        _, (delivery,) = self.accept(sender="")
        self.settle(delivery, Bounced(NO, "mx.b.test", START))
        self.assertEqual(self.reports(), [])

    def test_no_report_of_a_report(self) -> None:
        """O14: a report that cannot be delivered begets none, however it ends."""
        for end in ("refused", "expired"):
            with self.subTest(end):
                _, (delivery,) = self.accept()
                self.settle(delivery, Bounced(NO, "mx.b.test", self.now))
                count = len(self.reports())
                if end == "refused":
                    (claimed,) = result(self.store.ledger.claim(Lane(self.account, "acme.test", 0), 10, self.now))
                    self.assertEqual((claimed.sender, claimed.connection), ("", ""))
                    self.settle(claimed, Bounced(NO, "mx.acme.test", self.now))
                else:
                    result(self.store.ledger.expire(self.now + 2 * HOUR))
                self.assertTrue(all(each.state.final for each in self.reports()))
                self.assertEqual(len(self.reports()), count)
                self.now += HOUR

    def test_the_dialect_decides(self) -> None:
        """A dialect whose clients are told otherwise sends none."""
        self.dialects.clear()
        _, (delivery,) = self.accept()
        self.settle(delivery, Bounced(NO, "mx.b.test", START))
        self.assertEqual(self.reports(), [])

    def test_what_an_administrator_drops(self) -> None:
        """Who drops mail from the queue knows of it: no report."""
        made, _ = self.accept(lease=False)
        result(self.store.history.drop(Selection(message=made.id), "spam", self.now))
        self.assertEqual(self.reports(), [])

    # what it costs

    def test_it_costs_nothing(self) -> None:
        """A report moves no money, is counted under no connection, and leaves all the same when its account is empty
        or its connection blocked."""
        _, (delivery,) = self.accept(billing="attempt")
        self.settle(delivery, Bounced(NO, "mx.b.test", START))
        result(self.store.registry.move_balance(self.account, -99, "adjustment", "", self.now))
        result(self.store.registry.change_connection(self.connection, {"status": "blocked"}))
        self.assertEqual(self.money(), (0, 0))
        (claimed,) = result(self.store.ledger.claim(Lane(self.account, "acme.test", 0), 10, self.now))
        self.assertEqual(claimed.billing, "none")
        self.settle(claimed, Delivered(OK, "mx.acme.test", START))
        (passage,) = self.reports()
        self.assertEqual((passage.state, passage.billed), (State.DELIVERED, 0))
        self.assertEqual(self.money(), (0, 0))

    def test_it_waits_in_the_lanes_of_its_account(self) -> None:
        """A report stands in line with the mail of the account that caused it, for the domain of the return path."""
        _, (delivery,) = self.accept()
        self.settle(delivery, Bounced(NO, "mx.b.test", START))
        lanes = {(lane.account, lane.destination) for lane in result(self.store.ledger.lanes({}, 100))}
        self.assertIn((self.account, "acme.test"), lanes)

    # what goes wrong

    def test_an_end_is_never_held_up(self) -> None:
        """Where no report can be made the recipient comes to its end without, and that is logged once."""
        _, (delivery,) = self.accept(sender="not an address")
        self.settle(delivery, Bounced(NO, "mx.b.test", START))
        _, (delivery,) = self.accept()
        with patch.object(reporting, "report", side_effect=ValueError("no")):
            self.settle(delivery, Bounced(NO, "mx.b.test", START))
        self.assertEqual(self.reports(), [])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)  # type: ignore[attr-defined]

    def test_a_commit_that_is_lost(self) -> None:
        """I1: a settlement whose commit fails brings its recipient to its end once, with one report."""
        _, (delivery,) = self.accept()
        engine = self.store._writer._database._writer
        armed = [True]

        def lose(connection: sa.Connection) -> None:
            if armed:
                armed.clear()
                raise OSError(5, "Input/output error")

        sa.event.listen(engine, "commit", lose)
        try:
            self.settle(delivery, Bounced(NO, "mx.b.test", START))
        finally:
            sa.event.remove(engine, "commit", lose)
        self.assertEqual(len(self.reports()), 1)


class SqliteReportTests(ReportLaws, SynchronousTestCase):
    """SQLite."""

    def place(self) -> str:
        return _database("sqlite") + "-reports"


class PostgresReportTests(ReportLaws, SynchronousTestCase):
    """PostgreSQL."""

    def place(self) -> str:
        return _postgres()


@cache
def _postgres() -> str:
    return fresh_database()
