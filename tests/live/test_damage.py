"""Rows that make no sense in the queue of a daemon (D8)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailrelay.store.engine import FILE_NAME, sqlite_module

from .crashing import Client, Record, Relay
from .daemon import eventually

SPOILT = {
    "state": "UPDATE recipients SET state = 'quantum' WHERE address = ?",
    "attempts": "UPDATE recipients SET attempts = -5 WHERE address = ?",
    "year": "UPDATE recipients SET due_at = 253400000000000000 WHERE address = ?",
    "later": "UPDATE recipients SET expires_at = 900000000000000000 WHERE address = ?",
    "text": "UPDATE recipients SET destination = CAST(x'ff' AS TEXT) WHERE address = ?",
    "body": "UPDATE messages SET source = NULL WHERE id = (SELECT message FROM recipients WHERE address = ?)",
    "command": "UPDATE recipients SET address = 'x>' || char(13, 10) || 'RSET@a.example' WHERE address = ?",
}


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    relay = Relay(tmp_path)
    try:
        relay.client  # noqa: B018 made before the start
        yield relay
    finally:
        relay.end()


def test_damaged_rows(relay: Relay) -> None:
    """D8, S24: whatever a row was turned into, its recipient is held with the reason, logged once, and can be seen in
    the queue and dropped; no octet of it is sent, all other mail goes, and the daemon runs on."""
    record = Record()
    relay.hop.answer = lambda recipient: "450 later"
    relay.start()
    spoilt = [f"{name}@a.example" for name in SPOILT]
    with Client(relay) as client:
        for to in ["before@a.example", *spoilt, "behind@a.example", "elsewhere@b.example"]:
            assert client.send([to], b"x", record).startswith("250 ")
    eventually(lambda: {each["state"] for each in relay.cli("queue", "list")["waiting"]} == {"deferred"}, 5)
    relay.kill()
    relay.died()
    file = sqlite_module().connect(str(relay.state / FILE_NAME))
    for to, statement in zip(spoilt, SPOILT.values(), strict=True):
        assert file.execute(statement, (to,)).rowcount == 1
    file.commit()
    file.close()
    relay.hop.answer = lambda recipient: "250 ok"
    relay.start()
    eventually(lambda: len(relay.hop.messages) == 3, 10, "the mail that is whole")
    waiting = eventually(lambda: _all_held(relay.cli("queue", "list")["waiting"]), 5, "the spoilt ones set aside")
    assert len(waiting) == len(SPOILT)
    assert all(each["last_reply"].startswith("set aside: ") for each in waiting)
    with Client(relay) as client:
        assert client.send(["after@a.example"], b"x", record).startswith("250 ")
    eventually(lambda: relay.hop.arrived["after@a.example"], 5)
    assert not relay.hop.arrived.keys() & {*spoilt, "x>\r\nRSET@a.example"}
    assert len(relay.cli("message", "list", "--limit", "100")) == len(SPOILT) + 4
    assert relay.excuse("is set aside: ") == len(SPOILT)
    assert "has no source" in [fault.split(" ", 2)[2] for fault in _broken(relay)]
    assert relay.cli("queue", "drop", "--all", "--yes")["count"] == len(SPOILT)
    assert relay.running
    assert _broken(relay) == []  # nobody waits for that source any more


def _broken(relay: Relay) -> list[str]:
    faults: list[str] = json.loads(relay.command("audit", "--json").stdout)["broken"]
    return faults


def _all_held(waiting: list[dict[str, object]]) -> list[dict[str, object]]:
    return waiting if all(each["held"] for each in waiting) else []
