"""The octets of one transaction as they come in: a small message stays in memory, a large one goes to the spool.

Of a large message only the beginning is kept, which is where its header stands; the rest is committed in chunks, in
canonical line ends, whatever the cuts in which it came. At most `AHEAD` chunks wait for their commit: then whoever
writes is asked to stop for a while. What was spooled and is not wanted is dropped, at the latest by the sweep.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..interfaces.bodies import ISpool
from ..mail.message import Canonical, has_nul

log = Logger()

#: Octets of a message that stay in memory, and of each chunk behind them.
CHUNK = 256 * 1024
#: Chunks that may wait for their commit before no more is asked for.
AHEAD = 2


class Source:
    """One message. `size` counts the octets that came; `id` is "" until something is spooled under it; `head` and
    `stored` (octets in the spool behind it) hold after `close`."""

    __slots__ = (
        "_canonical", "_failure", "_held", "_new_id", "_number", "_pieces", "_spool", "_under_way", "_unwanted",
        "_wanting_end", "_wanting_room", "has_nul", "head", "id", "size", "stored",
    )  # fmt: skip

    def __init__(self, spool: ISpool, new_id: Callable[[], str]) -> None:
        self._spool = spool
        self._new_id = new_id
        self.id = ""
        self.head = b""
        self.size = self.stored = 0
        self.has_nul = False
        self._pieces: list[bytes] = []
        self._held = 0
        self._number = 0
        self._under_way = 0
        self._failure: Failure | None = None
        self._unwanted = False
        self._wanting_room: list[Deferred[None]] = []
        self._wanting_end: list[Deferred[None]] = []

    def write(self, octets: bytes) -> Deferred[None] | None:
        """Take what came; a Deferred fires when there is room for more."""
        self.size += len(octets)
        if self.id:
            octets = self._canonical.feed(octets)
        self._pieces.append(octets)
        self._held += len(octets)
        if self._held < CHUNK:
            return None
        if not self.id:
            self._begin()
        while self._held >= CHUNK:
            self._put()
        if self._under_way < AHEAD:
            return None
        return _joined(self._wanting_room)

    def close(self) -> Deferred[None] | None:
        """Everything has come. A Deferred fires when all of it is committed, or fails with what kept it from that."""
        if not self.id:
            self.head = b"".join(self._pieces)
            self._pieces.clear()
            self.has_nul = has_nul(self.head)
            return None
        last = self._canonical.end()
        self._pieces.append(last)
        self._held += len(last)
        while self._held:
            self._put()
        return self._ended().addCallback(self._judge)

    def discard(self) -> None:
        """Nothing of it is wanted: forget it, and drop what was spooled once nothing of it is under way any more."""
        self._pieces.clear()
        self._unwanted = True
        if self.id:
            self._ended().addCallback(lambda _: self._spool.drop(self.id)).addErrback(self._not_dropped)

    def _begin(self) -> None:
        """It is a large one: keep its beginning, which must not end between a CR and its LF."""
        self.id = self._new_id()
        self._canonical = Canonical()
        text = self._canonical.feed(b"".join(self._pieces))
        end = CHUNK - 1 if text[CHUNK - 1 : CHUNK] == b"\r" else CHUNK
        self.head = text[:end]
        self.has_nul = has_nul(self.head)
        self._pieces = [text[end:]]
        self._held = len(text) - len(self.head)

    def _put(self) -> None:
        """Commit the next chunk, or the last octets."""
        text = b"".join(self._pieces)
        chunk, rest = text[:CHUNK], text[CHUNK:]
        self._pieces = [rest]
        self._held = len(rest)
        if self._unwanted or self._failure is not None:
            return
        self.has_nul = self.has_nul or has_nul(chunk)
        self._number += 1
        self.stored += len(chunk)
        self._under_way += 1
        self._spool.put(self.id, self._number, chunk).addErrback(self._failed).addCallback(self._done)

    def _failed(self, failure: Failure) -> None:
        self._failure = self._failure or failure

    def _done(self, _: object) -> None:
        self._under_way -= 1
        if self._under_way < AHEAD:
            _fire(self._wanting_room)
        if not self._under_way:
            _fire(self._wanting_end)

    def _ended(self) -> Deferred[None]:
        """Fires when nothing is under way."""
        return _joined(self._wanting_end) if self._under_way else succeed(None)

    def _judge(self, _: None) -> None:
        if self._failure is not None:
            self._failure.raiseException()

    def _not_dropped(self, failure: Failure) -> None:
        log.warn("what was spooled of {id} stays until the sweep: {reason}", id=self.id, reason=failure.value)


def _joined(waiting: list[Deferred[None]]) -> Deferred[None]:
    one: Deferred[None] = Deferred()
    waiting.append(one)
    return one


def _fire(waiting: list[Deferred[None]]) -> None:
    fired = waiting[:]
    waiting.clear()
    for one in fired:
        one.callback(None)
