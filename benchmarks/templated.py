"""Scenario T: a stored template with variables, ten tracked links, a pixel, List-Unsubscribe and DKIM, for three
recipients a message.

What counts is recipients per CPU-second of all the server's processes, render children included. The load is this
module, run as a program: 20 sessions over plain sockets, one message after the other, commands pipelined.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .load import SENDER
from .personal import html
from .server import SigningRelay

RECIPIENTS = ("ann@dest.example", "bob@dest.example", "eve@dest.example")
SESSIONS = 20
TEMPLATE = "bench"
SUBJECT = "Your order {{ order }}, {{ name }}"

_VARIABLES = json.dumps({"name": "Ann Lee", "order": 17, "items": ["one", "two", "three"]})
_MESSAGE = (
    f"From: <{SENDER}>\r\nTo: <{RECIPIENTS[0]}>\r\nSubject: measured\r\nX-Relay-Template: {TEMPLATE}\r\n"
    f"X-Relay-Variables: {_VARIABLES}\r\n\r\n.\r\n"
).encode("ascii")
_ENVELOPE = (f"MAIL FROM:<{SENDER}>\r\n" + "".join(f"RCPT TO:<{each}>\r\n" for each in RECIPIENTS) + "DATA\r\n").encode(
    "ascii"
)


class TemplatingRelay(SigningRelay):
    """This relay with public pages, a stored template, and everything that can be tracked tracked."""

    name = "mailrelay, templates"

    def __init__(self, sink_port: int, folder: Path) -> None:
        super().__init__(sink_port, folder)
        with self._config.open("a") as config:
            config.write('\n[http]\npublic_url = "https://go.bench.example"\npublic_port = 0\n')

    def _furnish(self) -> None:
        super()._furnish()
        page = self._folder / "page.html"
        greeting = b"<p>Hello {{ name }}</p>{% for item in items %}<p>{{ item }}</p>{% endfor %}"
        page.write_bytes(html(10).replace(b"<body>", b"<body>" + greeting))
        given = ["--account", "bench", "--id", TEMPLATE, "--subject", SUBJECT, "--html", str(page)]
        self._command("template", "create", *given)
        self._command("connection", "set", "bench", "track_opens=yes", "track_clicks=yes", "list_unsubscribe=yes")


def submit(port: int, messages: int) -> None:
    """Send messages, each for all of `RECIPIENTS`, from a process of its own; fails when one is not taken."""
    subprocess.run([sys.executable, "-m", "benchmarks.templated", str(port), str(messages)], check=True)


def _session(port: int, messages: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as line:
        lines = _lines(line)
        _expect(lines, 1, b"2")
        line.sendall(b"EHLO bench.example\r\n")
        while next(lines)[3:4] == b"-":
            pass
        for _ in range(messages):
            line.sendall(_ENVELOPE)
            _expect(lines, len(RECIPIENTS) + 1, b"2")
            _expect(lines, 1, b"3")
            line.sendall(_MESSAGE)
            _expect(lines, 1, b"2")
        line.sendall(b"QUIT\r\n")


def _lines(line: socket.socket) -> Iterator[bytes]:
    rest = b""
    while True:
        while b"\r\n" not in rest:
            rest += line.recv(65536) or b"closed\r\n"
        found, _, rest = rest.partition(b"\r\n")
        yield found


def _expect(lines: Iterator[bytes], count: int, code: bytes) -> None:
    for _ in range(count):
        reply = next(lines)
        if not reply.startswith(code):
            raise SystemExit(f"refused: {reply.decode('utf-8', 'replace')}")


if __name__ == "__main__":
    to, number = int(sys.argv[1]), int(sys.argv[2])
    with ThreadPoolExecutor(SESSIONS) as pool:
        shares = [number // SESSIONS + (place < number % SESSIONS) for place in range(SESSIONS)]
        list(pool.map(_session, [to] * SESSIONS, shares))
