"""A store that a foreign program keeps locked (D7)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailrelay.store.engine import FILE_NAME, sqlite_module

from .crashing import Client, Record, Relay

PATIENCE = 2.0


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    relay = Relay(tmp_path)
    try:
        relay.client  # noqa: B018 made before the start
        with relay.patched("patience", str(PATIENCE)):
            relay.start()
        yield relay
    finally:
        relay.end()


def test_locked_by_another_program(relay: Relay) -> None:
    """D7: while another program holds the database with BEGIN EXCLUSIVE, a message is answered 451 by its deadline and
    never comes to be; everything else is answered at once, logins too; when the lock is gone it goes on by itself, and
    what was delivered meanwhile is not sent again."""
    record = Record()
    with Client(relay) as client, Client(relay) as other:
        relay.hop.at = lambda line: time.sleep(0.5) if line == relay.hop.DOT else None
        assert client.send(["before@a.example"], b"x", record).startswith("250 ")
        foreign = sqlite_module().connect(str(relay.state / FILE_NAME), isolation_level=None)
        foreign.execute("BEGIN EXCLUSIVE")
        begun = time.monotonic()
        client.begin(["locked@a.example"])
        client.write(f"From: {relay.client.mail_from}\r\n\r\nx\r\n.\r\n".encode())
        record.note(["locked@a.example"], record.never)
        slowest = 0.0
        while time.monotonic() - begun < PATIENCE * 0.7:
            before = time.monotonic()
            other.say("NOOP", 250)
            other.say(f"MAIL FROM:<{relay.client.mail_from}>", 250)
            other.say("RCPT TO:<nobody@a.example>", 250)
            other.say("RSET", 250)
            slowest = max(slowest, time.monotonic() - before)
            time.sleep(0.2)  # NOOPs without end would be taken amiss
        with Client(relay) as third:
            third.say("NOOP", 250)
        assert client.reply() == "451 4.3.0 Temporary failure, try again later"
        assert PATIENCE * 0.9 < time.monotonic() - begun < PATIENCE * 3
        assert slowest < PATIENCE / 4
        foreign.execute("ROLLBACK")
        foreign.close()
        assert client.send(["after@a.example"], b"x", record).startswith("250 ")
    relay.quiet()
    relay.excuse("could not be written for|the store cannot be written, trying on: database is locked")
    assert record.judge(relay) == 0
