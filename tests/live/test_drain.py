"""Stopped while mail comes and goes: what is under way ends, the idle are told, nothing is lost or doubled (D15)."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from .crashing import Client, Load, Record, Relay, WatchedHop
from .daemon import STOP, eventually


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    relay = Relay(tmp_path)
    try:
        relay.client  # noqa: B018 made before the first start
        relay.start()
        yield relay
    finally:
        relay.end()


def test_stopped_again_and_again_under_load(relay: Relay) -> None:
    """D15: stopped by SIGTERM under load, five times: each ends with status 0, every recipient with a 250 has its mail
    once, and nothing else arrives."""
    record = Record()
    with Load(relay, record, sessions=4, seed=15) as load:
        for _ in range(5):
            load.goes_on(20)
            relay.stop()
            relay.start()
        load.goes_on(20)
    relay.quiet()
    assert record.judge(relay) == 0
    assert not record.unsaid
    assert {reply[:4] for reply in load.closings} <= {"421 "}


def test_reloaded_under_load(relay: Relay) -> None:
    """D15: SIGHUP under load ends nothing and loses nothing."""
    record = Record()
    assert relay.process is not None
    with Load(relay, record, sessions=4, seed=16) as load:
        for _ in range(10):
            load.goes_on(5)
            relay.process.send_signal(signal.SIGHUP)
        load.goes_on(5)
    relay.quiet()
    assert record.judge(relay) == 0
    assert relay.running and not record.unsaid and not load.closings


def test_what_is_under_way_ends_well(relay: Relay) -> None:
    """D15: after SIGTERM nobody new comes in, the idle are told 421 at once, and a message whose DATA had begun is
    taken, answered, and delivered."""
    record = Record()
    with Client(relay) as idle, Client(relay) as busy:
        busy.begin(["busy@a.example"])
        assert relay.process is not None
        relay.process.send_signal(signal.SIGTERM)
        assert idle.reply().startswith("421 ")
        with pytest.raises(ConnectionError):
            idle.reply()
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", relay.port), 1).recv(100) or _closed()
        busy.write(f"From: {relay.client.mail_from}\r\n\r\nstill here\r\n.\r\n".encode())
        assert busy.reply().startswith("250 ")
        record.note(["busy@a.example"], record.taken)
        assert busy.reply().startswith("421 ")
        relay.stop()
    relay.start()
    relay.quiet()
    assert record.judge(relay) == 0


def _closed() -> None:
    raise ConnectionError("closed")


def test_a_second_signal_is_faster(relay: Relay) -> None:
    """D15: while a next hop keeps the end waiting, a second SIGTERM cuts it off; the end is as clean, and the mail goes
    after the next start."""
    record, answer = Record(), Event()
    relay.hop.at = lambda line: line == WatchedHop.DOT and answer.wait(20)  # type: ignore[assignment]
    with Client(relay) as client:
        client.send(["slow@a.example"], b"x", record)
    eventually(lambda: relay.hop.sessions, what="a delivery under way")
    assert relay.process is not None
    relay.process.send_signal(signal.SIGTERM)
    with pytest.raises(Exception, match="timed out"):
        relay.process.wait(1)
    assert relay.stop() < STOP / 3
    answer.set()
    relay.hop.at = lambda line: None
    eventually(lambda: not relay.hop.sessions)
    record.crashed(relay)
    relay.start()
    relay.quiet()
    arrived = relay.hop.arrived["slow@a.example"]
    assert arrived in (1, 2)  # the hop had all of it
    relay.assert_sound()
