"""Killed in the middle of a migration, at one statement after the other (D1, U2)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mailrelay.store.schema import REVISION

from .crashing import ROOT
from .migrating import KILLS


@pytest.mark.parametrize("first", ["", "0001", "0002"])
def test_killed_at_each_statement(tmp_path: Path, first: str) -> None:
    """D1, U2: whichever statement of a migration is the last, from nothing or from an older release, the store is left
    at a whole revision with what was in it, and the next start leads it to the newest."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.live.migrating", str(tmp_path), *filter(None, [first])],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    *lines, last = [line.split() for line in done.stdout.splitlines()]
    assert last == ["done"]
    left = [revision for word, revision, *_ in lines if word == "left"]
    killed = [revision for word, revision, *_ in lines if word == "killed"]
    assert len(left) > 50 and len(killed) >= KILLS
    assert {end for word, _, *ends in lines if word == "opened" for end in ends} == {REVISION}
    assert {*left, *killed} <= {first or "nothing", *(f"{n:04}" for n in range(1, int(REVISION) + 1))}
