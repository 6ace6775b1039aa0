"""Daemons that have loaded the package when they start: forks of one process that does nothing else.

To start Python and load everything takes a second of processor time, and the tests of crashes start more than a hundred
daemons. What a fork does is what ``twistd`` does, from the command line on: nothing of the reactor, no thread and no
file of an installation is there before it. `python -m tests.live.nursery` reads orders and writes answers, a line of
JSON for each.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any


class Born:
    """A daemon, with what is used of `subprocess.Popen`; it leads a session of its own."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self._nursery = nursery
        self.pid = pid
        self.returncode: int | None = None
        self._lock = threading.Lock()  # the status is told once, and threads of a hop ask too

    def poll(self) -> int | None:
        with self._lock:
            if self.returncode is None:
                self.returncode = self._nursery.ended(self.pid)
            return self.returncode

    def wait(self, timeout: float) -> int:
        deadline = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(f"daemon {self.pid}", timeout)
            time.sleep(0.005)
        return status

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Nursery:
    """The process, as tests see it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._lock = threading.Lock()
        atexit.register(self._process.communicate)

    def start(self, patches: Sequence[str], arguments: Sequence[str], folder: Path, log: Path) -> Born:
        """A daemon in a folder, its output at the end of a file; `patches` are words of `patches`, or none."""
        order = {"patches": patches, "arguments": arguments, "folder": str(folder), "log": str(log)}
        return Born(self, self._ask(order))

    def ended(self, pid: int) -> int | None:
        """The status with which a daemon has ended, as `Popen` has it; None while it runs."""
        status: int | None = self._ask({"ended": pid})
        return status

    def _ask(self, order: dict[str, Any]) -> Any:
        assert self._process.stdin and self._process.stdout
        with self._lock:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())


@cache
def nursery() -> Nursery:
    """The nursery of this test process."""
    return Nursery()


def next_born() -> dict[str, Any]:
    """Serve orders; returns in a fork, with the order that it was made for, and ends the process when no more come."""
    for line in sys.stdin:
        order: dict[str, Any] = json.loads(line)
        if "ended" in order:
            pid, status = os.waitpid(order["ended"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if not answer:
                return order
        os.write(1, json.dumps(answer).encode() + b"\n")
    raise SystemExit


def live(order: dict[str, Any]) -> None:
    """Be a daemon."""
    from .patches import main

    os.setsid()
    os.chdir(order["folder"])
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), log, log)):
        os.dup2(file, number)
    main(order["patches"], order["arguments"])


def load() -> None:
    """Everything that a daemon loads before it has a reactor."""
    import twisted.scripts._twistd_unix
    import twisted.scripts.twistd  # noqa: F401

    import mailrelay.tap

    from . import patches  # noqa: F401

    assert "twisted.internet.reactor" not in sys.modules, "a reactor must not be shared"
    assert threading.active_count() == 1 and mailrelay.tap


if __name__ == "__main__":
    load()
    live(next_born())
