"""A disk that is full, and has room again later (D4): a real one of eight megabytes."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from .crashing import Client, Record, Refused, Relay
from .daemon import START, eventually, free_port

FULL = "452 4.3.1 Insufficient system storage"
CANNOT = "the store cannot be written, trying on: .*database or disk is full"


class Disk:
    """A small file system in memory; whoever may not mount one is told so."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._mount("-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs")

    def _mount(self, *words: str) -> None:
        done = subprocess.run(["mount", *words, str(self.folder)], capture_output=True, text=True)
        assert done.returncode == 0, f"a small disk cannot be mounted, run this test as root: {done.stderr}"

    def fill(self) -> None:
        """Leave no room."""
        with (self.folder / "ballast").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            while True:
                file.write(bytes(4096))

    def free(self) -> None:
        """Make room again, and more than there was."""
        (self.folder / "ballast").unlink(missing_ok=True)
        self._mount("-o", "remount,size=64m")

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path / "disk")
    try:
        yield disk
    finally:
        disk.unmount()


@pytest.fixture
def relay(tmp_path: Path, disk: Disk) -> Iterator[Relay]:
    relay = Relay(tmp_path, disk.folder / "state")
    try:
        relay.client  # noqa: B018 made before the first start
        told = free_port()
        relay.file.write_text(f"{relay.file.read_text()}[http]\nmetrics_port = {told}\n")
        relay.__dict__["readyz"] = f"http://127.0.0.1:{told}/readyz"
        yield relay
    finally:
        relay.end()


def ready(relay: Relay) -> tuple[int, str]:
    """What is told to who balances load."""
    try:
        with urlopen(relay.__dict__["readyz"], timeout=20) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def until_full(client: Client, record: Record, name: str) -> None:
    """Send mail until one is refused because there is no room."""
    for number in range(1000):
        if client.send([f"{name}{number}@a.example"], b"x" * 60 + b"\r\n" + b"y\r\n" * 6000, record) == FULL:
            return
    raise AssertionError("the disk was never full")


def test_full_while_it_runs(relay: Relay, disk: Disk) -> None:
    """D4: when the log of the database finds no room, mail is refused 452 4.3.1, the session goes on, no commit is in
    doubt, the log gets one line for it, and /readyz tells why; with room again mail is taken at once, and what was
    taken before has gone once."""
    record = Record()
    relay.start()
    with Client(relay) as client:
        until_full(client, record, "first")
        for number in range(5):
            assert client.send([f"more{number}@a.example"], b"z" * 50_000, record) == FULL
        client.say("NOOP", 250)
        with Client(relay) as other:
            assert other.send(["other@a.example"], b"z" * 50_000, record) == FULL
        # what is little may still find room where a mail found none: each look at it writes, until nothing does
        disk.fill()
        eventually(lambda: ready(relay) == (503, "store: database or disk is full\n"), 20, what="that it is not ready")
        assert relay.excuse(CANNOT) <= 2
        disk.free()
        eventually(lambda: client.send(["again@a.example"], b"z" * 50_000, Record()).startswith("250 "), 5)
        record.note(["again@a.example"], record.taken)
        eventually(lambda: ready(relay) == (200, "ready\n"), what="that it is ready again")
        assert client.send(["after@a.example"], b"z" * 50_000, record).startswith("250 ")
    relay.quiet()
    relay.excuse(CANNOT)
    assert record.judge(relay) == 0
    assert "unknown" not in relay.said()
    assert len(record.taken) > 20


def test_killed_while_full(relay: Relay, disk: Disk) -> None:
    """D4: killed on a full disk, the next start says in one line that it cannot run, or runs where there is room for
    little; with room again it goes on where it was, and nothing is lost."""
    record = Record()
    relay.start()
    with Client(relay) as client:
        until_full(client, record, "first")
    disk.fill()
    relay.kill()
    relay.died()
    record.crashed(relay)
    before = len(relay.said())
    relay.launch()
    eventually(lambda: relay.listens() or not relay.running, START)
    if not relay.running:
        (line,) = re.findall("^mailrelay: .*$", relay.said()[before:], re.MULTILINE)
        assert "full" in line
    disk.free()
    if not relay.running:
        relay.start()
    relay.quiet()
    relay.excuse("")
    record.judge(relay)


def test_room_that_is_kept(tmp_path: Path, disk: Disk) -> None:
    """D4: below the floor of the configuration mail is refused at MAIL already, while what was taken still goes; above
    it, it is taken without a restart."""
    relay = Relay(tmp_path, disk.folder / "state", free_megabytes=4)
    record = Record()
    try:
        relay.client  # noqa: B018 made before the start
        relay.start()
        with Client(relay) as client:
            (disk.folder / "ballast").write_bytes(bytes(5_000_000))
            with pytest.raises(Refused, match=FULL):
                client.begin(["early@a.example"])
            record.note(["early@a.example"], record.never)
            (disk.folder / "ballast").unlink()

            def has_room() -> bool:
                try:
                    client.say("MAIL FROM:<>", 250)
                except Refused:
                    return False  # what was seen of the disk may be a second old
                return client.say("RSET", 250) != ""

            eventually(has_room, 10)
            assert client.send(["later@a.example"], b"x", record).startswith("250 ")
        relay.quiet()
        assert record.judge(relay) == 0
        refused = [each[0] for each in relay.look("SELECT verdicts FROM refusals") if "free_space" in each[0]]
        assert refused and all('"floor":4000000' in each for each in refused)
    finally:
        relay.end()
