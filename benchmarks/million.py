"""A million that wait: how soon the relay is ready, how much memory it takes, and how long new mail waits.

The queue is filled before the start: all of it is due, and leads to a host that takes connections and never says a
word. New mail, of another account, goes to a sink that answers.
Once everything waits for one domain, once for a hundred thousand of them.
"""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from pathlib import Path

from pysqlite3 import dbapi2 as sqlite3

from .backlog import fill
from .load import submit
from .processes import cpu_seconds, memory_megabytes, wait_until
from .server import Relay

#: Seconds for which it is watched, and new messages that are timed.
WATCHED, TIMED = 30, 20


class TimingSink:
    """A next hop that notes when it took the last of so many messages: `smtp-sink` tells once a second only."""

    def __init__(self) -> None:
        self.received = 0
        self.last_at = 0.0
        sink = self

        class Session(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"220 sink\r\n")
                for line in self.rfile:
                    verb = line[:4].upper()
                    if verb == b"DATA":
                        self.wfile.write(b"354 go\r\n")
                        while next(self.rfile, b".\r\n") != b".\r\n":
                            pass
                        sink.last_at = time.monotonic()
                        sink.received += 1
                    self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
                    if verb == b"QUIT":
                        return

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])

    def __enter__(self) -> TimingSink:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class FullRelay(Relay):
    """This relay, with so many recipients in its queue, for so many domains."""

    def __init__(self, sink_port: int, folder: Path, dead_port: int, number: int, domains: int) -> None:
        super().__init__(sink_port, folder)
        self._number = number
        self._domains = domains
        self.ready = 0.0
        with self._config.open("a") as config:
            config.write(f'\n[[routes]]\nname = "dead"\nhosts = ["127.0.0.1:{dead_port}"]\ntls = "none"\n')

    def _furnish(self) -> None:
        super()._furnish()
        self._command("account", "create", "other")
        self._command("domain", "add", "queued.example", "--account", "other", "--verified")
        given = ("--account", "other", "--dialect", "standard", "--sender", "news@queued.example", "--active")
        self._command("connection", "create", "queued", *given)
        with sqlite3.connect(self._folder / "state" / "mailrelay.sqlite3") as state:
            ((account, connection),) = state.execute(
                "SELECT account, id FROM connections WHERE name = 'queued'"
            ).fetchall()
        state.close()

        def destination(place: int) -> str:
            return f"d{place % self._domains}.dead.example"

        fill(self._folder / "state", account, connection, self._number, destination=destination, route="dead")
        self._begun = time.monotonic()

    def __enter__(self) -> FullRelay:
        super().__enter__()
        self.ready = time.monotonic() - self._begun
        return self


def scenario_million(number: int, folder: Path) -> None:
    """Measure and print a line for each way in which the queue is spread."""
    print(f"\n{number:,} recipients in the queue, all due, to a host that never answers; SQLite")
    print(
        f"{'domains':>10}{'ready s':>10}{'PSS MB':>10}{'later MB':>10}{'CPU %':>8}{'new mail s':>12}{'at most s':>11}"
    )
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        dead.listen(4096)
        for domains in (1, max(1, number // 10)):
            with TimingSink() as sink, FullRelay(sink.port, folder, dead.getsockname()[1], number, domains) as relay:
                _measure(relay, sink, domains)


def _measure(relay: FullRelay, sink: TimingSink, domains: int) -> None:
    first = memory_megabytes(relay.pids)
    before, begun = cpu_seconds(relay.pids), time.monotonic()
    took = []
    for number in range(TIMED):
        sent = time.monotonic()
        submit(relay.port, 1, sessions=1)
        wait_until(lambda wanted=number + 1: sink.received >= wanted, "new mail", 60)  # type: ignore[misc]
        took.append(sink.last_at - sent)
    time.sleep(max(0.0, WATCHED - (time.monotonic() - begun)))
    load = 100 * (cpu_seconds(relay.pids) - before) / (time.monotonic() - begun)
    figures = f"{first:10.0f}{memory_megabytes(relay.pids):10.0f}{load:8.1f}"
    print(f"{domains:10,}{relay.ready:10.1f}{figures}{sorted(took)[TIMED // 2]:12.2f}{max(took):11.2f}")
