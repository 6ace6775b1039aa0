"""The send history over HTTP: what became of messages, in the objects that the command line prints."""

from __future__ import annotations

import csv
import io
import json
from unittest.mock import patch

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from mailrelay.interfaces.history import Selection
from mailrelay.mail.envelope import DAY, SECOND, State

from .wire import TOKEN, SiteTestCase, Wire, passage

ONE, TWO = "0" * 25 + "1", "0" * 25 + "2"


class MessagesTests(SiteTestCase):
    passages = (passage(TWO, rcpt="eve@example.org", state=State.DELIVERED), passage(ONE))

    def test_objects(self) -> None:
        """One object for each recipient, with the agreed keys first and in their order."""
        first, second = self.get("/api/v1/messages").json()["messages"]
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
        self.assertEqual([each["id"] for each in found.json()["messages"]], [ONE])
        selection, _ = self.history.asked[-1]
        self.assertEqual((selection.message, selection.to, selection.account), (ONE, "bob@example.org", "A1"))
        self.assertEqual((selection.connection, selection.states), ("C1", (State.QUEUED, State.DEFERRED)))
        self.get("/api/v1/messages?limit=7&state=bounced&state=failed&to=a+b@example.org")
        selection, _ = self.history.asked[-1]
        self.assertEqual(selection, Selection(to="a+b@example.org", states=(State.BOUNCED, State.FAILED)))
        self.get("/api/v1/messages?domain=Example.org&tag=x&ref=r+1&from=1971-01-01&until=1971-01-01T00:00:01%2B00:00")
        selection, _ = self.history.asked[-1]
        self.assertEqual(
            selection,
            Selection(destination="example.org", tag="x", client_ref="r 1", since=365 * DAY, until=365 * DAY + SECOND),
        )

    def test_times_of_an_account(self) -> None:
        """A time without a zone is in that of the account that is meant, by its name or by a connection's."""
        for query in ("account=acme", "connection=news"):
            self.get(f"/api/v1/messages?{query}&from=1971-01-01")
            selection, _ = self.history.asked[-1]
            self.assertEqual(selection.since, 365 * DAY)

    def test_pages(self) -> None:
        """The answer tells where the next page begins, and the last one that there is none."""
        page = self.get("/api/v1/messages?limit=1").json()
        self.assertEqual([each["id"] for each in page["messages"]], [TWO])
        last = self.get(f"/api/v1/messages?limit=1&before={page['next']}").json()
        self.assertEqual(([each["id"] for each in last["messages"]], last["next"]), ([ONE], ""))

    def test_export(self) -> None:
        """An export is a file, its cells no formulas; what is wrong with the question is a problem, not a file."""
        found = self.get("/api/v1/messages/export?format=csv")
        self.assertEqual(found.headers["content-type"], "text/csv; charset=utf-8")
        self.assertIn("messages.csv", found.headers["content-disposition"])
        rows = list(csv.DictReader(io.StringIO(found.text)))
        self.assertEqual([(row["id"], row["state"]) for row in rows], [(TWO, "delivered"), (ONE, "deferred")])
        lines = self.get(f"/api/v1/messages/export?format=ndjson&id={ONE}").text.splitlines()
        self.assertEqual([json.loads(line)["id"] for line in lines], [ONE])
        self.assertEqual(self.get("/api/v1/messages/export?format=ndjson&to=nobody@x.org").text, "")
        self.assertEqual(self.assert_problem(self.get("/api/v1/messages/export?format=xls"), 400)["field"], "format")
        self.assert_problem(self.get("/api/v1/messages/export?account=nope"), 404)

    def test_a_slow_reader(self) -> None:
        """No page is made before the last one was taken, and none once the reader has gone."""
        request = f"GET /api/v1/messages/export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
        for gone in (False, True):
            wire = Wire(self.site)
            channel = wire.channel._channel
            wire.read_slowly()
            del self.history.asked[:]
            with patch("mailrelay.manage.export.PAGE", 1):
                wire.send(request)
                channel.resumeProducing()  # the first line, of columns
                self.assertIn(TWO.encode(), wire.transport.value())
                self.assertEqual(len(self.history.asked), 1)
                if gone:
                    channel.stopProducing()
                    channel.connectionLost(Failure(ConnectionDone()))
                    self.assertEqual(len(self.history.asked), 1)
                else:
                    channel.resumeProducing()
                    self.assertEqual(len(self.history.asked), 2)
                    self.assertIn(ONE.encode(), wire.transport.value())

    def test_resending(self) -> None:
        """What is to be sent again is named by an object of addresses; anything else, and no message, is a problem."""
        for body, field in ((b"{", ""), (b"[]", ""), (b'{"from":[]}', "from"), (b'{"to":"a@b.test"}', "to")):
            wire = Wire(self.site)
            head = f"POST /api/v1/messages/{ONE}/resend HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
            wire.send(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            problem = self.assert_problem(wire.answer("POST"), 400)
            self.assertEqual(problem.get("field", ""), field)

    def test_nothing(self) -> None:
        """A recipient without mail has an empty list."""
        self.assertEqual(self.get("/api/v1/messages?to=nobody@example.org").json(), {"messages": [], "next": ""})

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
