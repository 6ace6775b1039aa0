"""Next hops that misbehave, seen from outside: one daemon, a scripted sink for each domain, short schedules."""

from __future__ import annotations

import smtplib
import socketserver
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dkim
import pytest

from ..smtp.scripted import CLOSE, STALL, ScriptedSink
from .daemon import ARRIVES, Daemon, Shop, eventually, free_port, is_free, letter, queued, send

CONFIG = """
[server]
hostname = "relay.hosts.test"

[state]
path = "{state}"

[[listeners]]
name = "local"
port = {port}
tls = "none"

[delivery]
schedule = [1]
jitter = 0
uncertain = 1
shaping = "shaping.toml"
"""

ROUTE = """
[[routes]]
name = "{name}"
hosts = ["{host}:{port}"]
tls = "none"
domains = ["{name}.test"]
{more}
"""

#: The one provider whose hosts' names the rules know.
SHAPING = """
[local]
mx = ["localhost"]
replies = [{ codes = [421], text = "4.7.28", action = "pause", seconds = 2 }]
"""

#: What the sink of each domain says; a list is said one after the other, its last for ever.
SINKS: dict[str, ScriptedSink] = {
    "grey": ScriptedSink({"RCPT": [b"450 4.7.1 Greylisted, try again in 1 second\r\n", b"250 ok\r\n"]}),
    "lost": ScriptedSink({"dot": [CLOSE, b"250 2.0.0 ok\r\n"]}),
    "vague": ScriptedSink({"dot": CLOSE}),
    "seven": ScriptedSink(extensions=("PIPELINING",)),
    "rate": ScriptedSink({"MAIL": [b"421 4.7.28 too fast\r\n", b"250 ok\r\n"]}),
    "login": ScriptedSink({"AUTH": b"535 5.7.8 no\r\n"}, extensions=("AUTH PLAIN",)),
    "mixed": ScriptedSink({"RCPT": [b"250 ok\r\n", b"550 5.1.1 nobody\r\n", b"450 4.2.0 later\r\n", b"250 ok\r\n"]}),
    "stalled": ScriptedSink({"banner": STALL}),
    "rest": ScriptedSink(),  # reports of what bounced go there
}


