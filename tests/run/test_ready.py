"""The sign that everything listens: whole or not there, and for the owner's eyes only."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from mailrelay.run.ready import publish, withdraw


class ReadyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.path = self.folder / "ready.json"

    def test_publish(self) -> None:
        """It holds the facts as JSON, readable by the owner alone whatever the umask, and nothing else stays behind."""
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        publish(self.path, {"pid": 7, "name": "Grüße"})
        self.assertEqual(json.loads(self.path.read_text("utf-8")), {"pid": 7, "name": "Grüße"})
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)
        self.assertEqual(os.listdir(self.folder), ["ready.json"])

    def test_by_rename(self) -> None:
        """Who looks meanwhile sees the old sign whole, never half a new one."""
        publish(self.path, {"pid": 1})
        seen: list[object] = []
        replace = os.replace

        def looked_at(source: Path, target: Path) -> None:
            seen.append((json.loads(target.read_text()), json.loads(source.read_text())))
            replace(source, target)

        with patch("os.replace", looked_at):
            publish(self.path, {"pid": 2})
        self.assertEqual(seen, [({"pid": 1}, {"pid": 2})])
        self.assertEqual(json.loads(self.path.read_text()), {"pid": 2})

    def test_withdraw(self) -> None:
        """It is gone at once, and taking it away twice is no fault."""
        publish(self.path, {})
        withdraw(self.path)
        withdraw(self.path)
        self.assertEqual(os.listdir(self.folder), [])
