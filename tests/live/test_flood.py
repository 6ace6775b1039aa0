"""Nobody's flood and no dead domain delays another's mail: one daemon, a hundred thousand that wait for a host without
an answer, twenty thousand of a tenant that floods, and a third one whose mail must go out at once."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.backlog import fill

from .daemon import Shop, eventually, free_port, letter, send
from .hop import Hop
from .installation import Installation

DEAD, FLOOD = 100_000, 20_000
#: Seconds in which another's message must have gone out.
AT_ONCE = 2.0

ROUTES = """
[[routes]]
name = "dead"
hosts = ["127.0.0.1:{dead}"]

[[routes]]
name = "healthy"
hosts = ["127.0.0.1:{healthy}"]

[[routes]]
name = "slow"
hosts = ["127.0.0.1:{slow}"]
"""


class Timed:
    """When each recipient was named to a next hop, which takes `pause` seconds for each."""

    def __init__(self, pause: float = 0.0) -> None:
        self.came: dict[str, float] = {}
        self.hop = Hop(free_port(), self._answer)
        self._pause = pause

    def _answer(self, recipient: str) -> str:
        self.came[recipient] = time.monotonic()
        time.sleep(self._pause)
        return "250 ok"


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a host that takes every connection and never says a word."""
    with socket.socket() as host:
        host.bind(("127.0.0.1", 0))
        host.listen(4096)
        yield host.getsockname()[1]


class Streaming(threading.Thread):
    """A client that sends one message after the other until it is told to end."""

    def __init__(self, relay: Installation, shop: Shop) -> None:
        super().__init__(daemon=True)
        self._relay = relay
        self._shop = shop
        self.ended = threading.Event()
        self.sent = 0

    def run(self) -> None:
        with self._relay.smtp(self._shop) as client:
            while not self.ended.is_set():
                source = letter(self._shop, "", b"flood\r\n", b"X-Relay-Route: slow")
                send(client, self._shop.mail_from, [f"s{self.sent}@flood.example"], source)
                self.sent += 1


def test_nobody_waits_for_a_flood(tmp_path: Path, silent: int) -> None:
    """With 100,000 queued to a host that never answers, and 20,000 of a tenant that sends more all the time to a slow
    one, another's message to a healthy domain goes out in under two seconds; so does what those two tenants
    themselves send to a healthy domain, and the books are right."""
    healthy, slow = Timed(), Timed(0.05)
    relay = Installation(tmp_path, ROUTES.format(dead=silent, healthy=healthy.hop.port, slow=slow.hop.port))
    streams: list[Streaming] = []
    try:
        dead, flood, other = (relay.shop(100_000, dialect="standard") for _ in range(3))
        for shop, number, destination, route in ((dead, DEAD, "dead", "dead"), (flood, FLOOD, "flood", "slow")):
            ids = relay.cli("connection", "show", shop.connection)
            account = relay.cli("account", "show", shop.account)["id"]
            fill(
                tmp_path / "state",
                account,
                ids["id"],
                number,
                destination=lambda _, to=destination: f"{to}.example",
                route=route,
            )
        healthy.hop.start()
        slow.hop.start()
        relay.start()
        streams = [Streaming(relay, flood) for _ in range(2)]
        for stream in streams:
            stream.start()
        eventually(lambda: len(slow.came) > 50 and streams[0].sent > 20, 20, "the flood")
        took: list[float] = []
        for number, shop in enumerate((other, dead, flood, other, dead, flood, other)):
            to = f"you{number}@healthy.example"
            source = letter(shop, "", b"now\r\n", b"X-Relay-Route: healthy")
            with relay.smtp(shop) as client:
                begun = time.monotonic()
                send(client, shop.mail_from, [to], source)
            eventually(lambda to=to: to in healthy.came, 10, f"the message to {to}")  # type: ignore[misc]
            took.append(healthy.came[to] - begun)
        assert max(took) < AT_ONCE, took
        told = relay.cli("top", "--once")
        assert told["sessions"] >= 2 and told["on_their_way"]["dead.example"] >= 1, told
        assert told["queue"][0]["destination"] == "dead.example" and told["queue"][0]["count"] > DEAD / 2, told
        for stream in streams:
            stream.ended.set()
            stream.join(10)
        waiting = {
            each["destination"]: each["count"] for each in relay.cli("queue", "list", "--limit", "1")["destinations"]
        }
        assert waiting.get("dead.example") or waiting.get("flood.example"), waiting
        relay.stop()
        relay.assert_sound()
    finally:
        for stream in streams:
            stream.ended.set()
        relay.end()
        healthy.hop.stop()
        slow.hop.stop()
