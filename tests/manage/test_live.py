"""What a daemon does, told to who watches: fresh figures only, and rates between two readings of one daemon."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from mailrelay.mail.envelope import SECOND
from mailrelay.manage import live
from mailrelay.manage.live import Live

from .place import InstallationTestCase


class LiveTests(InstallationTestCase):
    def test_watching(self) -> None:
        """Who watches says so, and sees the figures until they are of the past."""
        self.assertIsNone(self.done(live.watch(self.place)))
        self.assertEqual(self.done(self.store.registry.setting(live.WATCHED)), str(self.at))
        told = Live(self.at, 3, 10, 8, 1, 0, 2, {"a.example": 2}, {"mailbox": 1}, {"dane": 8})
        self.done(self.store.registry.put_setting(live.FIGURES, json.dumps(asdict(told))))
        self.assertEqual(self.done(live.watch(self.place)), told)
        self.at += 5 * SECOND
        self.assertIsNone(self.done(live.watch(self.place)))

    def test_rates(self) -> None:
        """Rates are of the time between two readings; a daemon that began anew in between has none."""
        first = Live(self.at, 0, 100, 50, 0, 0, 0, {}, {})
        second = replace(first, at=self.at + 2 * SECOND, accepted=120, delivered=51)
        self.assertEqual(live.rates(first, second), {"in": 10.0, "out": 0.5})
        for before, after in ((None, second), (first, first), (second, replace(first, at=second.at + 1))):
            self.assertEqual(live.rates(before, after), {"in": 0.0, "out": 0.0})
