"""Who is alive among the processes that share a store, and what becomes of the leases of those who are not.

On SQLite being alive is an flock on a file held for life: the kernel frees it at death, so take-over is instant and
needs no clock. On PostgreSQL it is a heart-beat counter: observers time its last change on their own monotonic clock
and declare death by compare-and-set on the beat they saw. This module never kills a process and never releases what a
living one holds.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from zope.interface import implementer

from ..interfaces.nodes import INodes
from .claim import release_node
from .jobs import CALL
from .schema import PENDING, batches, nodes, recipients
from .work import Work
from .writer import Reactor, Writer

_log = Logger()

#: Seconds between two beats of a PostgreSQL node, and without any after which it counts as dead.
BEAT = 5.0
SILENCE = 30.0


@implementer(INodes)
class FileNodes:
    """Nodes of a SQLite store, by file locks."""

    def __init__(self, writer: Writer, node: str, folder: Path) -> None:
        self.id = node
        self._writer = writer
        self._folder = folder / "nodes"
        self._file: int | None = None

    def join(self) -> Deferred[None]:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        while self._file is None:
            file = os.open(self._folder / self.id, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_file(file, self._folder / self.id):
                self._file = file
            else:  # buried between its making and its lock
                os.close(file)
        return succeed(None)

    def bury(self) -> Deferred[int]:
        return self._writer.ask(CALL, self._bury)

    def leave(self) -> Deferred[None]:
        return self._writer.ask(CALL, self._leave)

    def alive(self, node: str) -> bool:
        """Does a process hold this node's file?"""
        if node == self.id:
            return self._file is not None
        try:
            file = os.open(self._folder / node, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            (self._folder / node).unlink(missing_ok=True)
            return False
        finally:
            os.close(file)

    def census(self, work: Work) -> Callable[[str], bool]:
        """Tells of a node whether it is alive."""
        return self.alive

    def _bury(self, work: Work) -> int:
        dead = [node for node in owners(work) if node != self.id and not self.alive(node)]
        released = sum(release_node(work, node) for node in dead)
        for node in work.execute(sa.select(batches.c.node)).scalars().all():
            if node not in (self.id, work.node) and not self.alive(node):
                work.execute(sa.delete(batches).where(batches.c.node == node))
        return released

    def _leave(self, work: Work) -> None:
        release_node(work, self.id)
        if self._file is not None:
            (self._folder / self.id).unlink(missing_ok=True)
            os.close(self._file)
            self._file = None


@implementer(INodes)
class BeatNodes:
    """Nodes of a PostgreSQL store, by heart-beats."""

    def __init__(self, writer: Writer, node: str, seconds: Callable[[], float], reactor: Reactor | None) -> None:
        """`seconds` reads a monotonic clock. With a `reactor` the heart beats by itself, else with each `bury`."""
        self.id = node
        self._writer = writer
        self._seconds = seconds
        self._reactor = reactor
        self._timer: IDelayedCall | None = None
        self._beats = 0  # never goes back, not even when we were declared dead: no beat is seen twice
        self._seen: dict[str, tuple[int, float]] = {}

    def join(self) -> Deferred[None]:
        if self._reactor is not None:
            self._timer = self._reactor.callLater(BEAT, self._beat_again, self._reactor)
        return self._writer.ask(CALL, self._join)

    def bury(self) -> Deferred[int]:
        return self._writer.ask(CALL, self._bury)

    def leave(self) -> Deferred[None]:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return self._writer.ask(CALL, self._leave)

    def _beat_again(self, reactor: Reactor) -> None:
        self._timer = reactor.callLater(BEAT, self._beat_again, reactor)
        beaten = self._writer.ask(CALL, self._beat)
        beaten.addErrback(lambda reason: _log.warn("no heart-beat: {reason}", reason=reason.value))

    def census(self, work: Work) -> Callable[[str], bool]:
        """Tells of a node whether it is alive, as of this transaction."""
        return set(work.execute(sa.select(nodes.c.id)).scalars()).__contains__

    def _join(self, work: Work) -> None:
        self._beats += 1
        work.execute(work.upsert(nodes, ("id", "beat")), {"id": self.id, "beat": self._beats})

    def _beat(self, work: Work) -> None:
        """Show life. Who was declared dead lost its leases then, and lives again for those to come."""
        self._beats += 1
        if not work.execute(sa.update(nodes).where(nodes.c.id == self.id).values(beat=self._beats)).rowcount:
            _log.error("node {node} was declared dead by another; its leases are gone", node=self.id)
            self._join(work)

    def _bury(self, work: Work) -> int:
        self._beat(work)
        now = self._seconds()
        released = 0
        rows = work.execute(sa.select(nodes.c.id, nodes.c.beat).order_by(nodes.c.id)).all()
        known = {row.id: row.beat for row in rows}
        self._seen = {id: seen for id, seen in self._seen.items() if id in known}
        for id, beat in known.items():
            seen = self._seen.get(id)
            if id == self.id or seen is None or seen[0] != beat:
                self._seen[id] = (beat, now)
            elif now - seen[1] > SILENCE:
                gone = sa.delete(nodes).where(nodes.c.id == id, nodes.c.beat == beat)
                if work.execute(gone).rowcount:
                    del self._seen[id]
                    released += release_node(work, id)
        for id in owners(work):
            if id not in known:
                released += release_node(work, id)
        return released

    def _leave(self, work: Work) -> None:
        release_node(work, self.id)
        work.execute(sa.delete(nodes).where(nodes.c.id == self.id))


def owners(work: Work) -> list[str]:
    """Every node that has a recipient in hand, by a loose scan of the lease index."""
    found: list[str] = []
    last = ""
    while True:
        statement = sa.select(sa.func.min(recipients.c.lease)).where(PENDING, recipients.c.lease > last)
        node = work.execute(statement).scalar()
        if node is None:
            return found
        found.append(node)
        last = node


def _is_file(file: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(file)
    return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)
