"""What is needed to end a daemon at any moment and to judge what became of every mail.

The next hop and the clients live in the test's process and outlive the daemon: what the hop was sent and what the
clients were told is known whatever happens. The state on the disk is looked at as a copy, so that the next start finds
it as the crash left it.
"""

from __future__ import annotations

import re
import shutil
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Self

from mailrelay.store.engine import FILE_NAME, sqlite_module

from .daemon import START, Daemon, Shop, eventually, free_port
from .hop import Hop
from .nursery import nursery

ROOT = Path(__file__).parents[2]
_numbers = count()


class WatchedHop(Hop):
    """A next hop that tells of each line before it answers it, and counts who is on the line.

    `at` is called with each line that comes, with ``CONNECT`` before the first and ``KEPT`` after each final reply.
    """

    CONNECT, DOT, KEPT = b"connect", b".\r\n", b"250 kept\r\n"

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.at: Callable[[bytes], None] = lambda line: None
        self.sessions = 0
        self._lock = threading.Lock()

    def serve(self, rfile: Any, wfile: Any) -> None:
        with self._lock:
            self.sessions += 1
        try:
            self.at(self.CONNECT)
            super().serve(self._heard(rfile), _Voice(wfile, self))
        except (OSError, AssertionError):
            pass  # cut off in the middle of a line or a reply
        finally:
            with self._lock:
                self.sessions -= 1

    def _heard(self, rfile: Any) -> Iterator[bytes]:
        for line in rfile:
            self.at(line)
            yield line

    @property
    def arrived(self) -> Counter[str]:
        """How often mail has come for each recipient."""
        return Counter(recipient for sent in list(self.messages) for recipient in sent.rcpt_to)


class _Voice:
    def __init__(self, wfile: Any, hop: WatchedHop) -> None:
        self._wfile = wfile
        self._hop = hop

    def write(self, octets: bytes) -> None:
        self._wfile.write(octets)
        if octets == WatchedHop.KEPT:
            self._hop.at(octets)


