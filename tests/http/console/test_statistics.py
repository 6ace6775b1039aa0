"""The page of statistics and its chart, without a browser."""

from __future__ import annotations

import csv
import io

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.http.console import chart
from mailrelay.http.console.statistics_view import SHOWN
from mailrelay.mail.envelope import Instructions, Settlement, State
from mailrelay.manage import connections
from mailrelay.manage.connections import Wanted
from tests.store.worlds import submission

from .visiting import Visiting

PAGE = "/console/statistics"


class Chart(SynchronousTestCase):
    def test_scale(self) -> None:
        """The axis ends at the least of 1, 2, 5 and noughts that everything fits below."""
        found = [chart.scale(each) for each in (0, 1, 2, 3, 5, 6, 10, 11, 99, 100, 501)]
        self.assertEqual(found, [1, 1, 2, 5, 5, 10, 10, 20, 100, 100, 1000])
        self.assertEqual([chart.short(each) for each in (0, 500, 2000, 2_500_000)], ["0", "500", "2k", "2.5M"])

    def test_stacked(self) -> None:
        """A bar is as high as its count, stands on the one below, and says what it is; what is nothing is not drawn."""
        shown = chart.bars("Mail", "told", [("<08:00>", {"delivered": 5, "bounced": 5, "failed": 0}), ("09:00", {})])
        self.assertIn("&lt;08:00&gt;: 5 delivered, 5 bounced", shown)
        self.assertIn("09:00: nothing", shown)
        self.assertEqual(shown.count('class="bar'), 2)
        self.assertIn('y="108.0" width="268.8" height="100.0" class="bar delivered"', shown)
        self.assertIn('y="8.0" width="268.8" height="100.0" class="bar bounced"', shown)
        self.assertIn("<desc", shown)


class Page(Visiting):
    def setUp(self) -> None:
        super().setUp()
        made = connections.create(self.place, Wanted("shop", "web", "devino", "app@shop.test", active=True))
        self.web = self.successResultOf(made).connection

    def send(self, *addresses: str, tag: str = "", state: State = State.DELIVERED) -> None:
        at = self.place.now()
        made = submission(
            self.account, self.web.id, addresses, at, billing="attempt", instructions=Instructions(tag=tag)
        )
        ledger = self.store.ledger
        self.successResultOf(ledger.accept(made, True))
        for recipient in made.recipients:
            self.successResultOf(ledger.settle(Settlement(recipient.id, state, charge="capture", at=at)))

    def test_counted(self) -> None:
        """Counts and shares by status, the rows of the one dialect, parts by tag, a chart with its table; a tag that
        is a script is a text."""
        self.send("a@b.test", "b@b.test", tag="<script>")
        self.send("c@b.test", tag="<script>", state=State.BOUNCED)
        self.send("d@c.test")
        shown = self.get(f"{PAGE}?period=today").text
        for words in ("75.00 %", "In the rows of devino", "&lt;script&gt;", "3 (75 %)", "Mail by hour", "<desc"):
            self.assertIn(words, shown)
        self.assertNotIn("<script>", shown)
        self.assertIn("b.test", self.get(f"{PAGE}?apart=domain").text)
        for apart in ("provider", "connection", "nonsense"):
            self.assertEqual(self.get(f"{PAGE}?apart={apart}").status, 200)

    def test_long_tables(self) -> None:
        """Of a long table the page shows the most frequent, and says where the others are: in its CSV."""
        self.done("POST", "accounts/shop/topup", {"sends": SHOWN + 6})
        self.send("b@first.test", "c@first.test")
        self.send(*(f"a@{number}.test" for number in range(SHOWN + 4)))
        shown = self.get(f"{PAGE}?period=today&apart=domain").text
        self.assertLess(shown.index("first.test"), shown.index("0.test"))
        self.assertIn("5 more, all of them in the ", shown)
        self.assertEqual(shown.count(".test</div>"), SHOWN)
        rows = self.get(f"{PAGE}/export?period=today&apart=domain&table=domain").text.splitlines()
        self.assertEqual(len(rows), 1 + SHOWN + 5)

    def test_every_time(self) -> None:
        """Each period, and hours from one to another, up to years; what is no time is told beside its field."""
        self.send("a@b.test")
        for period in ("today", "week", "month", "3months", "6months", "year"):
            self.assertIn("1 (100 %)", self.get(f"{PAGE}?period={period}&connection={self.web.id}").text, period)
        for since, by in (("2023-11-14T22:00", "hour"), ("2023-10-01T00:00", "day"), ("2023-01-01T00:00", "month")):
            self.assertIn(f"Mail by {by}", self.get(f"{PAGE}?since={since}&until=2023-11-14T23:00").text)
        wrong = self.get(f"{PAGE}?since=2023-11-14T22:00&until=2023-11-14T20:00")
        self.assertEqual(wrong.status, 400)
        self.assertIn('id="until-fault"', wrong.text)
        self.assertEqual(self.get(f"{PAGE}?connection=nothing").status, 404)

    def test_nothing(self) -> None:
        """Where nothing was sent the page says what to do."""
        self.assertIn("Send a mail, or choose a longer time", self.get(PAGE).text)

    def test_export(self) -> None:
        """Each table goes out as CSV, in which no cell is a formula; an unknown one is not there."""
        self.send("a@b.test", tag="=cmd()")
        for name in ("statuses", "rows", "people", "tag", "time", "durations"):
            answer = self.get(f"{PAGE}/export?period=today&table={name}")
            self.assertEqual(answer.status, 200, name)
            self.assertIn("attachment", answer.headers["content-disposition"])
            self.assertEqual(answer.headers["content-type"], "text/csv; charset=utf-8")
            rows = list(csv.reader(io.StringIO(answer.text)))
            if name == "tag":
                self.assertEqual(rows[1][:3], ["'=cmd()", "1 (100 %)", "1 (100 %)"])
        self.assertEqual(self.get(f"{PAGE}/export?period=today&table=none").status, 404)
