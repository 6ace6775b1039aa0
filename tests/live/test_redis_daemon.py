"""Daemons that count in one Redis: they share every limit while it is there, and take mail when it is not."""

from __future__ import annotations

import base64
import re
import smtplib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .daemon import Shop, eventually, letter
from .installation import Installation
from .redis import Server


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    server.start()
    yield server
    server.destroy()


@pytest.fixture
def pair(tmp_path: Path, server: Server) -> Iterator[list[Installation]]:
    """Two installations of one customer's provider, started."""
    more = f'[counters]\nbackend = "redis"\nurl = "redis://127.0.0.1:{server.port}/1"\n'
    found = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        found.append(Installation(tmp_path / name, more))
    try:
        for each in found:
            each.start()
        yield found
        for each in found:
            each.assert_sound()
            each.stop()
    finally:
        for each in found:
            each.end()


def fails(daemon: Installation, username: str) -> int:
    """A session with a wrong password; what it was answered."""
    with smtplib.SMTP("127.0.0.1", daemon.port, "localhost", timeout=20) as client:
        client.ehlo()
        secret = base64.b64encode(f"\0{username}\0wrong".encode()).decode()
        return client.docmd("AUTH", f"PLAIN {secret}")[0]


def send(daemon: Installation, shop: Shop) -> tuple[int, bytes]:
    """A session with one mail; what MAIL or the message was answered, without delay."""
    with daemon.smtp(shop) as client:
        begun = time.monotonic()
        answer = client.mail(shop.mail_from)
        if answer[0] == 250:
            assert client.rcpt("to@b.example")[0] == 250
            answer = client.data(letter(shop))
        assert time.monotonic() - begun < 10
        return answer


def test_failures_are_shared(pair: list[Installation]) -> None:
    """Five wrong passwords at whichever daemon hold a client back at both; clearing the guard at one frees both."""
    first, second = pair
    codes = [fails(daemon, "somebody") for daemon in (first, second, first, second, first, second, first)]
    assert codes == [535] * 5 + [454] * 2
    second.cli("login-guard", "clear", "--address", "127.0.0.1")
    eventually(lambda: fails(first, "somebody") == 535, 4, "a cleared guard")


def test_rate_outlives_redis(pair: list[Installation], server: Server) -> None:
    """R2, R3: a rate holds in Redis and names the seconds to wait; when Redis hangs or dies mail flows at the steady
    rate, and the daemon says so once; when it is back the rate is whole again."""
    daemon = pair[0]
    shop = daemon.shop(dialect="standard")
    daemon.cli("connection", "set-rate", shop.connection, "6", "--period", "60", "--burst", "2")
    assert [send(daemon, shop)[0] for _ in range(2)] == [250, 250]
    code, text = send(daemon, shop)
    found = re.search(rb"retry after (\d+) seconds", text)
    assert code == 451 and found and 7 <= int(found[1]) <= 10, text
    assert b"throttle:rate:" in server.say("SCRIPT", "LOAD", "return 1") + keys(server)
    server.suspend()
    assert [send(daemon, shop)[0] for _ in range(2)] == [250, 451]
    server.resume()
    eventually(lambda: said(daemon) == ["there", "away", "there"], 4, "a return of Redis")
    server.kill()
    eventually(lambda: said(daemon)[3:] == ["away"], 4, "a loss of Redis")
    assert send(daemon, shop)[0] in (250, 451)
    server.start()
    eventually(lambda: said(daemon)[3:] == ["away", "there"], 4, "a return of Redis")
    assert [send(daemon, shop)[0] for _ in range(3)] == [250, 250, 451]


def keys(server: Server) -> bytes:
    """Names of all keys of the daemons' database."""
    return server.say("EVAL", "redis.call('SELECT', 1) return table.concat(redis.call('KEYS', '*'), ' ')", 0)


def said(daemon: Installation) -> list[str]:
    """What the log says of Redis, each time."""
    words = {"are counted in Redis": "there", "cannot be used": "away"}
    return [words[found] for found in re.findall("|".join(words), daemon.said())]
