"""Commands about reports of TLS."""

from __future__ import annotations

from mailrelay.mail.tls_report import Session
from mailrelay.store import open_store
from tests.store.worlds import new_id, result

from .running import CommandTestCase


class TlsReportTests(CommandTestCase):
    def test_reports(self) -> None:
        """A report is listed, shown with what stands in it, and sent again when an operator asks for that."""
        self.furnish()
        self.assertEqual(self.data("tls-report", "list"), [])
        counted = {Session("b.test", 20_000, "no-policy-found"): 3, Session("b.test", 100_000, "no-policy-found"): 1}
        due = {("b.test", 20_000): 10**18, ("b.test", 100_000): 10**18}
        store = open_store(self.state, node=new_id(), now=lambda: 0, inline=True)
        result(store.tls_reports.add(counted, due))
        result(store.close())
        (found,) = [each for each in self.data("tls-report", "list", "--domain", "B.test") if each["day"] < "2100"]
        self.assertEqual((found["day"], found["status"], found["attempts"]), ("2024-10-04", "waiting", 0))
        shown = self.data("tls-report", "show", "b.test", "2024-10-04")
        self.assertEqual(shown["policies"][0]["summary"]["total-successful-session-count"], 3)
        sent = self.data("tls-report", "send", "b.test", "2024-10-04")
        self.assertLess(sent["due_at"], found["due_at"])
        self.assertIn("b.test", self.good("tls-report", "list"))
        self.assertIn("the day is not over", self.bad("tls-report", "send", "b.test", "2243-10-17"))
        self.assertIn("there is no 'c.test 2024-10-04'", self.bad("tls-report", "show", "c.test", "2024-10-04"))
        self.assertIn("no date", self.bad("tls-report", "show", "b.test", "yesterday"))
