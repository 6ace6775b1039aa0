"""A throw-away ClamAV daemon for tests: on a unix socket of its own, with one signature, gone at exit.

It is started from Debian's package `clamav-daemon`; without it the test fails and says so. Signatures are not fetched:
the one that it has names EICAR's test file, which is harmless and made for this.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from .daemon import eventually

# in two pieces, so that no scanner takes this file for the thing itself
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-" + rb"ANTIVIRUS-TEST-FILE!$H+H*"
NAME = "Win.Test.EICAR_HDB-1"


class Clamd:
    """The daemon; `path` is its socket."""

    def __init__(self) -> None:
        binary = shutil.which("clamd") or "/usr/sbin/clamd"
        if not os.access(binary, os.X_OK):
            raise AssertionError("clamd is not here: install the Debian package `clamav-daemon`")
        self.folder = Path(tempfile.mkdtemp(prefix="mr-clamd-"))
        self.path = self.folder / "socket"
        (self.folder / "signatures").mkdir()
        (self.folder / "signatures" / "eicar.ndb").write_text(f"{NAME}:0:*:{EICAR.hex()}\n")
        settings = self.folder / "clamd.conf"
        settings.write_text(
            f"DatabaseDirectory {self.folder / 'signatures'}\nLocalSocket {self.path}\nForeground yes\n"
            f"TemporaryDirectory {self.folder}\nLogFile {self.folder / 'log'}\nStreamMaxLength 2M\n"
        )
        atexit.register(self.destroy)
        self._process = subprocess.Popen(
            [binary, "--config-file", str(settings)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        eventually(self._answers, 20, "clamd")

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise AssertionError(f"clamd ended: {(self.folder / 'log').read_text(errors='replace')}")
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            try:
                client.connect(str(self.path))
                client.sendall(b"zPING\0")
                return client.recv(100) == b"PONG\0"
            except OSError:
                return False

    def suspend(self) -> None:
        """Let it hang: it takes connections and octets, and says nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def destroy(self) -> None:
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
