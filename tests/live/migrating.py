"""Migrates a store, killed at each statement in turn: ``python -m tests.live.migrating FOLDER [FROM]``.

Every try is a fork that kills itself before its n-th statement or COMMIT; another one then opens what it left. It says
a line for each: ``killed`` with the revision that was left and the one reached afterwards, at last ``done``. Forks,
because importing everything anew takes longer than migrating.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from unittest.mock import patch

import sqlalchemy as sa
from alembic import command, config, script  # noqa: F401 so that no fork has to load them

from mailrelay.store import open_store
from mailrelay.store.engine import Database, sqlite_module
from mailrelay.store.migrate import bring_up_to_date

ROW = ("A", "acme", 5, 0, 1)


def forked(work: Callable[[], object]) -> int:
    """Do it in a process of its own; gives the signal that ended it, or 0."""
    child = os.fork()
    if not child:
        work()
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL), status
    return -status


def open_and_leave(folder: Path) -> None:
    open_store(folder, node="N", now=lambda: 1, inline=True).close()


def dying(folder: Path, step: int) -> None:
    steps = count(1)

    def passed(*_: object) -> None:
        if next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sa.event.listen(sa.Engine, "before_cursor_execute", passed)
    sa.event.listen(sa.Engine, "commit", passed)
    open_and_leave(folder)


def migrate_to(folder: Path, revision: str) -> None:
    """A store of an older release, with something in it."""
    upgrade = command.upgrade
    with patch("alembic.command.upgrade", lambda settings, _: upgrade(settings, revision)):
        bring_up_to_date(Database(folder), 10)
    file = sqlite_module().connect(str(folder / "mailrelay.sqlite3"))
    file.execute("INSERT INTO accounts (id, name, balance, reserved, created_at) VALUES (?, ?, ?, ?, ?)", ROW)
    file.commit()
    file.close()


def look(folder: Path, first: str) -> str:
    """The revision that a store is at, once it was found whole."""
    file = sqlite_module().connect(str(folder / "mailrelay.sqlite3"))
    try:
        assert list(file.execute("PRAGMA integrity_check")) == [("ok",)]
        tables = {row[0] for row in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        found = (
            file.execute("SELECT version_num FROM alembic_version").fetchone() if "alembic_version" in tables else ()
        )
        if not found:
            assert not tables - {"alembic_version"}, tables
            return "nothing"
        if first:
            rows = file.execute("SELECT id, name, balance, reserved, created_at FROM accounts")
            assert list(rows) == [ROW]
        return str(found[0])
    finally:
        file.close()


def main(folder: Path, first: str) -> None:
    base = folder / "base"
    base.mkdir()
    if first:
        forked(lambda: migrate_to(base, first))
    for step in count(1):
        tried = folder / "tried"
        shutil.rmtree(tried, ignore_errors=True)
        shutil.copytree(base, tried)
        killed = forked(partial(dying, tried, step))
        if not killed:
            break
        left = tried.with_name("left")
        shutil.rmtree(left, ignore_errors=True)
        shutil.copytree(tried, left)
        forked(partial(open_and_leave, tried))
        os.write(1, f"killed {look(left, first)} {look(tried, first)}\n".encode())
    os.write(1, b"done\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "")
