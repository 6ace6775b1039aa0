"""What lies between the final dot and the commit: headers that control, recipients that are only put on record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mailrelay.interfaces.routes import StoredRoute
from mailrelay.mail.address import parse_mailbox
from mailrelay.mail.envelope import Personal, State, Submission
from mailrelay.mail.reply import Refusal
from mailrelay.mail.tags import Tags
from mailrelay.relay.source import CHUNK
from mailrelay.store.memory import MemoryBodies

from .fakes import START
from .test_submission import SOURCE, SlowDirectory, SubmissionTests


class PreparedTests(SubmissionTests):
    """Whole transactions, and what is stored of them."""

    def speak(self, **changes: Any) -> None:
        """The dialect from now on, changed so."""
        self.spoken = replace(self.spoken, **changes)

    def keep_route(self, account: str, id: str) -> None:
        self.state.routes[account, id] = StoredRoute(account, id, (("192.0.2.1", 25),))

    def accepted(self, *recipients: str, source: bytes = SOURCE) -> Submission:
        return self.state.submissions[self.successResultOf(self.submit(*recipients, source=source))]

    def states(self) -> dict[str, State]:
        return {entry.delivery.address: entry.state for entry in self.state.recipients.values()}


class InstructionTests(PreparedTests):
    def test_read_and_cut(self) -> None:
        """What control headers say is kept with the message, without the headers; that they were there is a verdict."""
        head = b"X-Relay-Tag: news\r\nX-Relay-Reference: 17\r\nX-Relay-Metadata-a: b\r\n"
        submission = self.accepted("a@b.test", source=head + SOURCE)
        asked = submission.instructions
        self.assertEqual((asked.tag, asked.client_ref, asked.metadata), ("news", "17", {"a": "b"}))
        self.assertTrue(submission.source.endswith(f"{START} {self.peer.session}\r\n".encode() + SOURCE))
        (told,) = [verdict for verdict in submission.verdicts if verdict["rule"] == "control_headers"]
        self.assertEqual(len(told["facts"]["headers"]), 3)  # type: ignore[index]

    def test_refused(self) -> None:
        """What cannot be read refuses the message, and why is kept."""
        refusal = self.data_refused(b"X-Relay-Variables: {\r\n" + SOURCE)
        self.assertEqual((refusal.key, refusal.fields["header"]), ("variables_invalid", "X-Relay-Variables"))
        _, _, _, stage, (*_, verdict) = self.verdicts.kept[-1]
        self.assertEqual((stage, verdict["rule"], verdict["reply"]), ("data", "control_headers", "variables_invalid"))

    def test_of_a_large_message(self) -> None:
        """A large message is read like a small one; where all of its octets are asked for they come back from the
        spool, and are stored once."""
        body = b"x" * 70 + b"\r\n"
        large = SOURCE + body * (2 * CHUNK // len(body))
        for head in (b"X-Relay-Tag: big\r\n", b"X-Relay-Idempotency-Key: k\r\n"):
            submission = self.accepted("a@b.test", source=head + large)
            stored = self.successResultOf(MemoryBodies(self.state).read(submission.id))
            self.assertTrue(stored.endswith(b"\r\n" + large) and stored.count(b"Subject:") == 1)
            self.assertNotIn(head, stored)
            self.assertEqual(
                set(self.state.spooled), {id for id, each in self.state.submissions.items() if each.spooled}
            )


class JudgedTests(PreparedTests):
    """What is asked for is judged with the message."""

    def test_routes(self) -> None:
        """A route must be one of the installation's, or be stored for the account; where one is required there is no
        choice among several."""
        for account, id in (("A", "eu"), ("", "all"), ("B", "theirs")):
            self.keep_route(account, id)
        for name in ("eu", "all", "ours"):
            submission = self.accepted("a@b.test", source=f"X-Relay-Route: {name}\r\n".encode() + SOURCE)
            self.assertEqual(submission.instructions.route, name)
        refusal = self.data_refused_of(b"X-Relay-Route: theirs\r\n" + SOURCE)
        self.assertEqual((refusal.key, refusal.fields), ("route_unknown", {"route": "theirs"}))
        self.speak(stages={**self.spoken.stages, "data": ("route_required",)})
        self.assertEqual(self.data_refused_of(SOURCE).key, "route_required")
        del self.state.routes["", "all"]
        self.accepted("a@b.test")

    def test_tags(self) -> None:
        """No more tags are taken than the dialect lets an account use."""
        self.speak(tag_limit=2, stages={**self.spoken.stages, "data": ("tag_limit",)})
        for tag in ("a", "b", "a"):
            self.accepted("a@b.test", source=f"X-Relay-Tag: {tag}\r\n".encode() + SOURCE)
        refusal = self.data_refused_of(b"X-Relay-Tag: c\r\n" + SOURCE)
        self.assertEqual((refusal.key, refusal.fields), ("tag_limit", {"tag": "c", "limit": 2}))
        self.accepted("a@b.test")

    def data_refused_of(self, source: bytes) -> Refusal:
        return self.refusal(self.submit("a@b.test", source=source))


class OnceTests(PreparedTests):
    """Messages under an idempotency key."""

    KEYED = b"X-Relay-Idempotency-Key: order-17\r\n" + SOURCE

    def told(self, *recipients: str, source: bytes = KEYED) -> str:
        return str(self.successResultOf(self.submit(*recipients, source=source)))

    def test_repeated(self) -> None:
        """A message repeated under its key gets the same id and is neither sent nor charged again, even when it was
        built anew with another date."""
        first = self.told("a@b.test")
        again = self.told("a@b.test", source=b"Date: Mon, 02 Feb 2026 00:00:00 +0000\r\n" + self.KEYED)
        self.assertEqual((again, len(self.state.recipients), self.state.balance["A"]), (first, 1, 9))
        self.assertEqual([len(deliveries) for deliveries, _ in self.scheduler.taken], [1, 0])

    def test_more_recipients(self) -> None:
        """What a repetition adds goes out from what was stored first."""
        first = self.told("a@b.test")
        self.assertEqual(self.told("a@b.test", "c@c.test"), first)
        deliveries, message = self.scheduler.taken[-1]
        self.assertEqual(([each.address for each in deliveries], message), (["c@c.test"], None))

    def test_another_message(self) -> None:
        """Another message under the same key is refused, and why is kept."""
        self.told("a@b.test")
        refusal = self.refusal(self.submit("a@b.test", source=self.KEYED + b"more\r\n"))
        self.assertEqual(refusal.key, "idempotency_conflict")
        self.assertEqual(self.verdicts.kept[-1][4][-1]["rule"], "idempotency")

    def test_large(self) -> None:
        """The same holds for a large message, which is compared whole and stored once."""
        large = self.KEYED + b"x" * 3 * CHUNK
        first = self.told("a@b.test", source=large)
        self.assertEqual(self.told("a@b.test", source=large), first)
        self.assertEqual((list(self.state.submissions), self.state.spooled), ([first], {}))
        self.assertEqual(self.refusal(self.submit("a@b.test", source=large + b"y")).key, "idempotency_conflict")


class KeptTests(PreparedTests):
    def test_only_these_headers(self) -> None:
        """A dialect may keep a closed list of headers; all others are dropped, the trace is ours."""
        self.speak(headers_kept=("From", "Subject"))
        stored = self.accepted("a@b.test", source=b"X-Mine: 1\r\nBcc: c@d.test\r\n" + SOURCE).source
        self.assertEqual(stored.split(b"\r\n", 1)[1], SOURCE)

    def test_names(self) -> None:
        """Where To gives names only, each recipient has the name at its own address, and To is made for each."""
        self.speak(recipient_names=True)
        submission = self.accepted("ann@b.test", "bob@b.test", source=b"To: Ann <ann@b.test>\r\n" + SOURCE)
        self.assertEqual([each.name for each in submission.recipients], ["Ann", ""])
        self.assertEqual(submission.personal, Personal(to=True))
        ((deliveries, _),) = self.scheduler.taken
        self.assertEqual(
            [(each.name, each.personal) for each in deliveries], [("Ann", Personal(to=True)), ("", Personal(to=True))]
        )


class PersonalTests(PreparedTests):
    """What is one recipient's own."""

    TAGS = Tags({"[Out]": "unsubscribe", "[Web]": "web_version"}, {"unsubscribe": "Leave", "web_version": "Read"})
    WHOLE = SOURCE + b"[Out] [Web]\r\n"

    def setUp(self) -> None:
        super().setUp()
        self.link_key = 7

    def options(self, **changes: Any) -> None:
        self.change(options={**self.spoken.options, **changes})

    def test_without_public_pages(self) -> None:
        """Without public pages nothing leads there, whatever is asked for."""
        self.link_key = 0
        self.options(track_opens=True, track_clicks=True, list_unsubscribe=True)
        self.speak(body_tags=self.TAGS)
        submission = self.accepted("a@b.test", source=b"X-Relay-Track-Opens: yes\r\n" + self.WHOLE)
        self.assertIsNone(submission.personal)
        self.assertTrue(submission.source.endswith(self.WHOLE))

    def test_the_message_beats_the_connection(self) -> None:
        """What the message says of tracking holds, else what its connection does."""
        self.options(track_opens=True, track_clicks=False, list_unsubscribe=True)
        head = b"X-Relay-Track-Opens: no\r\nX-Relay-Track-Clicks: yes\r\n"
        wanted = [self.accepted("a@b.test", source=each).personal for each in (SOURCE, head + SOURCE)]
        self.assertEqual(
            wanted,
            [
                Personal(opens=True, list_unsubscribe=True, key="7"),
                Personal(clicks=True, list_unsubscribe=True, key="7"),
            ],
        )

    def test_tags(self) -> None:
        """Tags in the body become marks, in a large message too."""
        self.speak(body_tags=self.TAGS)
        for source in (self.WHOLE, SOURCE + (b"x" * 70 + b"\r\n") * 4000 + b"[Out] [Web]\r\n"):
            submission = self.accepted("a@b.test", source=source)
            self.assertEqual(submission.personal, Personal(tags=True, key="7"))
            self.assertTrue(submission.source.endswith(b"mailrelay-link:unsubscribe mailrelay-link:web_version\r\n"))

    def test_missing_tags(self) -> None:
        """Tags that are missing are added, put the message on record, or refuse it, as the connection says."""
        self.speak(body_tags=self.TAGS)
        self.options(missing_tags="append")
        self.assertIn(b"Leave: mailrelay-link:unsubscribe\r\n", self.accepted("a@b.test").source)
        self.options(missing_tags="reject")
        self.accepted("a@b.test", "b@b.test", source=SOURCE + b"[Out]\r\n")
        told = {entry.last for entry in self.state.recipients.values()} - {""}
        self.assertEqual(told, {"the body lacks a link that it must have: web_version"})
        self.assertEqual(self.state.balance["A"], 9)
        self.accepted("a@b.test", source=self.WHOLE)
        self.options(missing_tags="refuse")
        refusal = self.refusal(self.submit("a@b.test"))
        self.assertEqual((refusal.key, refusal.facts["missing"]), ("tags_missing", ["unsubscribe", "web_version"]))
        self.assertEqual(self.verdicts.kept[-1][4][-1]["rule"], "body_tags")

    def test_only_route(self) -> None:
        """An account sends by its own route where there is no other; one that serves all is taken only by name."""
        self.keep_route("", "all")
        self.assertEqual(self.accepted("a@b.test").instructions.route, "")
        del self.state.routes["", "all"]
        self.keep_route("A", "eu")
        self.assertEqual(self.accepted("a@b.test").instructions.route, "eu")
        self.keep_route("A", "us")
        self.assertEqual(self.accepted("a@b.test").instructions.route, "")

    def test_route_of_the_connection(self) -> None:
        """Where the message names no route its connection's holds, and is judged like any other."""
        self.options(default_route="ours")
        self.keep_route("A", "eu")
        routes = [
            self.accepted("a@b.test", source=each).instructions.route
            for each in (SOURCE, b"X-Relay-Route: eu\r\n" + SOURCE)
        ]
        self.assertEqual(routes, ["ours", "eu"])
        self.options(default_route="gone")
        self.assertEqual(self.refusal(self.submit("a@b.test")).key, "route_unknown")


