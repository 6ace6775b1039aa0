"""An installation whose one route is MX: set up by the command line, submitting by SMTP, delivering where DNS says."""

from __future__ import annotations

import smtplib
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..smtp.scripted import ScriptedSink
from .authority import Authority
from .daemon import Daemon, free_port, is_free, letter, queued

CONFIG = """
[server]
hostname = "relay.hosts.test"

[state]
path = "{state}"

[[listeners]]
name = "local"
port = {port}
tls = "none"

[[routes]]
name = "mx"
mx = true
port = {mx_port}
allow_private = true
default = true

[resolver]
servers = ["127.0.0.1"]
port = {dns_port}
timeout = 1
"""


class Host(socketserver.ThreadingTCPServer):
    """A receiving host; `messages` are what it took."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: str, port: int) -> None:
        self.messages: list[bytes] = []
        super().__init__((address, port), Session)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


class Session(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        sink = ScriptedSink()
        steps = sink.greet()
        while True:
            for step in steps:
                assert isinstance(step, bytes)
                self.request.sendall(step)
            data = self.request.recv(65536)
            if not data:
                break
            steps = sink.receive(data)
            self.server.messages += sink.messages  # type: ignore[attr-defined]
            sink.messages.clear()


class Relay(Daemon):
    """An installation with a configuration of its own."""

    def __init__(self, folder: Path, dns_port: int) -> None:
        self.port, self.mx_port = free_port(), free_port()
        config = folder / "mailrelay.toml"
        state = folder / "state"
        config.write_text(CONFIG.format(state=state, port=self.port, mx_port=self.mx_port, dns_port=dns_port))
        super().__init__(folder, ["--config", str(config)], ["--config", str(config)])
        self.cli("init")

    def listens(self) -> bool:
        return not is_free(self.port)


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    folder = tmp_path / "nsd"
    folder.mkdir()
    authority = Authority(folder)
    authority.start()
    yield authority
    authority.stop()


@pytest.fixture
def relay(tmp_path: Path, authority: Authority) -> Iterator[Relay]:
    relay = Relay(tmp_path, authority.port)
    try:
        relay.start()
        yield relay
        relay.assert_sound()
    finally:
        relay.end()


def test_from_submission_to_exchange(relay: Relay) -> None:
    """Mail to several domains goes each its way: to the exchange that answers, or back with what DNS said for certain;
    what would come back to ourselves never leaves."""
    shop = relay.shop(dialect="standard")
    host = Host("127.0.0.12", relay.mx_port)
    try:
        expected = {
            "to@two.test": ("delivered", "250"),  # its first exchange refuses the connection
            "to@null.test": ("bounced", "556 5.1.10"),
            "to@nowhere.test": ("bounced", "550 5.1.2"),
            "to@self.test": ("bounced", "554 5.4.6"),
        }
        with smtplib.SMTP("127.0.0.1", relay.port, "localhost", timeout=20) as client:
            client.login(shop.username, shop.password)
            client.mail(shop.mail_from)
            for recipient in expected:
                assert client.rcpt(recipient)[0] == 250
            id = queued(client.data(letter(shop)))
        found = relay.settled(id)
        ends = {to: (each["state"], each["last_reply"][: len(expected[to][1])]) for to, each in found.items()}
        assert ends == expected
        assert found["to@two.test"]["attempts"] == 1
        assert len(host.messages) == 1
    finally:
        host.shutdown()
        host.server_close()
    relay.stop()
