"""The file cache: files that are uploaded once and attached by their key to messages from then on.

A file belongs to an account, or with "" for the account to all of them. It comes in pieces, each committed for itself,
so that nobody holds a whole file in memory; its key can be used as soon as `finish` has fired.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..interfaces import files as files_border
from ..interfaces import registry as registry_border
from ..interfaces.files import IFiles, StoredFile
from ..mail.filetype import ENOUGH, WrongType, type_of
from . import checked, names
from .audited import audited
from .errors import Invalid, Taken, Unknown
from .installation import Installation, use_case

QUOTA = 1_000_000_000  #: octets of an account's files together
MAX_FILE = 26_214_400  #: octets of one file
PIECE = 256 * 1024  #: octets
MAX_KEY = 200  #: characters


class Upload:
    """A file that comes in: `write` its octets one after another, then `finish`, or `abort`."""

    def __init__(self, installation: Installation, account: str, name: str, key: str, said_type: str) -> None:
        self._installation = installation
        self._account = account
        self._name = name
        self._said_type = said_type
        self._id = installation.new_id()
        self._key = key or self._id
        self._held = b""
        self._begin = b""
        self._size = self._number = 0

    @property
    def _files(self) -> IFiles:
        return self._installation.files

    async def write(self, octets: bytes) -> None:
        """Take what comes next; fails with `Invalid` when the file becomes too large."""
        self._size += len(octets)
        if self._size > MAX_FILE:
            raise Invalid("file", f"may have at most {MAX_FILE} octets")
        self._begin = (self._begin + octets[:ENOUGH])[:ENOUGH]
        self._held += octets
        while len(self._held) >= PIECE:
            await self._put(PIECE)

    async def _put(self, size: int) -> None:
        self._number += 1
        piece, self._held = self._held[:size], self._held[size:]
        await self._files.put(self._id, self._number, piece)

    async def finish(self) -> StoredFile:
        """Everything has come; fails with `Invalid` or `Taken`, and then nothing of it is left."""
        try:
            return await self._finish()
        except Exception:
            await self.abort()
            raise

    async def _finish(self) -> StoredFile:
        if not self._size:
            raise Invalid("file", "is empty")
        try:
            type = type_of(self._name, self._said_type, self._begin)
        except WrongType as error:
            raise Invalid("content-type", str(error)) from error
        if self._held:
            await self._put(len(self._held))
        now = self._installation.now()
        file = StoredFile(self._id, self._account, self._key, self._name, type, self._size, now)
        try:
            await self._files.add(file, QUOTA)
        except registry_border.Taken as error:
            raise Taken("key", self._key) from error
        except files_border.Full as error:
            raise Invalid("file", f"there is no room for it: {error}") from error
        return file

    async def abort(self) -> None:
        """Forget what has come."""
        self._held = b""
        if self._number:
            await self._files.remove(self._id)


async def owner(installation: Installation, account: str) -> str:
    """The id of the account of that name, "" for "": everybody's."""
    return await names.account_id(installation.registry, account)


@use_case
async def begin(installation: Installation, account: str, name: str, key: str = "", said_type: str = "") -> Upload:
    """A file that is to come, for an account (a name, an id, or "": all); an empty `key` is generated."""
    name = checked.printable("name", name.strip().rpartition("/")[2].rpartition("\\")[2], 255)
    if not name:
        raise Invalid("name", "must not be empty")
    if key:
        key = checked.printable("key", key, MAX_KEY)
        if "," in key or ":" in key or key != key.strip():
            raise Invalid("key", "must have no comma, no colon and no blank at its ends: headers separate keys by them")
    return Upload(installation, await owner(installation, account), name, key, said_type)


@audited("file.add")
async def add(installation: Installation, account: str, name: str, octets: bytes, key: str = "") -> StoredFile:
    """A file whose octets are at hand."""
    upload = await begin(installation, account, name, key)
    for at in range(0, len(octets), PIECE):
        await upload.write(octets[at : at + PIECE])
    return await upload.finish()


@audited("file.add")
async def received(installation: Installation, upload: Upload) -> StoredFile:
    """A file that has come in pieces, all of them."""
    return await upload.finish()


@use_case
async def every(installation: Installation, account: str = "") -> Sequence[StoredFile]:
    """The files of an account, or those that serve all, oldest first."""
    return await installation.files.every(await owner(installation, account))


@use_case
async def find(installation: Installation, account: str, key: str) -> StoredFile:
    """One file by its key or id; fails with `Unknown`."""
    for each in await installation.files.every(await owner(installation, account)):
        if key in (each.key, each.id):
            return each
    raise Unknown("file", key)


@use_case
async def content(installation: Installation, account: str, key: str) -> tuple[StoredFile, bytes]:
    """One file with its octets."""
    found = await find(installation, account, key)
    return found, await installation.files.read(found.id)


@audited("file.remove")
async def remove(installation: Installation, account: str, key: str) -> StoredFile:
    """Forget a file; messages that were accepted with it keep it."""
    found = await find(installation, account, key)
    await installation.files.remove(found.id)
    return found
