"""The send history over HTTP: what became of messages, in the objects that the command line prints."""

from __future__ import annotations

from mailrelay.interfaces.history import Selection
from mailrelay.mail.envelope import State

from .wire import SiteTestCase, passage

ONE, TWO = "0" * 25 + "1", "0" * 25 + "2"


class MessagesTests(SiteTestCase):
    passages = (passage(TWO, rcpt="eve@example.org", state=State.DELIVERED), passage(ONE))

    def test_objects(self) -> None:
        """One object for each recipient, with the agreed keys first and in their order."""
        first, second = self.get("/api/v1/messages").json()
        keys = "id, connection, rcpt, state, dialect_status, last_reply, attempts, billed, tag, client_ref"
        self.assertEqual(", ".join(list(second)[:10]), keys)
        self.assertEqual(
            list(second.values())[:10],
            [ONE, "news", "bob@example.org", "deferred", "soft_bounce", "450 4.2.0 Busy", 2, 1, "t", "r"],
        )
        self.assertEqual((first["id"], first["dialect_status"]), (TWO, "delivered"))

    def test_filters(self) -> None:
        """Every filter that is given narrows the selection; names are resolved."""
        found = self.get(
            f"/api/v1/messages?id={ONE}&to=bob@example.org&account=acme&connection=news&state=queued,deferred"
        )
        self.assertEqual([each["id"] for each in found.json()], [ONE])
        selection, limit = self.history.asked[-1]
        self.assertEqual((selection.message, selection.to, selection.account), (ONE, "bob@example.org", "A1"))
        self.assertEqual((selection.connection, selection.states), ("C1", (State.QUEUED, State.DEFERRED)))
        self.assertEqual(limit, 1000)
        self.get("/api/v1/messages?limit=7&state=bounced&state=failed&to=a+b@example.org")
        selection, limit = self.history.asked[-1]
        self.assertEqual(selection, Selection(to="a+b@example.org", states=(State.BOUNCED, State.FAILED)))
        self.assertEqual(limit, 7)

    def test_nothing(self) -> None:
        """A recipient without mail has an empty list."""
        self.assertEqual(self.get("/api/v1/messages?to=nobody@example.org").json(), [])

    def test_unknown(self) -> None:
        """An id, account or connection that does not exist is 404."""
        for query in ("id=nope", f"id={'0' * 25}9", "account=nope", "connection=nope"):
            self.assert_problem(self.get(f"/api/v1/messages?{query}"), 404)

    def test_bad_values(self) -> None:
        """A value that cannot be read is 400 and names its field."""
        for query, field in (
            ("limit=0", "limit"),
            ("limit=-1", "limit"),
            ("limit=x", "limit"),
            ("limit=10001", "limit"),
            ("limit=%D9%A1", "limit"),
            ("limit=1&limit=2", "limit"),
            ("state=gone", "state"),
            ("to=nobody", "to"),
            ("to=%ff", "to"),
            ("id=%00", "id"),
        ):
            problem = self.assert_problem(self.get(f"/api/v1/messages?{query}"), 400)
            self.assertEqual(problem["field"], field, query)
            self.assertIn(field, str(problem["detail"]))
