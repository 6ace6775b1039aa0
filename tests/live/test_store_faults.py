"""A store whose disk fails, whose process is killed, and which several processes write: real ones, seen from
outside."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from ulid import ULID

from mailrelay.interfaces.history import Selection
from mailrelay.interfaces.ledger import Lane
from mailrelay.interfaces.registry import Account, Connection
from mailrelay.store import Store, open_store
from tests.store.worlds import START, result

ROOT = Path(__file__).parents[2]
OPENING = 1000


class State:
    """A state folder with one tenant."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.account, self.connection = str(ULID()), str(ULID())
        store = self.open()
        made = Connection(
            self.connection, self.account, "main", "standard", "a@b.test", "active", "", (), 0, 1, 1, START
        )
        result(store.registry.add_account(Account(self.account, "acme", OPENING, 0, START)))
        result(store.registry.add_connection(made))
        result(store.close())

    def open(self) -> Store:
        return open_store(self.folder, node=str(ULID()), now=lambda: START, inline=True)

    def command(self, what: str, number: int) -> list[str]:
        module = "tests.live.store_child"
        return [sys.executable, "-m", module, what, str(self.folder), self.account, self.connection, str(number)]

    def run(self, what: str, number: int, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*prefix, *self.command(what, number)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


def _answers(process: subprocess.Popen[str]) -> list[tuple[str, str]]:
    """What the child was answered: (verdict, address)."""
    said, errors = process.communicate(timeout=60)
    lines = [line.split() for line in said.splitlines()]
    assert ["ready"] in lines, errors
    return [(line[0], line[1]) for line in lines if len(line) == 2]


@pytest.mark.parametrize("when", ["1", "2", "3", "4", "6", "8", "2+", "6+", "3..4", "5..7"])
def test_a_failing_fsync_never_lies(state: State, when: str) -> None:
    """D5: whichever fsync fails, once or for ever, success is answered only for what is there after the process died
    and the store was opened again, and nothing answered as refused is there to be sent (law 1)."""
    strace = shutil.which("strace")
    assert strace, "strace is not here: install the Debian package `strace`"
    inject = f"fsync,fdatasync:error=EIO:when={when}"
    process = state.run("accept", 6, (strace, "-f", "-qq", "-o", "/dev/null", "-e", f"inject={inject}"))
    answers = _answers(process)
    assert len(answers) == 6
    store = state.open()
    there = {passage.rcpt for passage in result(store.history.passages(Selection(), 100))}
    claimed = {
        delivery.address for delivery in result(store.ledger.claim(Lane(state.account, "b.test", 0), 100, START))
    }
    verdicts = {address: verdict for verdict, address in answers}
    assert {address for address, verdict in verdicts.items() if verdict == "accepted"} <= there
    assert not {address for address, verdict in verdicts.items() if verdict == "refused"} & there
    assert claimed <= there
    counted = Counter(verdicts.values())
    if "+" not in when:
        assert counted["accepted"] >= 2, counted  # it goes on when the disk does
    result(store.nodes.join())
    result(store.nodes.leave())
    assert result(store.history.audit()) == []
    result(store.close())


def test_a_killed_process_is_taken_over_at_once(state: State) -> None:
    """D1: killed between accept and settle, what a process had in hand is claimed by the next without waiting for any
    clock, because the kernel lets go of its lock; while it lives nothing is taken from it."""
    process = state.run("lease", 3)
    assert process.stdout is not None
    said = [process.stdout.readline().split() for _ in range(4)]
    assert [line[0] for line in said] == ["ready", "accepted", "accepted", "accepted"]
    store = state.open()
    result(store.nodes.join())
    lane = Lane(state.account, "b.test", 0)
    assert result(store.nodes.bury()) == 0
    assert result(store.ledger.claim(lane, 10, START)) == []
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert result(store.nodes.bury()) == 3
    claimed = result(store.ledger.claim(lane, 10, START))
    assert sorted(delivery.address for delivery in claimed) == sorted(line[1] for line in said[1:])
    result(store.nodes.leave())
    assert result(store.history.audit()) == []
    result(store.close())


def test_two_programs_write_at_once(state: State) -> None:
    """Two programs that change one balance at the same time lose no change and meet no error."""
    programs = [state.run("pay", 100) for _ in range(2)]
    for program in programs:
        _, errors = program.communicate(timeout=60)
        assert program.returncode == 0, errors
    store = state.open()
    assert result(store.registry.accounts())[0].balance == OPENING + 200
    assert result(store.history.audit()) == []
    result(store.close())


def test_only_the_owner_reads_the_state(state: State) -> None:
    """The folder is 0700 and every file of the database 0600."""
    assert state.folder.stat().st_mode & 0o777 == 0o700
    store = state.open()
    result(store.nodes.join())
    result(store.registry.put_setting("paused", ""))
    modes = {path.name: path.stat().st_mode & 0o077 for path in state.folder.rglob("*") if path.is_file()}
    assert len(modes) >= 5
    assert set(modes.values()) == {0}
    result(store.nodes.leave())
    result(store.close())
