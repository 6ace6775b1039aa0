"""Message sources: small ones stand in their message's row, large ones in chunk rows that are written before it.

A source is read whole, as it was accepted. Chunks whose message never came are swept after an hour.
This module never changes a source.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..interfaces.bodies import IBodies
from ..mail.envelope import SECOND
from .reader import Reader
from .schema import chunks, messages
from .work import Work

#: How long a chunk may wait for its message.
ORPHAN_AGE = 3600 * SECOND

_source = sa.select(messages.c.source).where(messages.c.id == sa.bindparam("message"))
_chunks = sa.select(chunks.c.octets).where(chunks.c.message == sa.bindparam("message")).order_by(chunks.c.number)
_orphans = (
    sa.select(chunks.c.message)
    .distinct()
    .where(~sa.exists().where(messages.c.id == chunks.c.message))
    .where(chunks.c.stored_at < sa.bindparam("before"))
)


@implementer(IBodies)
class Bodies:
    """Sources by message id."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def read(self, message: str) -> Deferred[bytes]:
        return self._reader.ask(read_sources, message)


def read_sources(work: Work, members: Sequence[str]) -> list[bytes | KeyError]:
    """For each message its source, or the `KeyError` that there is none."""
    return [_read(work, message) for message in members]


def _read(work: Work, message: str) -> bytes | KeyError:
    found = work.rows(_source, {"message": message})
    if not found:
        return KeyError(message)
    if found[0][0] is not None:
        return bytes(found[0][0])
    return b"".join(bytes(row[0]) for row in work.rows(_chunks, {"message": message}))


def put_chunk(work: Work, members: Sequence[tuple[str, int, int, bytes]]) -> list[None]:
    """Write chunks of (message, number, stored_at, octets); the same chunk twice is the same chunk."""
    statement = work.upsert(chunks, ("message", "number", "stored_at", "octets"))
    names = ("message", "number", "stored_at", "octets")
    work.execute(statement, [dict(zip(names, member, strict=True)) for member in members])
    return [None] * len(members)


def sweep(work: Work, now: int) -> int:
    """Delete chunks whose message never came; gives of how many messages."""
    orphans = list(work.execute(_orphans, {"before": now - ORPHAN_AGE}).scalars())
    for message in orphans:
        work.execute(sa.delete(chunks).where(chunks.c.message == message))
    return len(orphans)
