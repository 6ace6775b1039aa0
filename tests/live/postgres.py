"""A throw-away PostgreSQL server for tests: made in a temporary folder, on a unix socket of its own, gone at exit.

It is started once per test process, when first asked for, from Debian's package `postgresql`; without it the test
fails and says so. As root the server runs as user `postgres`. Every test gets a database of its own.
"""

from __future__ import annotations

import atexit
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import psycopg

_numbers = itertools.count()


def fast_folder() -> str:
    """Where temporary databases sync fastest: memory, when there is enough of it."""
    memory = "/dev/shm"
    return memory if os.path.isdir(memory) and shutil.disk_usage(memory).free > 1 << 29 else "/tmp"


class Server:
    """A running server; `stop` and `start` may be used by tests of outages."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self.folder = Path(tempfile.mkdtemp(prefix="mr-pg-", dir=fast_folder()))
        self._user: list[str] = []
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(self.folder, account.pw_uid, account.pw_gid)
            self._user = ["setpriv", "--reuid=postgres", f"--regid={account.pw_gid}", "--clear-groups", "--"]
        data = str(self.folder / "data")
        self._run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        atexit.register(self.destroy)
        self.start()

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._user, str(self._binaries / program), *arguments]
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-s", *arguments)

    def start(self) -> None:
        options = f"-c listen_addresses='' -k {self.folder} -c shared_buffers=16MB -c max_connections=40"
        self._control("-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        self._control("-w", "-m", mode, "stop")

    def destroy(self) -> None:
        try:
            self.stop()
        except RuntimeError:
            pass
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_database(self, template: str = "template0") -> str:
        """The URL of a new database, empty unless it is a copy of another that nobody has open."""
        name = f"test{next(_numbers)}"
        with psycopg.connect(host=str(self.folder), user="postgres", dbname="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")  # type: ignore[arg-type]
        return f"postgresql://postgres@/{name}?host={self.folder}"


@cache
def server() -> Server:
    """The server of this test process."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise AssertionError("PostgreSQL is not here: install the Debian package `postgresql`")
    return Server(found[-1].parent)
