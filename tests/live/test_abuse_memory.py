"""Large messages: how much memory they take, on their way in, while they wait, and on their way out."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .daemon import eventually
from .exposed import Exposed, Line
from .hop import Sent

#: Megabytes that the daemon may take at most, and keep of it when all is gone.
BOUND = 320
KEPT = 75
LINE = b"y" * 900 + b"\r\n"
BODY = LINE * (25_000_000 // len(LINE))


class Digests(list[Any]):
    """What has arrived: for whom, and the digest of the body."""

    def append(self, sent: Sent) -> None:
        super().append((sent.rcpt_to[0], digest(sent.source.partition(b"\r\n\r\n")[2])))


def digest(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


@pytest.fixture
def exposed(tmp_path: Path) -> Iterator[Exposed]:
    daemon = Exposed(tmp_path)
    daemon.hop.messages = Digests()
    try:
        daemon.start()
        yield daemon
        daemon.assert_sound()
    finally:
        daemon.end()


def message(daemon: Exposed, number: int) -> bytes:
    """The header of a message, and the first line of its body, with the number."""
    return f"From: {daemon.customer.mail_from}\r\nSubject: large\r\n\r\nmark {number}\r\n".encode()


def test_fifty_at_once(exposed: Exposed) -> None:
    """Fifty messages of 25 MB that come at the same time are taken, kept and delivered whole, within the bound; when
    they are gone so is what they took (L5)."""
    idle = exposed.memory()

    def submit(number: int) -> None:
        with Line(exposed) as line:
            line.socket.settimeout(120)
            line.log_in()
            line.begin(f"large{number}@example.net")
            line.send(message(exposed, number))
            line.send(BODY)
            replies.append(line.ask(b"."))

    replies: list[bytes] = []
    threads = [threading.Thread(target=submit, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [reply[:3] for reply in replies] == [b"250"] * 50
    eventually(lambda: len(exposed.hop.messages) == 50, 120, "the arrival of all")
    wanted = {f"large{number}@example.net": digest(b"mark %d\r\n" % number + BODY) for number in range(50)}
    assert dict(exposed.hop.messages) == wanted
    assert exposed.memory("VmHWM") < BOUND
    assert exposed.memory() < idle + KEPT


def test_far_too_large(exposed: Exposed) -> None:
    """Ten times as much as is allowed, whatever was declared, is read to its end, told once and kept nowhere (L4)."""
    shop = exposed.customer
    with Line(exposed) as line:
        line.socket.settimeout(60)
        line.log_in()
        assert line.ask(f"MAIL FROM:<{shop.mail_from}> SIZE=262144000".encode()).startswith(b"552 ")
        assert line.ask(f"MAIL FROM:<{shop.mail_from}> SIZE=1000".encode()).startswith(b"250 ")
        assert line.ask(b"RCPT TO:<much@example.net>").startswith(b"250 ")
        assert line.ask(b"DATA").startswith(b"354 ")
        line.send(message(exposed, 0))
        for _ in range(10):
            line.send(BODY)
        assert line.ask(b"RSET\r\n.").startswith(b"552 ")
        assert line.ask(b"NOOP").startswith(b"250 ")
    assert exposed.memory("VmHWM") < 250
    eventually(lambda: not chunks(exposed), 10, "the end of what was put away")
    assert exposed.cli("message", "list") == []


def test_a_line_without_end(exposed: Exposed) -> None:
    """A line of ten million octets, with commands behind it, is one message, and its commands are not run (S13)."""
    with Line(exposed) as line:
        line.log_in()
        line.begin("long@example.net")
        line.send(message(exposed, 1) + b"x" * 10_000_000)
        assert line.ask(b"\r\nRSET\r\nMAIL FROM:<evil@example.net>\r\n.").startswith(b"250 ")
        assert line.ask(b"NOOP").startswith(b"250 ")
    assert len(exposed.cli("message", "list")) == 1
    eventually(lambda: len(exposed.hop.messages) == 1, 60, "its arrival")


def chunks(daemon: Exposed) -> int:
    """How many chunks the store holds."""
    from mailrelay.store.engine import FILE_NAME, sqlite_module

    connection = sqlite_module().connect(daemon.folder / "state" / FILE_NAME)
    try:
        return int(connection.execute("SELECT count(*) FROM chunks").fetchone()[0])
    finally:
        connection.close()
