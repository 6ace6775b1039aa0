"""One daemon for one state: the second is told so, and a dead one holds nothing."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.run.alone import LOCK, Occupied, occupy


class AloneTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.state = Path(self.mktemp()) / "state"

    def test_second(self) -> None:
        """Who comes second is told in one line which state it is; the first one's hold is as it was (D11)."""
        first = occupy(self.state)
        self.addCleanup(os.close, first)
        for _ in range(2):
            error = self.assertRaises(Occupied, occupy, self.state)
            self.assertEqual(str(error), f"another daemon runs on the state in {self.state}")

    def test_after_the_first(self) -> None:
        """Once the first is gone the state is free, with nothing to clean up; another state was free all the time."""
        first = occupy(self.state)
        os.close(occupy(self.state.with_name("other")))
        os.close(first)
        os.close(occupy(self.state))

    def test_private(self) -> None:
        """What is made is its owner's alone."""
        os.close(occupy(self.state))
        self.assertEqual(stat.S_IMODE(self.state.stat().st_mode), 0o700)
        self.assertEqual(stat.S_IMODE((self.state / LOCK).stat().st_mode), 0o600)
