"""The port of figures: valid for Prometheus' own parsers, one reading for many, and health in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.http.metrics import KEPT, exposition, make_metrics_site
from mailrelay.manage.measures import MEASURES, Reading, Spread

from .wire import ask

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def every() -> list[Reading]:
    """One reading of each measure, with labels that want escaping."""
    spread = Spread((0.5, 1, 2.5), (1, 0, 2, 4), 99.5)
    return [
        Reading(name, spread if each.kind == "histogram" else 3, tuple(f'a"\\\n{label}' for label in each.labels))
        for name, each in MEASURES.items()
    ]


class Exposition(SynchronousTestCase):
    """What is written."""

    def test_valid(self) -> None:
        """Both forms are read by prometheus-client's parsers, and give back every figure as it was."""
        for accept, parse in ((OPENMETRICS, openmetrics), ("", plain)):
            octets, media_type = exposition(every(), accept)
            self.assertIn("openmetrics" if accept else "text/plain", media_type)
            found = {
                (sample.name, tuple(sample.labels.values())): sample.value
                for family in parse(octets.decode())
                for sample in family.samples
            }
            for name, each in MEASURES.items():
                self.assertTrue({series for series, _ in found} >= set(each.series), (name, accept))
            self.assertEqual(found["mailrelay_deliveries_total", ('a"\\\noutcome', 'a"\\\nprovider')], 3)
            below = [found["mailrelay_commit_seconds_bucket", (bound,)] for bound in ("0.5", "1.0", "2.5", "+Inf")]
            self.assertEqual(below, [1, 1, 3, 7])
            self.assertEqual(found["mailrelay_commit_seconds_sum", ()], 99.5)

    def test_unknown(self) -> None:
        """A figure that the table does not have cannot be told."""
        self.assertRaises(KeyError, exposition, [Reading("mailrelay_made_up", 1)])


class Site(SynchronousTestCase):
    """What is answered."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.read = 0
        self.obstacles: Any = []

    def ask(self, path: str, method: str = "GET") -> Any:
        async def read() -> Sequence[Reading]:
            self.read += 1
            return every()

        async def obstacles() -> Sequence[str]:
            if isinstance(self.obstacles, Exception):
                raise self.obstacles
            found: list[str] = self.obstacles
            return found

        if not hasattr(self, "site"):
            self.site = make_metrics_site(read, obstacles, self.clock)
        return ask(self.site, path, method)

    def test_read_once(self) -> None:
        """Whoever asks twice within two seconds costs one reading."""
        for _ in range(3):
            self.assertEqual(self.ask("/metrics").status, 200)
        self.assertEqual(self.read, 1)
        self.clock.advance(KEPT)
        self.assertIn("mailrelay_build_info{", self.ask("/metrics").text)
        self.assertEqual(self.read, 2)

    def test_health(self) -> None:
        """The process answers; it is ready, or says why not, one reason a line, and when to ask again."""
        self.obstacles = ["paused", "disk: 1 octets are free, 2 are the floor"]
        self.assertEqual((self.ask("/healthz").status, self.ask("/healthz").text), (200, "ok\n"))
        refused = self.ask("/readyz")
        self.assertEqual((refused.status, refused.text), (503, "\n".join([*self.obstacles, ""])))
        self.assertEqual(refused.headers["retry-after"], "5")
        self.obstacles = []
        self.assertEqual((self.ask("/readyz").status, self.ask("/readyz").text), (200, "ready\n"))
        self.assertEqual(self.ask("/readyz", "HEAD").status, 200)
        self.assertEqual(self.ask("/readyz").headers["cache-control"], "no-store")

    def test_nothing_else(self) -> None:
        """Nothing else is there, and nothing takes a POST."""
        self.assertEqual(self.ask("/").status, 404)
        self.assertEqual(self.ask("/metrics", "POST").status, 405)

    def test_failure_inside(self) -> None:
        """What fails inside is a bare 500, logged once."""
        self.obstacles = RuntimeError("secret")
        answer = self.ask("/readyz")
        self.assertEqual((answer.status, answer.text), (500, "failure inside\n"))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
