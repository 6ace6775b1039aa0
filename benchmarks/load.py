"""The two ends of the scenarios: `smtp-source` that submits and `smtp-sink` that receives, both of Debian's postfix.

They promise no more than to count; they share the machine with the server, and their own cost is not measured.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import threading
import time
from types import TracebackType

SENDER = "sender@bench.example"
RECIPIENT = "recipient@dest.example"


def program(name: str) -> str:
    """The path of a program of the system; `SystemExit` names the missing one."""
    path = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if path is None:
        raise SystemExit(
            f"{name} is missing; it comes with Debian's package {'opendkim' if 'dkim' in name else 'postfix'}"
        )
    return path


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def listens(port: int) -> bool:
    """Somebody answers on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Sink:
    """A running `smtp-sink`; `received` counts messages, `last_at` is the monotonic time of the last one seen."""

    def __init__(self) -> None:
        self.port = free_port()
        self.received = 0
        self.last_at = 0.0
        self._process = subprocess.Popen(
            [program("smtp-sink"), "-u", "nobody", "-c", f"127.0.0.1:{self.port}", "1000"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        rest = b""
        while chunk := os.read(self._process.stdout.fileno(), 65536):
            counts = re.findall(rb"mesg=\s*(\d+)", rest + chunk)
            rest = (rest + chunk)[-64:]
            if counts and int(counts[-1]) > self.received:
                self.received, self.last_at = int(counts[-1]), time.monotonic()

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()


def submit(port: int, messages: int, *, sessions: int = 20, octets: int = 4096, reuse: bool = True) -> None:
    """Send messages to a server and wait until it has answered for all of them.

    `smtp-source` gives up at the first reply that is not positive; then this raises `CalledProcessError`.
    """
    # The program's -d means: do not disconnect after a message.
    arguments = ["-s", str(sessions), "-m", str(messages), "-l", str(octets), *(["-d"] if reuse else [])]
    subprocess.run(
        [program("smtp-source"), *arguments, "-f", SENDER, "-t", RECIPIENT, f"127.0.0.1:{port}"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
