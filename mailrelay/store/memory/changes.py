"""The twin of the audit log."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from ...interfaces.changes import Change, IChanges, Wanted


@implementer(IChanges)
class MemoryChanges:
    """The memory twin."""

    def __init__(self) -> None:
        self._kept: list[Change] = []

    def write(self, change: Change) -> Deferred[None]:
        self._kept.append(change)
        return succeed(None)

    def page(self, wanted: Wanted, limit: int) -> Deferred[Sequence[Change]]:
        newest = sorted((each for each in self._kept if _fits(each, wanted)), key=lambda each: each.id, reverse=True)
        return succeed(newest[:limit])

    def forget(self, before: int) -> Deferred[int]:
        kept = [each for each in self._kept if each.at >= before]
        gone = len(self._kept) - len(kept)
        self._kept = kept
        return succeed(gone)


def _fits(change: Change, wanted: Wanted) -> bool:
    return (
        wanted.who in ("", change.who)
        and wanted.action in ("", change.action, change.action.partition(".")[0])
        and (wanted.account in ("", change.account, change.acting))
        and change.at >= wanted.since
        and (not wanted.until or change.at < wanted.until)
        and (not wanted.before or change.id < wanted.before)
    )