class OnRecordTests(PreparedTests):
    def test_only_the_first(self) -> None:
        """Where only the first recipient is sent to, every RCPT is answered well, one is paid for, the others are on
        record."""
        self.state.balance["A"] = 1
        self.speak(recipients_sent="first")
        self.accepted("z@b.test", "a@b.test", "m@b.test")
        want = {"z@b.test": State.QUEUED, "a@b.test": State.SUPPRESSED, "m@b.test": State.SUPPRESSED}
        self.assertEqual((self.states(), self.state.balance["A"]), (want, 0))
        self.assertEqual(
            {entry.last for entry in self.state.recipients.values()},
            {"", "only the first recipient of a message is sent to"},
        )

    def test_the_first_is_the_first_named(self) -> None:
        """It is the first RCPT that was answered well, however long its look-up took."""
        self.speak(recipients_sent="first")
        self.state.full["A", "full@b.test"] = START
        self.directory = slow = SlowDirectory(self.state)
        transaction = self.begin()
        judged = [transaction.rcpt(parse_mailbox(f"{name}@b.test")) for name in ("full", "one", "two")]
        slow.asked.reverse()
        while slow.asked:
            slow.answer()
        self.failureResultOf(judged[0])
        transaction.write(SOURCE)
        self.successResultOf(transaction.finish())
        self.assertEqual(self.states(), {"one@b.test": State.QUEUED, "two@b.test": State.SUPPRESSED})

    def test_a_suppressed_first(self) -> None:
        """If the first is suppressed nobody is sent to; the message is accepted all the same."""
        self.speak(recipients_sent="first", suppressed="fail")
        self.state.suppressions["A", "a@b.test"] = "complaint"
        self.accepted("a@b.test", "b@b.test")
        self.assertEqual((set(self.states().values()), self.state.balance["A"]), ({State.SUPPRESSED}, 10))

    def test_suppressed(self) -> None:
        """A suppressed recipient that is not refused is on record with the reason, costs nothing, and takes nobody's
        place in the balance; reasons that do not count are sent to."""
        self.state.balance["A"] = 2
        self.state.suppressions |= {("A", "out@b.test"): "unsubscribe", ("A", "hard@b.test"): "hard_bounce"}
        for suppressed in ("fail", "drop"):
            self.state.balance["A"] = 2
            self.state.recipients.clear()
            self.speak(suppressed=suppressed, suppressing=("unsubscribe",))
            self.accepted("out@b.test", "hard@b.test", "in@b.test")
            want = {"out@b.test": State.SUPPRESSED, "hard@b.test": State.QUEUED, "in@b.test": State.QUEUED}
            self.assertEqual((self.states(), self.state.balance["A"]), (want, 0))
        (entry,) = [entry for entry in self.state.recipients.values() if entry.key == "out@b.test"]
        self.assertEqual(entry.last, "the address is suppressed: unsubscribe")
        (submission,) = [each for each in self.state.submissions.values() if each.id == entry.delivery.message]
        (told,) = [verdict["facts"] for verdict in submission.verdicts if verdict["rule"] == "sent_to"]
        self.assertEqual(told, {"address": "out@b.test", "sent": False, "reason": entry.last})
        self.assertEqual([each.rejected_told for each in self.state.submissions.values()], [True, False])
