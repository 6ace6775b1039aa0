"""Sending by HTTP: what is read of a body, which member a fault is laid to, and the status of each outcome."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from mailrelay.http.app import make_site
from mailrelay.interfaces.posting import Answer, IPostOffice, Post, Posted, Rehearsed
from mailrelay.mail.message import Message
from mailrelay.mail.reply import Reply
from mailrelay.manage.sending import MOST_IN_BATCH

from .wire import BEARER, TOKEN, SiteTestCase, Wire
from .wire import Answer as Response

OK = Answer("rcpt", "rcpt_ok", Reply(250, "2.1.5", "Ok"))
LETTER = {"from": "Ann <ann@example.com>", "to": "bob@example.net", "subject": "Hi", "text": "Hello"}


@implementer(IPostOffice)
class Office:
    """Remembers posts; answers them in turn as it is told, the last answer for ever."""

    def __init__(self) -> None:
        self.tallies: dict[str, Any] = {}
        self.posts: list[Post] = []
        self.answers: list[Posted] = [Posted("standard", (OK,), None, "M1")]

    def submit(self, post: Post) -> Deferred[Posted]:
        self.posts.append(post)
        return succeed(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])

    def rehearse(self, post: Post) -> Deferred[Rehearsed]:
        return self.submit(post).addCallback(lambda posted: Rehearsed(posted, post.source, post.source, available=5))


def refused(code: int, key: str, **facts: object) -> Posted:
    return Posted("standard", (), Answer("data", key, Reply(code, f"{code // 100}.7.1", "No"), "", "rule", facts))


class Sending(SiteTestCase):
    """A site over an office in memory."""

    def setUp(self) -> None:
        super().setUp()
        self.office = Office()
        self.site = make_site(
            api_token=TOKEN, installation=replace(self.installation, posts=self.office), clock=self.clock
        )

    def post(self, body: object, path: str = "/api/v1/messages") -> Response:
        octets = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = {**BEARER, "Host": "localhost", "Content-Type": "application/json", "Content-Length": str(len(octets))}
        wire = Wire(self.site)
        lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        wire.send("\r\n".join(lines).encode() + octets)
        return wire.answer("POST")

    def test_endless_recipients(self) -> None:
        """H16: a body of a hundred thousand recipients is refused by name before any of it is looked at closely."""
        begun = time.process_time()
        for member, body in (
            ("to", LETTER | {"to": ["b@example.net"] * 100_000}),
            ("batch", LETTER | {"batch": [{"to": "b@example.net"}] * 100_000}),
        ):
            problem = self.assert_problem(self.post(body), 400)
            self.assertEqual(str(problem["field"]).partition("[")[0], member)
        self.assertEqual(self.office.posts, [])
        self.assertLess(time.process_time() - begun, 20)

    def test_accepted(self) -> None:
        """202 with the id and the verdict on each recipient; names, addresses and options reach the office."""
        told = self.post(LETTER | {"cc": [{"address": "c@example.net", "name": "Cé"}], "tag": "t", "priority": "high"})
        self.assertEqual((told.status, told.json()["id"], told.json()["accepted"]), (202, "M1", True))
        (post,) = self.office.posts
        self.assertEqual([each.address for each in post.recipients], ["bob@example.net", "c@example.net"])
        self.assertEqual((str(post.sender and post.sender.address), post.connection), ("ann@example.com", "C1"))
        self.assertEqual(post.said, {"tag": "t", "priority": -1})
        self.assertEqual((post.peer.via, post.peer.listener), ("HTTP", "http"))
        self.assertEqual(Message.parse(post.source).text("From"), '"Ann" <ann@example.com>')

    def test_everything_said(self) -> None:
        """Every option becomes what the control header of our own dialect would say; nothing said, nothing set."""
        self.post(
            LETTER
            | {
                "template": "welcome", "variables": {"name": "Ü"}, "reference": "r", "route": "out",
                "metadata": {"a": "b"}, "files": [{"key": "k", "name": "n"}, {"key": "l"}], "track_opens": True,
                "track_clicks": False, "valid_until": "60", "idempotency_key": "i",
            }
        )  # fmt: skip
        self.assertEqual(
            self.office.posts[0].said,
            {
                "template": "welcome", "variables": '{"name": "Ü"}', "client_ref": "r", "route": "out",
                "metadata": {"a": "b"}, "files": (("k", "n"), ("l", "")), "track_opens": True, "track_clicks": False,
                "valid_for": 60, "idempotency_key": "i",
            },
        )  # fmt: skip
        self.post(LETTER)
        self.assertEqual(self.office.posts[1].said, {})

    def test_batch(self) -> None:
        """One post for each of a batch, with what is their own laid over what is everybody's; who is refused does not
        keep the others; a problem only when nobody was accepted."""
        batch = [{"to": "a@example.net", "variables": {"x": 2}}, {"to": "b@example.net", "reference": "r"}]
        body = {key: value for key, value in LETTER.items() if key != "to"} | {"variables": {"x": 1, "y": 1}}
        self.office.answers = [Posted("standard", (OK,), None, "M1"), refused(550, "recipient_suppressed")]
        told = self.post(body | {"batch": batch, "idempotency_key": "k"})
        self.assertEqual((told.status, [each["accepted"] for each in told.json()["messages"]]), (202, [True, False]))
        first, second = self.office.posts
        self.assertEqual(first.said["variables"], '{"x": 2, "y": 1}')
        self.assertEqual((second.said["variables"], second.said["client_ref"]), ('{"x": 1, "y": 1}', "r"))
        self.assertNotEqual(first.said["idempotency_key"], second.said["idempotency_key"])
        self.assertEqual(self.assert_problem(self.post(body | {"batch": batch}), 422)["field"], "to")

    def test_outcomes(self) -> None:
        """Refused for good 422, for now 503, too fast 429 with the seconds that the throttle told; each in the
        dialect's words with the member that it is about."""
        for answer, status, member, wait in (
            (refused(550, "from_disallowed"), 422, "from", None),
            (refused(554, "idempotency_conflict"), 422, "idempotency_key", None),
            (refused(554, "reference_invalid"), 422, "reference", None),
            (refused(452, "balance_short"), 503, None, "30"),
            (refused(451, "temporary"), 503, None, "30"),
            (refused(451, "rate_limited", wait=2.2), 429, None, "3"),
        ):
            self.office.answers = [answer]
            response = self.post(LETTER)
            problem = self.assert_problem(response, status)
            self.assertEqual((problem.get("field"), response.headers.get("retry-after")), (member, wait))
            self.assertEqual(problem["detail"], f"{status and str(answer.refusal and answer.refusal.reply)[4:]}")

    def test_unreadable(self) -> None:
        """What cannot be read is 400, and is laid to a member."""
        cases: Sequence[tuple[object, str | None]] = (
            (b"{", None),
            ([], None),
            ({}, "from"),
            (LETTER | {"to": []}, "to"),
            (LETTER | {"to": ["a@b.test, c@d.test"]}, "to[0]"),
            (LETTER | {"to": [{"address": "a b"}]}, "to"),
            (LETTER | {"from": "Ann <ann@example.com>, x@y.test"}, "from"),
            (LETTER | {"raw": "!"}, "raw"),
            (LETTER | {"raw": base64.b64encode(b"x: y\r\n\r\n").decode()}, "subject"),
            ({"raw": "eDogeQ==", "to": "a@b.test"}, "from"),
            (LETTER | {"return_path": "nobody"}, "return_path"),
            (LETTER | {"metadata": {"a": "b\n"}}, "metadata.a"),
            (LETTER | {"variables": {"a": "x" * 70_000}}, "variables"),
            (LETTER | {"valid_until": "tomorrow"}, "valid_until"),
            (LETTER | {"attachments": [{"name": "a", "content": "", "type": "x"}]}, "attachments[0].type"),
            (LETTER | {"batch": [{"to": "a@b.test"}]}, "batch"),
            (LETTER | {"batch": [{"to": "a@b.test"}] * (MOST_IN_BATCH + 1)}, "batch"),
            (LETTER | {"tag": 1}, "tag"),
        )
        for body, member in cases:
            problem = self.assert_problem(self.post(body), 400)
            self.assertEqual(problem.get("field"), member, problem)
        self.assertEqual(self.office.posts, [])
        self.assert_problem(self.post(LETTER | {"connection": "other"}), 404)

    def test_without_a_daemon(self) -> None:
        """An installation that takes no messages says so."""
        self.site = make_site(api_token=TOKEN, installation=self.installation, clock=self.clock)
        self.assert_problem(self.post(LETTER), 400)

    def test_preflight(self) -> None:
        """200 whatever it finds, with no id."""
        self.office.answers = [refused(550, "recipient_suppressed")]
        told = self.post(LETTER | {"text": "http://a.test/ x"}, "/api/v1/preflight")
        self.assertEqual((told.status, told.json()["accepted"]), (200, False))
        self.assertEqual((told.json()["links"], told.json()["balance"]["remaining"]), (["http://a.test/"], 5))
        self.assertNotIn("id", told.json())

    def test_bounds(self) -> None:
        """A large message is taken, one that no dialect could take is 413, and a stranger sends nothing."""
        large = base64.b64encode(b"x" * 100_000).decode()
        self.assertEqual(self.post(LETTER | {"attachments": [{"name": "a", "content": large}]}).status, 202)
        wire = Wire(self.site)
        wire.send(b"POST /api/v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
        self.assertEqual(wire.answer("POST").status, 413)
        wire = Wire(self.site)
        wire.send(b"POST /api/v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        self.assertEqual(wire.answer("POST").status, 401)
