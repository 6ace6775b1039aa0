"""A daemon under its unit file, with this process in the part of systemd: it starts what the file says, and is told.

Only the command's path and configuration differ from the file; sandboxing is judged by systemd's own tools.
"""

from __future__ import annotations

import configparser
import os
import select
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from .daemon import PROGRAMS, START, eventually
from .installation import Installation

UNITS = Path(__file__).parents[2] / "systemd"
SERVICE, SOCKET = UNITS / "mailrelay.service", UNITS / "mailrelay.socket"


def section(unit: Path, name: str) -> dict[str, str]:
    """A section of a unit file; of a setting that is repeated, the last."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[method-assign, assignment]
    parser.read(unit)
    return dict(parser[name])


class Managed(Installation):
    """An installation whose daemon is started as its service is; `more` variables go to its environment."""

    def __init__(self, folder: Path, more: str = "", port: int | None = None) -> None:
        super().__init__(folder, more, port)
        self.service = section(SERVICE, "Service")
        self._place = tempfile.mkdtemp(prefix="mr-notify-")
        self._ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ear.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._ear.bind(f"{self._place}/notify")
        self.told: list[dict[str, str]] = []

    @property
    def command(self) -> list[str]:
        """ExecStart with the program of this environment and the configuration of this test."""
        words = shlex.split(self.service["ExecStart"])
        assert words[0].endswith("/twistd") and words[-2:] == ["--config", "/etc/mailrelay.toml"]
        return [str(PROGRAMS / "twistd"), *words[1:-1], str(self.config)]

    def launch(self, before: Sequence[str] = (), watchdog: float = 0.0) -> None:
        """Start the process, perhaps by another program, with signs of life wanted within so many seconds."""
        environment = {**os.environ, "NOTIFY_SOCKET": f"{self._place}/notify"}
        if watchdog:
            environment["WATCHDOG_USEC"] = str(int(watchdog * 1e6))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*before, *self.command],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start(self) -> None:
        self.launch()
        self.until("READY")

    def reload(self) -> None:
        """ExecReload."""
        assert self.process is not None and shlex.split(self.service["ExecReload"])[1:] == ["-HUP", "$MAINPID"]
        self.process.send_signal(signal.SIGHUP)

    def listen(self, seconds: float) -> None:
        """Hear what it tells for so long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self._ear], [], [], left)[0]:
                self._hear()

    def silent(self, seconds: float) -> None:
        """It tells nothing for so long, but for what it told at the beginning of that."""
        self.listen(0.2)
        del self.told[:]
        self.listen(seconds)
        assert self.told == []

    def hears(self) -> list[str]:
        """The first word of each message, with those that have come since."""
        self.listen(0.01)
        return self.names

    def until(self, what: str, within: float = START) -> dict[str, str]:
        """Hear until something is told that was not told before; the message."""
        heard = len(self.told)

        def look() -> dict[str, str]:
            while select.select([self._ear], [], [], 0)[0]:
                self._hear()
            if not self.running and not any(what in each for each in self.told[heard:]):
                raise AssertionError(f"ended without {what}: {self.said()}")
            return next((each for each in self.told[heard:] if what in each), {})

        return eventually(look, within, f"{what} in {self.told}")

    def _hear(self) -> None:
        datagram, credentials, _, _ = self._ear.recvmsg(4096, socket.CMSG_SPACE(12))
        (pid,) = (int.from_bytes(data[:4], "little") for _, _, data in credentials)
        assert self.process is not None and pid == self.process.pid, (
            "only the main process is heard (NotifyAccess=main)"
        )
        self.told.append(dict(line.split("=", 1) for line in datagram.decode().splitlines()))

    @property
    def names(self) -> list[str]:
        """The first word of each message so far."""
        return [next(iter(message)) for message in self.told]

    def end(self) -> None:
        super().end()
        self._ear.close()
        shutil.rmtree(self._place, ignore_errors=True)
