"""What a long queue costs whoever looks at it: no more than a short one, told by the steps of SQLite's own machine."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.backlog import fill
from mailrelay.interfaces.ledger import Lane
from mailrelay.mail.envelope import SECOND
from mailrelay.store.claim import claim, expire, lanes, leases_of
from mailrelay.store.engine import Database
from mailrelay.store.migrate import bring_up_to_date
from mailrelay.store.nodes import owners
from mailrelay.store.work import Work
from tests.live.postgres import fast_folder

SHORT, LONG = 1_000, 50_000
#: Steps of SQLite's machine between two counts.
STEP = 10


class BacklogTests(SynchronousTestCase):
    """Two queues that differ in their length alone: half for one dead domain, half for ten others."""

    def steps(self, number: int) -> dict[str, int]:
        with tempfile.TemporaryDirectory(dir=fast_folder()) as folder:
            database = Database(folder)
            bring_up_to_date(database, 10)
            fill(folder, "A", "C", number, destination=lambda at: "dead.example" if at % 2 else f"d{at % 20}.example")
            now = 2_000_000_000 * SECOND
            lane = Lane("A", "dead.example", 0)
            asked: dict[str, Callable[[Work], Any]] = {
                "lanes": lambda work: lanes(work, {}, 500),
                "claim": lambda work: claim(work, [(lane, 10, now - 10**9 * SECOND)]),
                "expire": lambda work: expire(work, [0]),
                "owners": owners,
                "leases": lambda work: leases_of(work, "N"),
            }
            counted = {}
            with database.open_writer() as link:
                driver: Any = link.connection.driver_connection
                for name, ask in asked.items():
                    count = [0]
                    driver.set_progress_handler(lambda count=count: count.append(0), STEP)
                    with link.begin():
                        ask(Work(database, link, "N"))
                    driver.set_progress_handler(None, STEP)
                    counted[name] = len(count)
            return counted

    def test_no_longer_than_a_short_one(self) -> None:
        """Finding the lanes, claiming from one, and looking after the queue take no more steps among fifty thousand
        recipients than among a thousand."""
        short, long = self.steps(SHORT), self.steps(LONG)
        for name, steps in long.items():
            self.assertLess(steps, 2 * short[name] + 20, (name, short, long))