class Relay(Daemon):
    """An installation with one port for clients of loopback and one route, to the test's hop."""

    def __init__(self, folder: Path, state: Path | None = None, **limits: int) -> None:
        self.file = folder / "mailrelay.toml"
        self.state = state or folder / "state"
        super().__init__(folder, ["--config", str(self.file)], ["--config", str(self.file)])
        self._patches: tuple[str, ...] = ()
        self._prefix: tuple[str, ...] = ()
        self.port = free_port()
        self.hop = WatchedHop(free_port())
        self.hop.start()
        bounds = "\n".join(f"{key} = {value}" for key, value in {"free_megabytes": 0, **limits}.items())
        self.file.write_text(
            f'[server]\nhostname = "relay.example"\n[state]\npath = "{self.state}"\n'
            f'[[listeners]]\nname = "local"\nport = {self.port}\ntls = "none"\n'
            f'[[routes]]\nname = "hop"\nhosts = ["127.0.0.1:{self.hop.port}"]\ntls = "none"\ndefault = true\n'
            f"[delivery]\nschedule = [1]\njitter = 0\nuncertain = 1\n[limits]\n{bounds}\n"
        )
        self.cli("init")

    @cached_property
    def client(self) -> Shop:
        """The customer whose mail it is."""
        return self.shop(balance=1_000_000, dialect="standard")

    def listens(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as line:
                return line.recv(100).startswith(b"220 ")
        except OSError:
            return False

    def end_process(self) -> None:
        """Leave no process behind; the hop stays."""
        super().end()

    def end(self) -> None:
        super().end()
        self.hop.stop()

    def launch(self) -> None:
        if self._prefix:
            self.program = [*self._prefix, sys.executable, "-m", "tests.live.patches", *self._patches, "--"]
            super().launch()
        else:
            assert not self.running
            self.process = nursery().start(self._patches, self.options, self.folder, self.log)

    # -- ends

    @contextmanager
    def patched(self, *words: str, prefix: tuple[str, ...] = ()) -> Iterator[None]:
        """Daemons launched in here have names of the product replaced (see `patches`), or run under a program."""
        self._patches, self._prefix = words, prefix
        try:
            yield
        finally:
            self._patches = self._prefix = ()

    def died(self, within: float = 60) -> None:
        """Wait until it has died by SIGKILL, and the hop has heard all that it had said."""
        assert self.process is not None
        status = self.process.wait(within)
        assert status in (-9, 137), (status, self.said()[-3000:])
        eventually(lambda: not self.hop.sessions, 5, "an end of the hop's sessions")

    def in_hand(self) -> set[str]:
        """The recipients that a daemon which is dead had leased, by a copy of its state."""
        return {
            row[0]
            for row in self.look("SELECT address FROM recipients WHERE state IN ('queued', 'deferred') AND lease <> ''")
        }

    def look(self, statement: str) -> list[Any]:
        """Ask a copy of the database of a daemon that is dead."""
        copy = self.folder / "copy"
        copy.mkdir(exist_ok=True)
        for name in (FILE_NAME, f"{FILE_NAME}-wal"):
            (copy / name).unlink(missing_ok=True)
            if (self.state / name).exists():
                shutil.copy(self.state / name, copy / name)
        (copy / f"{FILE_NAME}-shm").unlink(missing_ok=True)
        connection = sqlite_module().connect(str(copy / FILE_NAME))
        try:
            return list(connection.execute(statement))
        finally:
            connection.close()

    def excuse(self, line: str) -> int:
        """What the log tells of trouble since it was looked at last must be lines like this one; how many they are."""
        fresh = self.said()[self._judged :]
        self._judged += len(fresh)
        lines = [found for found in fresh.splitlines() if re.search(r"#error\]|#critical\]|Traceback", found)]
        assert all(re.search(line, found) for found in lines), lines
        return len(lines)

    def is_whole(self) -> bool:
        """Is the file of the database sound, whether a daemon runs or not?"""
        connection = sqlite_module().connect(f"file:{self.state / FILE_NAME}?mode=ro", uri=True)
        try:
            return list(connection.execute("PRAGMA integrity_check")) == [("ok",)]
        finally:
            connection.close()

    def quiet(self, within: float = 30) -> None:
        """Wait until nothing waits any more, and nothing has gone wrong with the file."""
        waiting: list[Any] = []

        def look() -> bool:
            waiting[:] = self.cli("queue", "list", "--limit", "5")["waiting"]
            return not waiting

        try:
            eventually(look, within, "an empty queue")
        except AssertionError as error:
            raise AssertionError(waiting, self.said()[-3000:]) from error


class Record:
    """What clients were told about each recipient, and what a crash may double."""

    def __init__(self) -> None:
        self.taken: set[str] = set()  #: acknowledged
        self.unsaid: set[str] = set()  #: the end was sent, no reply came
        self.never: set[str] = set()  #: refused, or the end was never sent
        self.may_double: Counter[str] = Counter()
        self._arrived: Counter[str] = Counter()
        self._lock = threading.Lock()

    def note(self, to: list[str], where: set[str]) -> None:
        with self._lock:
            where.update(to)

    def crashed(self, relay: Relay) -> int:
        """The daemon has died: whatever it had in hand and had sent already may come again. How many these are."""
        before, self._arrived = self._arrived, relay.hop.arrived
        doubtful = relay.in_hand() & (self._arrived - before).keys()
        self.may_double.update(doubtful)
        return len(doubtful)

    def judge(self, relay: Relay) -> int:
        """Nothing lost, nothing doubled but what may be, nothing sent that was not taken (I1 to I3); how many came
        twice."""
        arrived = relay.hop.arrived
        assert not self.taken - arrived.keys(), "lost"
        assert not arrived.keys() & self.never, "sent, but never taken"
        assert not arrived.keys() - self.taken - self.unsaid, "nobody's"
        doubled = Counter({to: number - 1 for to, number in arrived.items() if number > 1})
        assert doubled <= self.may_double, doubled - self.may_double
        assert relay.is_whole()
        relay.assert_sound()
        return doubled.total()


class Client:
    """One session, by hand: whoever speaks decides where to stop."""

    def __init__(self, relay: Relay, timeout: float = 20) -> None:
        self._line = socket.create_connection(("127.0.0.1", relay.port), timeout)
        self._replies = self._line.makefile("rb")
        try:
            self.expect(220)
            self.say("EHLO client.example", 250)
            self.say(f"AUTH PLAIN {relay.client.variables['plain']}", 235)
        except BaseException:
            self.close()
            raise
        self._sender = relay.client.mail_from

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._replies.close()
        self._line.close()

    def reply(self) -> str:
        """The next reply's last line; `ConnectionError` when the line is closed."""
        while True:
            line = self._replies.readline()
            if not line.endswith(b"\r\n"):
                raise ConnectionError("closed")
            if line[3:4] == b" ":
                return line.decode().rstrip()

    def expect(self, *codes: int) -> str:
        reply = self.reply()
        if int(reply[:3]) not in codes:
            raise Refused(reply)
        return reply

    def say(self, line: str, *codes: int) -> str:
        self._line.sendall(line.encode() + b"\r\n")
        return self.expect(*codes)

    def begin(self, to: list[str]) -> None:
        """A transaction up to the 354."""
        self.say(f"MAIL FROM:<{self._sender}>", 250)
        for each in to:
            self.say(f"RCPT TO:<{each}>", 250)
        self.say("DATA", 354)

    def write(self, octets: bytes) -> None:
        self._line.sendall(octets)

    def send(self, to: list[str], body: bytes, record: Record) -> str:
        """One mail, with what came of it written down; gives the final reply."""
        where = record.never
        try:
            self.begin(to)
            where = record.unsaid
            self.write(f"From: {self._sender}\r\nSubject: crash\r\n\r\n".encode() + body + b"\r\n.\r\n")
            reply = self.reply()
            where = record.taken if reply.startswith("250 ") else record.never
            return reply
        finally:
            record.note(to, where)


class Refused(Exception):
    """A reply that was not hoped for."""


class Load:
    """Sessions that send one mail after the other, and come back as long as it lasts, from ``with`` to its end."""

    def __init__(self, relay: Relay, record: Record, sessions: int, seed: int, pause: float = 0.01) -> None:
        self._relay = relay
        self._record = record
        self._pause = pause
        self._over = threading.Event()
        self.closings: list[str] = []  #: the 421 with which sessions were ended
        self._threads = [
            threading.Thread(target=self._session, args=(Random(f"{seed}.{number}"),), daemon=True)
            for number in range(sessions)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(START)
            assert not thread.is_alive()

    def goes_on(self, taken: int) -> None:
        """Wait until so many more recipients are taken."""
        wanted = len(self._record.taken) + taken
        eventually(lambda: len(self._record.taken) >= wanted, START, "mail under load")

    def _session(self, random: Random) -> None:
        while not self._over.is_set():
            try:
                with Client(self._relay) as client:
                    while not self._over.is_set():
                        self._mail(client, random)
                        time.sleep(self._pause * random.random())
            except OSError:
                time.sleep(0.02)
            except Refused as refused:
                self.closings.append(str(refused))

    def _mail(self, client: Client, random: Random) -> None:
        number = next(_numbers)
        to = [f"u{number}.{n}@d{random.randrange(5)}.example" for n in range(random.choice((1, 1, 1, 3)))]
        size = 300_000 if random.random() < 0.01 else random.randrange(10, 4000)
        client.send(to, b"x" * 70 + b"\r\n" + b"y\r\n" * (size // 3), self._record)
