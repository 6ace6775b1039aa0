"""Messages, events, statistics and the audit log as one account sees them: its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from twisted.internet.defer import Deferred

from ...interfaces.bodies import IBodies
from ...interfaces.changes import Change, IChanges
from ...interfaces.changes import Wanted as WantedChanges
from ...interfaces.engagement import Engagement
from ...interfaces.erasure import IErasure, Receipt
from ...interfaces.events import IEvents, Sought
from ...interfaces.events import Page as EventPage
from ...interfaces.history import Attempt, IHistory, Original, Page, Passage, Selection, Turned, Waiting
from ...interfaces.registry import IRegistry
from ...interfaces.statistics import Counted, Counting, IStatistics
from ...interfaces.web_version import IWebVersions, WebVersion
from ...mail.event import Event
from .base import Narrowed, answers


async def is_own(history: IHistory, account: str, selection: Selection) -> bool:
    """Does what an id names belong to the account? It is looked for by its id alone, which has an index."""
    found = await history.passages(selection, 1)
    return bool(found) and found[0].account == account


class OwnHistory(Narrowed[IHistory]):
    """`IHistory` of one account."""

    CLOSED: ClassVar[Mapping[str, str]] = {"audit": "the books are those of the whole installation"}

    def _mine(self, selection: Selection) -> Selection | None:
        return replace(selection, account=self._account) if self._own(selection.account) else None

    @answers
    async def passages(self, selection: Selection, limit: int) -> Sequence[Passage]:
        mine = self._mine(selection)
        if mine is None:
            return ()
        if not selection.message and not selection.recipient:
            return await self._whole.passages(mine, limit)
        # an id is its own index: the account would only lead the database astray
        found = await self._whole.passages(replace(selection, account=""), limit)
        return [each for each in found if each.account == self._account]

    @answers
    async def page(self, selection: Selection, limit: int) -> Page:
        mine = self._mine(selection)
        return await self._whole.page(mine, limit) if mine is not None else Page((), "")

    @answers
    async def original(self, message: str) -> Original:
        found = await self._whole.original(message)
        self._require(found.account)
        return found

    @answers
    async def verdicts(self, message: str) -> Sequence[Mapping[str, object]]:
        if not await is_own(self._whole, self._account, Selection(message=message)):
            raise KeyError(message)
        return await self._whole.verdicts(message)

    @answers
    async def attempts(self, recipient: str) -> Sequence[Attempt]:
        if not await is_own(self._whole, self._account, Selection(recipient=recipient)):
            return ()
        return await self._whole.attempts(recipient)

    @answers
    async def acts(self, recipient: str) -> Sequence[Engagement]:
        if not await is_own(self._whole, self._account, Selection(recipient=recipient)):
            return ()
        return await self._whole.acts(recipient)

    @answers
    async def refusals(self, connection: str, limit: int, account: str = "") -> Sequence[Turned]:
        return await self._whole.refusals(connection, limit, self._account) if self._own(account) else ()

    @answers
    async def retry(self, selection: Selection, now: int) -> int:
        mine = self._mine(selection)
        return await self._whole.retry(mine, now) if mine is not None else 0

    @answers
    async def hold(self, selection: Selection, held: bool) -> int:
        mine = self._mine(selection)
        return await self._whole.hold(mine, held) if mine is not None else 0

    @answers
    async def count(self, selection: Selection) -> int:
        mine = self._mine(selection)
        return await self._whole.count(mine) if mine is not None else 0

    @answers
    async def destinations(self, selection: Selection, limit: int) -> Sequence[Waiting]:
        mine = self._mine(selection)
        return await self._whole.destinations(mine, limit) if mine is not None else ()

    @answers
    async def classes(self, selection: Selection) -> Mapping[str, int]:
        mine = self._mine(selection)
        return await self._whole.classes(mine) if mine is not None else {}

    @answers
    async def drop(self, selection: Selection, reason: str, now: int) -> int:
        mine = self._mine(selection)
        return await self._whole.drop(mine, reason, now) if mine is not None else 0

    @answers
    async def expire(self, selection: Selection, reason: str, now: int) -> int:
        mine = self._mine(selection)
        return await self._whole.expire(mine, reason, now) if mine is not None else 0

    @answers
    async def reroute(self, selection: Selection, route: str, now: int) -> int:
        mine = self._mine(selection)
        return await self._whole.reroute(mine, route, now) if mine is not None else 0


class OwnBodies(Narrowed[IBodies]):
    """`IBodies` of one account."""

    def __init__(self, whole: IBodies, account: str, history: IHistory) -> None:
        super().__init__(whole, account)
        self._history = history

    @answers
    async def read(self, message: str) -> bytes:
        if not await is_own(self._history, self._account, Selection(message=message)):
            raise KeyError(message)
        return await self._whole.read(message)


class OwnEvents(Narrowed[IEvents]):
    """`IEvents` of one account. Numbers of events are those of the whole outbox, and tell only how much there is."""

    CLOSED: ClassVar[Mapping[str, str]] = {"forget": "events of all are forgotten by the daemon"}

    @answers
    async def after(self, cursor: int, sought: Sought, limit: int) -> EventPage:
        if not self._own(sought.account):
            return EventPage((), cursor, False)
        return await self._whole.after(cursor, replace(sought, account=self._account), limit)

    def head(self) -> Deferred[int]:
        return self._whole.head()

    def before(self, at: int) -> Deferred[int]:
        return self._whole.before(at)

    @answers
    async def tell(self, event: Event, account: str, at: int, facts: Mapping[str, object]) -> None:
        self._require(account)
        await self._whole.tell(event, account, at, facts)


class OwnStatistics(Narrowed[IStatistics]):
    """`IStatistics` of one account: counters of its connections."""

    def __init__(self, whole: IStatistics, account: str, registry: IRegistry) -> None:
        super().__init__(whole, account)
        self._registry = registry

    async def _mine(self, counting: Counting) -> Counting:
        own = {each.id for each in await self._registry.connections(self._account)}
        return replace(counting, connections=tuple(each for each in counting.connections if each in own))

    @answers
    async def totals(self, counting: Counting) -> Counted:
        return await self._whole.totals(await self._mine(counting))

    @answers
    async def by_time(self, counting: Counting, step: int) -> Mapping[int, Counted]:
        return await self._whole.by_time(await self._mine(counting), step)

    @answers
    async def by_tag(self, counting: Counting) -> Mapping[str, Counted]:
        return await self._whole.by_tag(await self._mine(counting))

    @answers
    async def by_domain(self, counting: Counting) -> Mapping[str, Counted]:
        return await self._whole.by_domain(await self._mine(counting))

    @answers
    async def by_provider(self, counting: Counting) -> Mapping[str, Counted]:
        return await self._whole.by_provider(await self._mine(counting))

    @answers
    async def durations(self, counting: Counting) -> Mapping[str, Mapping[int, int]]:
        return await self._whole.durations(await self._mine(counting))

    @answers
    async def by_connection(self, counting: Counting) -> Mapping[str, Counted]:
        return await self._whole.by_connection(await self._mine(counting))


class OwnChanges(Narrowed[IChanges]):
    """`IChanges` of one account; whatever is done under its name is written."""

    CLOSED: ClassVar[Mapping[str, str]] = {"forget": "the audit log is shortened by the daemon alone"}

    def write(self, change: Change) -> Deferred[None]:
        return self._whole.write(change)

    @answers
    async def page(self, wanted: WantedChanges, limit: int) -> Sequence[Change]:
        if not self._own(wanted.account):
            return ()
        return await self._whole.page(replace(wanted, account=self._account), limit)


class OwnErasure(Narrowed[IErasure]):
    """`IErasure` of one account."""

    @answers
    async def erase(self, account: str, key: str, address: str, now: int) -> Receipt:
        self._require(account)
        return await self._whole.erase(account, key, address, now)

    @answers
    async def receipts(self, account: str = "") -> Sequence[Receipt]:
        return await self._whole.receipts(self._account) if self._own(account) else ()


class OwnWebVersions(Narrowed[IWebVersions]):
    """`IWebVersions` of one account."""

    def __init__(self, whole: IWebVersions, account: str, history: IHistory) -> None:
        super().__init__(whole, account)
        self._history = history

    @answers
    async def read(self, recipient: str) -> WebVersion:
        if not await is_own(self._history, self._account, Selection(recipient=recipient)):
            raise KeyError(recipient)
        return await self._whole.read(recipient)
