"""The file cache, over a database: `IFiles`. A file's octets lie in chunk rows, as those of a large message do."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..interfaces.files import Full, IFiles, StoredFile
from ..interfaces.registry import Taken
from .accept import clean
from .bodies import joined, put_chunk, stored
from .jobs import CALL, LOOK_UP
from .reader import Reader
from .schema import accounts, chunks, files
from .work import Work
from .writer import Writer

_every = sa.select(files).order_by(files.c.created_at, files.c.id)


@implementer(IFiles)
class Files:
    """Files by account and key; `now` in microseconds."""

    def __init__(self, writer: Writer, reader: Reader, now: Callable[[], int]) -> None:
        self._writer = writer
        self._reader = reader
        self._now = now

    def put(self, id: str, number: int, octets: bytes) -> Deferred[None]:
        return self._writer.ask(put_chunk, (id, number, self._now(), octets))

    def add(self, file: StoredFile, quota: int) -> Deferred[None]:
        def add(work: Work) -> None:
            if not work.sqlite:
                # one at a time for each account, or two files could share the last room
                work.execute(sa.select(accounts.c.id).where(accounts.c.id == file.account).with_for_update())
            same = sa.select(files.c.id).where(files.c.account == file.account, files.c.key == file.key)
            if work.execute(same).first() is not None:
                raise Taken(f"file {file.key}")
            used = work.execute(sa.select(sa.func.sum(files.c.size)).where(files.c.account == file.account)).scalar()
            if (used or 0) + file.size > quota:
                raise Full(int(used or 0), quota)
            if stored(work, file.id) != file.size:
                raise ValueError("the pieces of the file are not all there")
            work.execute(
                sa.insert(files),
                {
                    "id": file.id,
                    "account": file.account,
                    "key": clean(file.key),
                    "name": clean(file.name),
                    "type": file.type,
                    "size": file.size,
                    "created_at": file.created_at,
                },
            )

        return self._writer.ask(CALL, add)

    def every(self, account: str) -> Deferred[Sequence[StoredFile]]:
        def read(work: Work) -> Sequence[StoredFile]:
            return [_file(row) for row in work.execute(_every.where(files.c.account == account))]

        return self._reader.ask(LOOK_UP, read)

    def find(self, account: str, keys: Collection[str]) -> Deferred[Mapping[str, StoredFile]]:
        def read(work: Work) -> Mapping[str, StoredFile]:
            # those of all first, so that its own take their place
            wanted = _every.where(files.c.account.in_(("", account)), files.c.key.in_(sorted(map(clean, keys))))
            rows = sorted(map(_file, work.execute(wanted)), key=lambda file: file.account)
            return {file.key: file for file in rows}

        return self._reader.ask(LOOK_UP, read)

    def read(self, id: str) -> Deferred[bytes]:
        return self._reader.ask(LOOK_UP, lambda work: joined(work, id))

    def remove(self, id: str) -> Deferred[None]:
        def remove(work: Work) -> None:
            work.execute(sa.delete(files).where(files.c.id == id))
            work.execute(sa.delete(chunks).where(chunks.c.message == id))

        return self._writer.ask(CALL, remove)


def _file(row: sa.Row[tuple[object, ...]]) -> StoredFile:
    return StoredFile(row.id, row.account, row.key, row.name, row.type, row.size, row.created_at)
