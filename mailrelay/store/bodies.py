"""Message sources: small ones stand in their message's row, large ones in chunk rows that are written before it.

A source is read whole, as it was accepted. Chunks whose message never came are dropped, or swept after
a day; those of the file cache (`files`) lie beside them.
This module never changes a source.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..interfaces.bodies import IBodies, ISpool
from ..mail.envelope import SECOND
from .jobs import LOOK_UP
from .reader import Reader
from .schema import chunks, files, messages
from .work import Work
from .writer import Writer

#: How long a chunk may wait for its message, which takes hours to come at the slowest.
ORPHAN_AGE = 86_400 * SECOND

_source = sa.select(messages.c.source).where(messages.c.id == sa.bindparam("message"))
_chunks = sa.select(chunks.c.octets).where(chunks.c.message == sa.bindparam("message")).order_by(chunks.c.number)
_belongs_to_nothing = sa.and_(
    ~sa.exists().where(messages.c.id == chunks.c.message), ~sa.exists().where(files.c.id == chunks.c.message)
)
_orphans = (
    sa.select(chunks.c.message).distinct().where(_belongs_to_nothing).where(chunks.c.stored_at < sa.bindparam("before"))
)


_stored = sa.select(sa.func.sum(sa.func.length(chunks.c.octets))).where(chunks.c.message == sa.bindparam("message"))
_drop = sa.delete(chunks).where(chunks.c.message == sa.bindparam("dropped"), _belongs_to_nothing)


@implementer(IBodies)
class Bodies:
    """Sources by message id."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def read(self, message: str) -> Deferred[bytes]:
        return self._reader.ask(read_sources, message)


@implementer(ISpool)
class Spool:
    """Chunks of messages to come; `now` in microseconds."""

    def __init__(self, writer: Writer, reader: Reader, now: Callable[[], int]) -> None:
        self._writer = writer
        self._reader = reader
        self._now = now

    def put(self, message: str, number: int, octets: bytes) -> Deferred[None]:
        return self._writer.ask(put_chunk, (message, number, self._now(), octets))

    def read(self, message: str) -> Deferred[bytes]:
        return self._reader.ask(LOOK_UP, lambda work: joined(work, message))

    def drop(self, message: str) -> Deferred[None]:
        return self._writer.ask(drop, message)


def read_sources(work: Work, members: Sequence[str]) -> list[bytes | KeyError]:
    """For each message its source, or the `KeyError` that there is none."""
    return [_read(work, message) for message in members]


def _read(work: Work, message: str) -> bytes | KeyError:
    found = work.rows(_source, {"message": message})
    if not found:
        return KeyError(message)
    if found[0][0] is not None:
        return bytes(found[0][0])
    return joined(work, message) or KeyError(message)


def joined(work: Work, message: str) -> bytes:
    """The chunks of a message or a file put together, without having all of them in memory beside the whole."""
    whole = BytesIO()
    for row in work.one_by_one(_chunks, {"message": message}):
        whole.write(row[0])
    return whole.getvalue()


def put_chunk(work: Work, members: Sequence[tuple[str, int, int, bytes]]) -> list[None]:
    """Write chunks of (message, number, stored_at, octets); the same chunk twice is the same chunk."""
    statement = work.upsert(chunks, ("message", "number", "stored_at", "octets"))
    names = ("message", "number", "stored_at", "octets")
    work.execute(statement, [dict(zip(names, member, strict=True)) for member in members])
    return [None] * len(members)


def stored(work: Work, message: str) -> int:
    """How many octets lie in chunks of a message."""
    found = work.rows(_stored, {"message": message})[0][0]
    return int(found or 0)


def drop(work: Work, members: Sequence[str]) -> list[None]:
    """Delete the chunks of messages that were not accepted."""
    work.execute(_drop, [{"dropped": message} for message in members])
    return [None] * len(members)


def sweep(work: Work, now: int) -> int:
    """Delete chunks whose message never came; gives of how many messages."""
    orphans = list(work.execute(_orphans, {"before": now - ORPHAN_AGE}).scalars())
    for message in orphans:
        work.execute(sa.delete(chunks).where(chunks.c.message == message))
    return len(orphans)
