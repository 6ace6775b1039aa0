"""A throw-away Redis server for tests: on a loopback port and a unix socket of its own, nothing kept, gone at exit.

It is started from Debian's package `redis-server`; without it the test fails and says so. Tests of outages may kill,
suspend and start it again at the same place.
"""

from __future__ import annotations

import atexit
import shutil
import signal
import socket
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from .daemon import eventually, free_port


class Server:
    """A server; `port` and `path` are where it listens when it runs."""

    def __init__(self, password: str = "") -> None:
        self._binary = shutil.which("redis-server")
        if self._binary is None:
            raise AssertionError("Redis is not here: install the Debian package `redis-server`")
        self.folder = Path(tempfile.mkdtemp(prefix="mr-redis-"))
        self.path = self.folder / "socket"
        self.port = free_port()
        self.password = password
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.destroy)

    def start(self) -> None:
        options = {
            "bind": "127.0.0.1",
            "port": self.port,
            "unixsocket": self.path,
            "dir": self.folder,
            "save": "",
            "appendonly": "no",
            "logfile": self.folder / "log",
        }
        if self.password:
            options["requirepass"] = self.password
        self._process = subprocess.Popen(
            [str(self._binary), *(word for key, value in options.items() for word in (f"--{key}", str(value)))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        eventually(self._answers, 10, "a Redis server")

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"Redis ended: {(self.folder / 'log').read_text(errors='replace')}")
        try:
            return bool(self.say("PING"))
        except OSError:
            return False

    def say(self, *words: object) -> bytes:
        """One command and the beginning of its answer, as on the wire."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(self.path))
            if self.password:
                client.sendall(_command("AUTH", self.password))
                assert client.recv(100) == b"+OK\r\n"
            client.sendall(_command(*words))
            return client.recv(65536)

    def kill(self) -> None:
        """End it at once; whatever it knew is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def suspend(self) -> None:
        """Let it hang: it takes connections and octets, and says nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def destroy(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def _command(*words: object) -> bytes:
    encoded = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)


@cache
def server() -> Server:
    """The server of this test process, for tests that do it no harm."""
    common = Server()
    common.start()
    return common
