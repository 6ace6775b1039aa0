"""The twin of the answers kept under idempotency keys."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from ...interfaces.answers import LIFETIME, Answered, IAnswers


@implementer(IAnswers)
class MemoryAnswers:
    """The memory twin."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Answered] = {}

    def begin(self, answered: Answered) -> Deferred[Answered | None]:
        place = (answered.caller, answered.key)
        found = self._kept.get(place)
        if found is not None and found.at > answered.at - LIFETIME:
            return succeed(found)
        self._kept[place] = answered
        return succeed(None)

    def end(self, answered: Answered) -> Deferred[None]:
        if (answered.caller, answered.key) in self._kept:
            self._kept[answered.caller, answered.key] = answered
        return succeed(None)

    def drop(self, caller: str, key: str) -> Deferred[None]:
        self._kept.pop((caller, key), None)
        return succeed(None)

    def forget(self, before: int) -> Deferred[int]:
        old = [place for place, each in self._kept.items() if each.at < before]
        for place in old:
            del self._kept[place]
        return succeed(len(old))
