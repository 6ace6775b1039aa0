"""The explanation of a message over HTTP, in the object that the command line prints."""

from __future__ import annotations

from twisted.internet.defer import succeed

from mailrelay.interfaces.engagement import Engagement
from mailrelay.interfaces.history import Attempt
from mailrelay.mail.envelope import State
from mailrelay.mail.event import Event

from .wire import SiteTestCase, ask, passage

ID = "0" * 25 + "1"


class ExplainTests(SiteTestCase):
    passages = (passage(ID),)

    def setUp(self) -> None:
        super().setUp()
        verdict = {"rule": "rate", "allowed": True, "facts": {"wait": 0}}
        made = Attempt(
            2, 1_500_000, "out", "mx.example.org", "192.0.2.1", "TLSv1.3 TLS_X dane",
            "s._domainkey.example.com (rsa-sha256)",
            State.DEFERRED, "450 4.2.0 Busy", 2_000_000, {"rule": "schedule", "delay": 60},
            "0.000 S: 450\n0.001 C: QUIT",
        )  # fmt: skip
        self.history.verdicts = lambda id: succeed([verdict])  # type: ignore[attr-defined]
        self.history.attempts = lambda recipient: succeed([made])  # type: ignore[attr-defined]
        opened = Engagement("E1", f"{ID}-1", Event.OPENED, 3_000_000, "", "", "192.0.2.9", "Mail")
        self.history.acts = lambda recipient: succeed([opened])  # type: ignore[attr-defined]

    def test_object(self) -> None:
        """Decisions in order, then each recipient with its attempts and what comes next."""
        found = self.get(f"/api/v1/messages/{ID}/explain").json()
        self.assertEqual(list(found), ["id", "decisions", "recipients", "left_out"])
        self.assertEqual(
            found["decisions"],
            [{"stage": "rate", "rule": "rate", "allowed": True, "facts": {"wait": 0}, "reply": ""}],
        )
        (recipient,) = found["recipients"]
        self.assertEqual(recipient["passage"]["rcpt"], "bob@example.org")
        self.assertEqual(
            recipient["attempts"],
            [
                {
                    "number": 2,
                    "at": "1970-01-01T00:00:01.500Z",
                    "route": "out",
                    "host": "mx.example.org",
                    "address": "192.0.2.1",
                    "tls": "TLSv1.3",
                    "cipher": "TLS_X",
                    "security": "dane",
                    "signed": "s._domainkey.example.com (rsa-sha256)",
                    "state": "deferred",
                    "reply": "450 4.2.0 Busy",
                    "next_at": "1970-01-01T00:00:02.000Z",
                    "why": {"rule": "schedule", "delay": 60},
                    "transcript": ["0.000 S: 450", "0.001 C: QUIT"],
                }
            ],
        )
        self.assertEqual(
            recipient["next"], {"at": "1970-01-01T00:00:02.000Z", "rule": "schedule", "facts": {"delay": 60}}
        )
        self.assertIsNone(recipient["report"])
        self.assertEqual(
            recipient["acts"],
            [
                {
                    "at": "1970-01-01T00:00:03.000Z",
                    "act": "opened",
                    "machine": "",
                    "target": "",
                    "address": "192.0.2.9",
                    "agent": "Mail",
                }
            ],
        )

    def test_one_recipient(self) -> None:
        """`to` names one recipient; a plus sign that nobody escaped is one."""
        self.get(f"/api/v1/messages/{ID}/explain?to=Bob@example.org")
        self.assertEqual(self.history.asked[-1][0].to, "bob@example.org")
        self.assert_problem(self.get(f"/api/v1/messages/{ID}/explain?to=a+b@example.org"), 404)
        self.assertEqual(self.history.asked[-1][0].to, "a+b@example.org")

    def test_what_cannot_be(self) -> None:
        """An unknown id is 404, an address that is none 400, a caller without the token 401."""
        self.assert_problem(self.get(f"/api/v1/messages/{'0' * 25}9/explain"), 404)
        self.assertEqual(self.assert_problem(self.get(f"/api/v1/messages/{ID}/explain?to=x"), 400)["field"], "to")
        self.assert_problem(ask(self.site, f"/api/v1/messages/{ID}/explain"), 401)
        wrong = {"Authorization": "Bearer no"}
        self.assert_problem(ask(self.site, f"/api/v1/messages/{ID}/explain", headers=wrong), 401)
