"""Killed at each point of a message's way, by the hop, by the client, or by itself (D1)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest

from .crashing import Client, Load, Record, Relay, WatchedHop
from .patches import KEYED, POINTS, REPORTS

TO = ["one@a.example", "two@b.example", "three@b.example"]


@pytest.fixture(scope="module")
def module_relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    relay = Relay(tmp_path_factory.mktemp("relay"))
    try:
        relay.client  # noqa: B018 made before the first start
        yield relay
    finally:
        relay.end()


@pytest.fixture
def relay(module_relay: Relay) -> Iterator[Relay]:
    """An installation that does not run; its hop is empty and polite."""
    module_relay.hop.messages.clear()
    module_relay.hop.answer = lambda recipient: "250 ok"
    yield module_relay
    module_relay.hop.at = lambda line: None
    module_relay.end_process()


def after_the_crash(relay: Relay, record: Record) -> None:
    """Start again, and judge when everything has come to its end (I1, I2)."""
    relay.died()
    record.crashed(relay)
    relay.start()
    relay.quiet()
    record.judge(relay)


def killing(relay: Relay, when: Callable[[bytes], bool]) -> Callable[[bytes], None]:
    """What kills the daemon the first time that a line fits; of what is on its way, the hop then hears no more."""
    armed = [True]

    def at(line: bytes) -> None:
        if armed and when(line):
            armed.clear()
            relay.kill()
            if line not in (WatchedHop.DOT, WatchedHop.KEPT):
                raise ConnectionError

    return at


@pytest.mark.parametrize("point", sorted(POINTS))
def test_inside(relay: Relay, point: str) -> None:
    """D1: killed inside a transaction of the store, or between it and what follows: it is there whole or not at all,
    and what was acknowledged arrives."""
    if "retry" in point or "claim" in point:  # both need mail that is tried again
        relay.hop.answer = lambda recipient: "450 later"
    record = Record()
    with relay.patched("die", point):
        relay.start()
        try:
            with Client(relay) as client:
                client.send(TO, b"x" * 5000, record)
        except OSError:
            pass
        relay.died()
    relay.hop.answer = lambda recipient: "250 ok"
    after_the_crash(relay, record)
    if "COMMIT" in point or "BEGIN" in point or "between" in point:
        assert record.unsaid and not record.taken
        assert bool(relay.hop.arrived) is point.startswith("after")
    else:
        assert record.taken == set(TO)


@pytest.mark.parametrize("point", sorted(REPORTS))
def test_while_a_report_is_made(relay: Relay, point: str) -> None:
    """D1: killed around the commit that ends a refused recipient and queues the report about it: each end is reported
    exactly once."""
    sender = relay.client.mail_from
    relay.hop.answer = lambda recipient: "250 ok" if recipient == sender else "550 no"
    with relay.patched("die", point):
        relay.start()
        try:
            with Client(relay) as client:
                client.send(TO, b"x", Record())
        except OSError:
            pass
        relay.died()
    relay.start()
    relay.quiet()
    assert relay.hop.arrived == {sender: len(TO)}
    assert {sent.mail_from for sent in relay.hop.messages} == {""}
    relay.assert_sound()


@pytest.mark.parametrize("point", sorted(KEYED))
def test_under_an_idempotency_key(relay: Relay, point: str) -> None:
    """I1: killed around the commit of a mail under a key, whose client got no reply and sends it again: it arrives and
    is charged once, whether the first was there or not."""
    before = relay.available(relay.client)

    def send() -> str:
        with Client(relay) as client:
            client.begin(TO)
            key = f"X-Relay-Idempotency-Key: {point}"
            client.write(f"From: {relay.client.mail_from}\r\nSubject: once\r\n{key}\r\n\r\nx\r\n.\r\n".encode())
            return client.expect(250)

    with relay.patched("die", point):
        relay.start()
        with pytest.raises(OSError):
            send()
        relay.died()
    relay.start()
    assert send() == send()
    relay.quiet()
    assert relay.hop.arrived == dict.fromkeys(TO, 1)
    assert before - relay.available(relay.client) == len(TO)
    relay.assert_sound()


@pytest.mark.parametrize("line", ["connect", "MAIL", "RCPT", "DATA", "Subject", ".\r\n", "250 kept"])
def test_at_the_hop(relay: Relay, line: str) -> None:
    """D1: killed when the next hop has heard this much of a mail, or has said that it is kept: what was acknowledged
    arrives, twice only if the hop had it already."""
    record = Record()
    relay.start()
    relay.hop.at = killing(relay, lambda said: said.startswith(line.encode()))
    with Client(relay) as client:
        try:
            client.send(TO, b"x" * 5000, record)
        except OSError:
            pass  # killed before the reply was on its way
    after_the_crash(relay, record)


@pytest.mark.parametrize("moment", ["after the 354", "in the middle of the message", "after the 250"])
def test_at_the_client(relay: Relay, moment: str) -> None:
    """D1: killed before a message's end nothing of it is there, large or small; after its 250 all of it is."""
    record = Record()
    relay.start()
    with Client(relay) as client:
        if moment == "after the 250":
            assert client.send(TO, b"x", record).startswith("250 ")
        else:
            client.begin(TO)
            record.note(TO, record.never)
            if moment == "in the middle of the message":
                client.write(b"From: " + relay.client.mail_from.encode() + b"\r\n\r\n" + b"half a line " * 100_000)
        relay.kill()
    after_the_crash(relay, record)
    if record.never:
        assert not relay.hop.messages


def test_in_the_middle_of_a_checkpoint(relay: Relay) -> None:
    """D1: killed while the log is written back into the file, at one write after the other: the file is whole, and
    nothing of what was acknowledged is gone."""
    strace = shutil.which("strace")
    assert strace, "strace is not here: install the Debian package `strace`"
    record = Record()
    file = relay.state / "mailrelay.sqlite3"
    for number in (1, 5, 30):
        inject = f"inject=pwrite64:signal=SIGKILL:when={number}"
        prefix = (strace, "-f", "-qq", "-o", "/dev/null", "-P", str(file), "-e", "trace=pwrite64", "-e", inject)
        with relay.patched("checkpoints", prefix=prefix):
            relay.launch()
        with Load(relay, record, sessions=1, seed=number):
            relay.died()
        record.crashed(relay)
        assert relay.look("PRAGMA integrity_check") == [("ok",)]
    relay.start()
    relay.quiet()
    record.judge(relay)
    assert record.taken
