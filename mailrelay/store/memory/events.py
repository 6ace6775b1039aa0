"""The memory twin of the outbox."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred, execute, succeed
from zope.interface import implementer

from ...interfaces.events import MOST, Happening, IEvents, Page, Sought
from ...mail.event import Event
from .state import MemoryState


@implementer(IEvents)
class MemoryEvents:
    """What happened in a shared state."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def after(self, cursor: int, sought: Sought, limit: int) -> Deferred[Page]:
        return execute(self._after, cursor, sought, min(limit, MOST))

    def _after(self, cursor: int, sought: Sought, limit: int) -> Page:
        rest = [each for each in self._state.happened if each.id > cursor]
        fitting = [each for each in rest if _fits(each, sought)]
        if len(fitting) > limit:
            return Page(fitting[:limit], fitting[limit - 1].id, True)
        return Page(fitting, rest[-1].id if rest else cursor, False)

    def head(self) -> Deferred[int]:
        return succeed(self._state.happened[-1].id if self._state.happened else 0)

    def before(self, at: int) -> Deferred[int]:
        found = [each.id - 1 for each in self._state.happened if each.at >= at]
        return succeed(min(found)) if found else self.head()

    def tell(self, event: Event, account: str, at: int, facts: Mapping[str, object]) -> Deferred[None]:
        number = self._state.happened[-1].id + 1 if self._state.happened else 1
        connection = str(facts.get("connection", ""))
        self._state.happened.append(Happening(number, event, at, account, connection, facts=dict(facts)))
        return succeed(None)

    def forget(self, before: int) -> Deferred[int]:
        kept = [each for each in self._state.happened[:-1] if each.at >= before] + self._state.happened[-1:]
        gone = len(self._state.happened) - len(kept)
        self._state.happened[:] = kept
        return succeed(gone)


def _fits(each: Happening, sought: Sought) -> bool:
    return (
        sought.account in ("", each.account)
        and sought.connection in ("", each.connection)
        and (not sought.events or each.event in sought.events)
    )
