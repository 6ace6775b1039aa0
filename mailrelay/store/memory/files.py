"""The memory twin of the file cache."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from twisted.internet.defer import Deferred, execute, succeed
from zope.interface import implementer

from ...interfaces.files import Full, IFiles, StoredFile
from ...interfaces.registry import Taken


@implementer(IFiles)
class MemoryFiles:
    """Files by account and key."""

    def __init__(self) -> None:
        self._pieces: dict[str, dict[int, bytes]] = {}
        self._files: dict[tuple[str, str], StoredFile] = {}

    def put(self, id: str, number: int, octets: bytes) -> Deferred[None]:
        self._pieces.setdefault(id, {})[number] = octets
        return succeed(None)

    def add(self, file: StoredFile, quota: int) -> Deferred[None]:
        return execute(self._add, file, quota)

    def _add(self, file: StoredFile, quota: int) -> None:
        if (file.account, file.key) in self._files:
            raise Taken(f"file {file.key}")
        used = sum(each.size for each in self._files.values() if each.account == file.account)
        if used + file.size > quota:
            raise Full(used, quota)
        if len(self._joined(file.id)) != file.size:
            raise ValueError("the pieces of the file are not all there")
        self._files[file.account, file.key] = file

    def every(self, account: str) -> Deferred[Sequence[StoredFile]]:
        found = [file for file in self._files.values() if file.account == account]
        return succeed(sorted(found, key=lambda file: (file.created_at, file.id)))

    def find(self, account: str, keys: Collection[str]) -> Deferred[Mapping[str, StoredFile]]:
        places = [(owner, key) for owner in ("", account) for key in keys]
        return succeed({key: self._files[owner, key] for owner, key in places if (owner, key) in self._files})

    def read(self, id: str) -> Deferred[bytes]:
        return succeed(self._joined(id))

    def _joined(self, id: str) -> bytes:
        return b"".join(octets for _, octets in sorted(self._pieces.get(id, {}).items()))

    def remove(self, id: str) -> Deferred[None]:
        self._pieces.pop(id, None)
        self._files = {place: file for place, file in self._files.items() if file.id != id}
        return succeed(None)
