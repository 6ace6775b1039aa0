"""Killed at random moments, again and again, while clients send without a pause (D2)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from .crashing import Load, Record, Relay

ROUNDS = 50
MAILS = 15  #: recipients taken, at least, before a kill under load
SEED = 20_261


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    relay = Relay(tmp_path)
    try:
        relay.client  # noqa: B018 made before the first start
        yield relay
    finally:
        relay.end()


def test_killed_at_random_moments(relay: Relay) -> None:
    """D2, I1 to I4: after fifty kills under load every recipient with a 250 has its mail, doubled is only what was in
    hand and had reached the hop when a kill came, nothing comes that was refused or never ended, and the file is whole.
    One kill in five comes while the daemon is still starting."""
    random, record = Random(SEED), Record()
    in_flight = 0
    with Load(relay, record, sessions=4, seed=SEED) as load:
        for _ in range(ROUNDS):
            if random.random() < 0.2:
                relay.launch()
                time.sleep(random.random() * 0.4)
            else:
                relay.start()
                load.goes_on(MAILS)
                time.sleep(random.random() ** 2 / 2)
            relay.kill()
            relay.died()
            in_flight += record.crashed(relay)
        relay.start()
        load.goes_on(MAILS)
    relay.quiet()
    assert record.judge(relay) <= in_flight
    assert len(record.taken) > 10 * ROUNDS  # else nothing was shown
