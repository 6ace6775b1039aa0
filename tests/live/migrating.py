"""Migrates a store, keeps what a kill would leave at each statement: ``python -m tests.live.migrating FOLDER [FROM]``.

A process that is killed leaves its files as they are at that moment; what it had only in its memory is gone, and its
locks are. So one migration is enough: before each statement and each COMMIT its folder is copied, and what a reader
finds in the copy is what it would find after a kill. That this is so is tried at some of the moments: there a fork does
the same and kills itself, and must have left the same.

From each state that was left another process then opens the store, once: equal states go the same way. It says a line
for each moment, ``left`` with the revision that was found, one for each different state, ``opened`` with the revisions
found and reached, one for each kill, ``killed`` with the revision found, and ``done`` at last.
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
#: So many of the moments a process really dies at.
KILLS = 5

#: Whatever a store holds: its schema, and the rows of each table.
State = tuple[object, ...]


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


def at_each_step(folder: Path, do: Callable[[int], object]) -> None:
    """Open the store, and do something before each statement and COMMIT, which are counted from 1."""
    steps = count(1)

    def passed(*_: object) -> None:
        do(next(steps))

    sa.event.listen(sa.Engine, "before_cursor_execute", passed)
    sa.event.listen(sa.Engine, "commit", passed)
    open_and_leave(folder)


def keep(folder: Path, moments: Path, step: int) -> None:
    """The files as they are now."""
    shutil.copytree(folder, moments / str(step))


def die(last: int, step: int) -> None:
    if step == last:
        os.kill(os.getpid(), signal.SIGKILL)


def migrate_to(folder: Path, revision: str) -> None:
    """A store of an older release, with something in it."""
    upgrade = command.upgrade
    with patch("alembic.command.upgrade", lambda settings, _: upgrade(settings, revision)):
        bring_up_to_date(Database(folder), 10)
    file = sqlite_module().connect(str(folder / "mailrelay.sqlite3"))
    file.execute("INSERT INTO accounts (id, name, balance, reserved, created_at) VALUES (?, ?, ?, ?, ?)", ROW)
    file.commit()
    file.close()


def look(folder: Path, first: str) -> tuple[str, State]:
    """The revision that a store is at, once it was found whole, and all that it holds."""
    file = sqlite_module().connect(str(folder / "mailrelay.sqlite3"))
    try:
        assert list(file.execute("PRAGMA integrity_check")) == [("ok",)]
        tables = {row[0] for row in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        found = (
            file.execute("SELECT version_num FROM alembic_version").fetchone() if "alembic_version" in tables else ()
        )
        if not found:
            assert not tables - {"alembic_version"}, tables
        elif first:
            rows = file.execute("SELECT id, name, balance, reserved, created_at FROM accounts")
            assert list(rows) == [ROW]
        schema = tuple(file.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name"))
        held = tuple(tuple(file.execute(f'SELECT * FROM "{table}"')) for table in sorted(tables))
        return str(found[0]) if found else "nothing", (schema, held)
    finally:
        file.close()


def say(*words: str) -> None:
    os.write(1, f"{' '.join(words)}\n".encode())


def main(folder: Path, first: str) -> None:
    base, whole, moments = folder / "base", folder / "whole", folder / "moments"
    base.mkdir()
    moments.mkdir()
    if first:
        forked(lambda: migrate_to(base, first))
    shutil.copytree(base, whole)
    forked(lambda: at_each_step(whole, partial(keep, whole, moments)))
    steps = sorted(int(kept.name) for kept in moments.iterdir())
    ways: dict[State, Path] = {}
    left: dict[int, tuple[str, State]] = {}
    for step in steps:
        kept = moments / str(step)
        asked = kept.with_name("asked")
        shutil.copytree(kept, asked)  # to read is to recover: what is opened later is as it was left
        left[step] = look(asked, first)
        shutil.rmtree(asked)
        ways.setdefault(left[step][1], kept)
        say("left", left[step][0])
    for state, kept in ways.items():
        revision = next(found for found, same in left.values() if same == state)
        forked(partial(open_and_leave, kept))
        say("opened", revision, look(kept, first)[0])
    for step in steps[:: max(1, len(steps) // KILLS)]:
        tried = folder / f"tried{step}"
        shutil.copytree(base, tried)
        assert forked(partial(at_each_step, tried, partial(die, step))) == signal.SIGKILL
        found = look(tried, first)
        assert found == left[step], f"a kill at step {step} left something else than was kept"
        say("killed", found[0])
    say("done")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "")