class Sink(socketserver.ThreadingTCPServer):
    """One receiving host: all its connections go by one script, so that "the second time" is that of the host."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, script: ScriptedSink) -> None:
        self.script = script
        self.lock = threading.Lock()
        self.connections = 0
        self.messages: list[bytes] = []
        self.said: dict[str, int] = {}
        super().__init__(("127.0.0.1", 0), Session)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


class Session(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        host: Any = self.server
        sink = host.script.another()
        sink._said = host.said
        host.connections += 1
        steps = sink.greet()
        try:
            while CLOSE not in steps:
                for step in steps:
                    if isinstance(step, bytes):
                        self.request.sendall(step)
                data = self.request.recv(65536)
                if not data:
                    return
                with host.lock:
                    steps = sink.receive(data)
                    host.messages += sink.messages
                    sink.messages.clear()
        except ConnectionError:
            pass  # the other side left


class Relay(Daemon):
    def __init__(self, folder: Path, sinks: dict[str, Sink]) -> None:
        self.port = free_port()
        config = folder / "mailrelay.toml"
        text = CONFIG.format(state=folder / "state", port=self.port)
        for name, sink in sinks.items():
            more = {"login": 'username = "u"\npassword = "p"', "rest": "default = true"}.get(name, "")
            host = "localhost" if name == "rate" else "127.0.0.1"
            text += ROUTE.format(name=name, host=host, port=sink.port, more=more)
        config.write_text(text)
        (folder / "shaping.toml").write_text(SHAPING)
        super().__init__(folder, ["--config", str(config)], ["--config", str(config)])
        self.cli("init")

    def listens(self) -> bool:
        return not is_free(self.port)


@pytest.fixture(scope="module")
def sinks() -> Iterator[dict[str, Sink]]:
    made = {name: Sink(script) for name, script in SINKS.items()}
    yield made
    for sink in made.values():
        sink.shutdown()
        sink.server_close()


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory, sinks: dict[str, Sink]) -> Iterator[Relay]:
    relay = Relay(tmp_path_factory.mktemp("downstream"), sinks)
    try:
        relay.start()
        yield relay
        relay.assert_sound()
    finally:
        relay.end()


@pytest.fixture(scope="module")
def shop(relay: Relay) -> Shop:
    return relay.shop(dialect="standard")


def submit(relay: Relay, shop: Shop, *recipients: str, source: bytes = b"", options: tuple[str, ...] = ()) -> str:
    with smtplib.SMTP("127.0.0.1", relay.port, "localhost", timeout=20) as client:
        client.login(shop.username, shop.password)
        client.command_encoding = "utf-8"
        client.mail(shop.mail_from, options)
        for recipient in recipients:
            assert client.rcpt(recipient)[0] == 250
        return queued(client.data(source or letter(shop)))


def only(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    (passage,) = found.values()
    return passage


def message_ids(sink: Sink) -> set[bytes]:
    lines = [line for message in sink.messages for line in message.split(b"\r\n")]
    return {line for line in lines if line.lower().startswith(b"message-id:")}


def test_greylisting(relay: Relay, shop: Shop) -> None:
    """O19: a host that greylists is tried again when it asked to be, and takes the mail at the second attempt."""
    passage = only(relay.settled(submit(relay, shop, "ann@grey.test")))
    assert (passage["state"], passage["attempts"]) == ("delivered", 2)


def test_lost_after_the_dot(relay: Relay, shop: Shop, sinks: dict[str, Sink]) -> None:
    """O2: a connection lost behind the final dot is told as uncertain; the mail goes out once more, late, with the same
    Message-ID."""
    id = submit(relay, shop, "ann@lost.test")
    passage = only(relay.settled(id))
    assert (passage["state"], passage["attempts"]) == ("delivered", 2)
    assert len(sinks["lost"].messages) == 2 and len(message_ids(sinks["lost"])) == 1
    first, _ = relay.cli("message", "explain", id)["recipients"][0]["attempts"]
    assert first["why"]["uncertain"] is True


def test_lost_twice(relay: Relay, shop: Shop, sinks: dict[str, Sink]) -> None:
    """O2: what may have arrived twice is held back and not sent a third time; released, it goes once more."""
    id = submit(relay, shop, "ann@vague.test")
    held = eventually(lambda: [each for each in relay.history(id).values() if each["held"]], ARRIVES)[0]
    assert (held["state"], held["attempts"]) == ("deferred", 2)
    assert relay.cli("message", "explain", id)["recipients"][0]["attempts"][-1]["why"]["rule"] == "uncertain_held"
    time.sleep(1.5)  # longer than the schedule
    assert len(sinks["vague"].messages) == 2 and len(message_ids(sinks["vague"])) == 1
    relay.cli("queue", "drop", "--id", id, "--reason", "arrived")


def test_seven_bits(relay: Relay, shop: Shop, sinks: dict[str, Sink]) -> None:
    """O9: a host without 8BITMIME and SMTPUTF8 gets ASCII only, the reader the same text, and DKIM holds; an address
    that it cannot be told of is bounced with 5.6.7."""
    body = "Grüße\r\n".encode()
    fields = (b"MIME-Version: 1.0", b"Content-Type: text/plain; charset=utf-8")
    id = submit(
        relay, shop, "ann@seven.test", source=letter(shop, "Gr\u00fc\u00dfe", body, *fields), options=("SMTPUTF8",)
    )
    assert only(relay.settled(id))["state"] == "delivered"
    (message,) = sinks["seven"].messages
    assert message.isascii() and b"Subject: =?utf-8?" in message and b"Gr=C3=BC=C3=9Fe" in message
    published = {
        record["name"].rstrip("."): record["value"].encode()
        for record in relay.cli("domain", "show", shop.domain)["records"]
    }
    assert dkim.verify(message, dnsfunc=lambda name, timeout=5: published.get(name.decode().rstrip(".")))
    id = submit(relay, shop, "j\u00f6@seven.test", options=("SMTPUTF8",))
    passage = only(relay.settled(id))
    assert (passage["state"], passage["last_reply"][:9]) == ("bounced", "553 5.6.7")


def test_mixed_verdicts(relay: Relay, shop: Shop) -> None:
    """O5: recipients have fates of their own: one is taken, one refused once and for good, one taken at its second
    attempt."""
    found = relay.settled(submit(relay, shop, *(f"{name}@mixed.test" for name in ("a", "b", "c"))))
    ends = sorted((each["state"], each["attempts"]) for each in found.values())
    assert ends == [("bounced", 1), ("delivered", 1), ("delivered", 2)]


def test_a_receiver_that_asks_for_less(relay: Relay, shop: Shop, sinks: dict[str, Sink]) -> None:
    """O17: a receiver whose words mean "too fast" is left alone by all mail for it: only the first was an attempt in
    vain, and everything is delivered when the time is over."""
    first = submit(relay, shop, "ann@rate.test")
    eventually(lambda: only(relay.history(first))["attempts"])
    ids = [submit(relay, shop, f"x{number}@rate.test") for number in range(4)]
    assert sinks["rate"].connections == 1
    waiting = [only(relay.history(id)) for id in ids]
    assert {each["attempts"] for each in waiting} == {0}
    for id in ids:
        passage = only(relay.settled(id, 2 * ARRIVES))
        assert (passage["state"], passage["attempts"]) == ("delivered", 1)


def test_refused_login(relay: Relay, shop: Shop, sinks: dict[str, Sink]) -> None:
    """O18: a smart host that refuses our login is asked once; its mail waits, nothing bounces, and the log tells it
    once."""
    first = submit(relay, shop, "ann@login.test")
    eventually(lambda: only(relay.history(first))["attempts"])
    ids = [submit(relay, shop, f"x{number}@login.test") for number in range(5)]
    for id in (first, *ids):
        passage = eventually(lambda id=id: [e for e in relay.history(id).values() if "login" in e["last_reply"]])[0]  # type: ignore[misc]
        assert passage["state"] in ("queued", "deferred")
    assert sinks["login"].connections == 1
    assert relay.said().count("refuses our login") == 1
    told = relay.cli("message", "explain", ids[0])["recipients"][0]["next"]
    assert told["rule"] == "left_alone" and "535 5.7.8" in told["facts"]["reply"]


def test_everything_stalls(relay: Relay, shop: Shop, sinks: dict[str, Sink]) -> None:
    """O20: while all deliveries hang at a host that says nothing, mail is taken as fast as ever."""
    with smtplib.SMTP("127.0.0.1", relay.port, "localhost", timeout=20) as client:
        client.login(shop.username, shop.password)
        for number in range(25):
            begun = time.monotonic()
            send(client, shop.mail_from, [f"x{number}@stalled.test"], letter(shop))
            assert time.monotonic() - begun < 5
    assert eventually(lambda: sinks["stalled"].connections) >= 1
    waiting = relay.cli("queue", "list", "--domain", "stalled.test")["waiting"]
    assert len(waiting) == 25
    relay.cli("queue", "drop", "--domain", "stalled.test", "--reason", "over", "--yes")


def test_routes_are_tried(relay: Relay, shop: Shop, sinks: dict[str, Sink]) -> None:
    """A route is tried by all that mail would say before DATA; the command ends with status 1 where no host serves, and
    no message was sent."""
    before = len(sinks["seven"].messages)
    found = relay.cli("route", "test", "seven", "--to", "ann@seven.test", "--from", shop.mail_from)
    (host,) = found["hosts"]
    assert (found["serves"], host["serves"], host["reply"], host["offers"]) == (
        True,
        True,
        "250 2.1.5 Ok",
        ["PIPELINING"],
    )
    assert any("RCPT TO:<ann@seven.test>" in line for line in host["transcript"])
    assert len(sinks["seven"].messages) == before
    ended = relay.command("route", "test", "login")
    assert (ended.returncode, ended.stderr) == (1, "") and "FAILS" in ended.stdout and "535 5.7.8 no" in ended.stdout
    assert relay.refusal("route", "test", "nowhere") == "route: there is no 'nowhere'"
