"""What is needed of the file cache: files of one account, or of all (account ""), that messages attach by a key."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Interface


class Full(ValueError):
    """There is no room for a file within the quota of its account: `used` octets of `quota`."""

    def __init__(self, used: int, quota: int) -> None:
        super().__init__(f"{used} of {quota} octets are used")
        self.used = used
        self.quota = quota


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file: `key` names it for its account, `type` is like "image/png", `size` in octets."""

    id: str
    account: str
    key: str
    name: str
    type: str
    size: int
    created_at: int


class IFiles(Interface):
    """Files, in pieces of which each is committed for itself; a piece without a file is nothing, swept in time."""

    def put(id: str, number: int, octets: bytes) -> Deferred[None]:
        """Commit the piece of that number, from 1 on, of a file to come."""

    def add(file: StoredFile, quota: int) -> Deferred[None]:
        """Make a file of its pieces; fails with `registry.Taken` when the account has one under that key, with `Full`
        when its account had more than `quota` octets then, with `ValueError` when its pieces are not of its size."""

    def every(account: str) -> Deferred[Sequence[StoredFile]]:
        """The files of an account ("": those that serve all), oldest first."""

    def find(account: str, keys: Collection[str]) -> Deferred[Mapping[str, StoredFile]]:
        """By key the files that an account may attach: its own before those of all; what is missing is not there."""

    def read(id: str) -> Deferred[bytes]:
        """The octets of a file."""

    def remove(id: str) -> Deferred[None]:
        """Forget a file and its pieces, or the pieces of one that never came."""
