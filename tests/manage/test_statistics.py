"""Statistics as people and programs ask for them, over a real store."""

from __future__ import annotations

from typing import Any

from mailrelay.mail.envelope import SECOND, Instructions, Settlement, State
from mailrelay.manage import accounts, connections, domains, plain, statistics
from mailrelay.manage.errors import Invalid, Unknown
from mailrelay.manage.statistics import Asked
from tests.store.worlds import submission

from .place import InstallationTestCase

HOUR = 3600 * SECOND


class StatisticsTests(InstallationTestCase):
    """Two connections of two dialects, and what became of their mail."""

    def setUp(self) -> None:
        super().setUp()
        self.account = self.done(accounts.create(self.place, "shop", 1000))
        self.done(domains.add(self.place, "shop", "shop.test", verified=True))
        made = [
            self.done(
                connections.create(self.place, connections.Wanted("shop", name, dialect, "a@shop.test", active=True))
            )
            for name, dialect in (("web", "devino"), ("app", "emaildelivery"))
        ]
        self.web, self.app = (each.connection for each in made)

    def send(self, connection: str, *addresses: str, tag: str = "", state: State = State.QUEUED) -> None:
        """Accept mail now and bring all of it to a state."""
        billing = {self.web.id: "attempt"}.get(connection, "accept")
        made = submission(
            self.account.id, connection, addresses, self.at, billing=billing, instructions=Instructions(tag=tag)
        )
        self.done(self.store.ledger.accept(made, state is not State.QUEUED))
        charge = "capture" if state.final and billing == "attempt" else ""
        for recipient in made.recipients if state is not State.QUEUED else ():
            self.done(self.store.ledger.settle(Settlement(recipient.id, state, charge=charge, at=self.at)))

    def report(self, **asked: Any) -> statistics.Report:
        """A report, whose parts are the same when they alone are asked for."""
        found = self.done(statistics.report(self.place, Asked(**asked)))
        self.assertEqual(self.done(statistics.parts(self.place, Asked(**asked))), found.parts)
        return found

    def numbers(self, lines: Any) -> dict[str, int]:
        return {line.label: line.number for line in lines if line.number}

    def test_one_dialect(self) -> None:
        """A connection's statistics have the rows of its service, whose arithmetic holds."""
        self.send(self.web.id, "a@b.test", "b@b.test", state=State.DELIVERED)
        self.send(self.web.id, "c@b.test", state=State.BOUNCED)
        self.send(self.web.id, "d@b.test", state=State.SUPPRESSED)
        self.send(self.web.id, "e@b.test")
        self.send(self.app.id, "a@b.test")
        found = self.report(connection="web")
        self.assertEqual(
            self.numbers(found.lines),
            {
                "Протарифицировано": 4,
                "Отправляется": 1,
                "Доставлено": 2,
                "Ошибки при доставке": 1,
                "Отклонено": 1,
                "Всего": 5,
            },
        )
        self.assertEqual(found.dialect, "devino")

    def test_several_dialects(self) -> None:
        """An account whose connections speak several dialects is told in our own rows, by connection too."""
        self.send(self.web.id, "a@b.test", state=State.DELIVERED)
        self.send(self.app.id, "a@b.test", "b@b.test", state=State.DELIVERED)
        found = self.report(account="shop", by="connection")
        self.assertEqual((found.dialect, self.numbers(found.lines)), ("standard", {"accepted": 3, "delivered": 3}))
        self.assertEqual([(part.of, part.counts["accepted"]) for part in found.parts], [("app", 2), ("web", 1)])

    def test_by_time(self) -> None:
        """Each step of the span is there, and days are those of the account's zone."""
        self.done(accounts.change(self.place, "shop", {"zone": "Asia/Tokyo"}))
        self.send(self.app.id, "a@b.test")
        self.at += 12 * HOUR
        self.send(self.app.id, "a@b.test", "b@b.test")
        found = self.report(period="week", by="day")
        counted = {part.of: part.counts["accepted"] for part in found.parts}
        self.assertEqual(len(counted), 7)
        # 03:04 UTC is noon in Tokyo, and twelve hours later the next day has begun
        self.assertEqual((counted["2026-01-02"], counted["2026-01-03"]), (1, 2))
        hours = self.report(by="hour").parts
        self.assertEqual([(part.of, part.counts["accepted"]) for part in hours], [("2026-01-03T00:00:00+09:00", 2)])
        self.assertEqual([part.of for part in self.report(period="month", by="month").parts], ["2025-12", "2026-01"])

    def test_by_tag_and_domain(self) -> None:
        """Tags and domains are told apart, the most frequent first, and can be asked for alone."""
        self.send(self.app.id, "a@b.test", "a@c.test", tag="news")
        self.send(self.app.id, "b@b.test")
        self.assertEqual([part.of for part in self.report(by="tag").parts], ["news", ""])
        by_domain = self.report(connection="app", by="domain").parts
        self.assertEqual([(part.of, part.counts["accepted"]) for part in by_domain], [("b.test", 2), ("c.test", 1)])
        self.assertEqual(self.report(tag="").counts["accepted"], 1)
        self.assertEqual(self.report(domain="C.test", by="hour").counts["accepted"], 1)

    def test_refused(self) -> None:
        """What cannot be counted, or is not there, is told with its field."""
        for asked, field in (
            ({"by": "moon"}, "by"),
            ({"tag": "a", "domain": "b.test"}, "tag"),
            ({"tag": "a", "by": "domain"}, "tag"),
            ({"domain": "b.test", "by": "tag"}, "domain"),
            ({"tag": "a", "by": "provider"}, "by"),
            ({"domain": "b..test"}, "domain"),
            ({"period": "x"}, "period"),
        ):
            with self.subTest(asked=asked):
                error = self.failureResultOf(statistics.report(self.place, Asked(**asked)), Invalid).value
                self.assertEqual(error.field, field)
        self.failureResultOf(statistics.report(self.place, Asked(connection="none")), Unknown)
        self.failureResultOf(accounts.change(self.place, "shop", {"zone": "Mars/Base"}), Invalid)

    def test_plain(self) -> None:
        """The form in which it leaves the house."""
        self.send(self.app.id, "a@b.test", state=State.DELIVERED)
        found = plain.report(self.report(connection="app", by="hour"))
        self.assertEqual((found["connection"], found["zone"], found["by"]), ("app", "UTC", "hour"))
        self.assertEqual((found["from"], found["to"]), ("2026-01-02T00:00:00+00:00", "2026-01-02T04:00:00+00:00"))
        rows: Any = found["rows"]
        self.assertEqual(rows[1], {"label": "send", "number": 1, "percent": 100.0})
        parts: Any = found["parts"]
        self.assertEqual(parts[-1]["of"], "2026-01-02T03:00:00+00:00")
