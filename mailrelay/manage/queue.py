"""Mail that waits: what there is, and making it due, holding it back, letting it go, or giving it up.

Every action needs to be told which mail it means, by at least one filter or by saying all. The deadline of a
recipient runs on whatever is done here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..interfaces.history import Passage, Selection
from ..mail.envelope import State
from . import checked, names
from .errors import Invalid, Unknown
from .installation import Installation, use_case

WAITING = (State.QUEUED, State.DEFERRED)

#: How many passages are read at a time, and at most, to tell how much waits for each destination.
PAGE, MOST = 500, 20_000


@dataclass(frozen=True, slots=True)
class Which:
    """The mail that is meant, in a person's words; every field that is not empty must fit. `id` is that of a message
    or of a recipient."""

    id: str = ""
    account: str = ""
    connection: str = ""
    domain: str = ""
    to: str = ""
    all: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for one destination: how many recipients, how many of them held, and when the next is due."""

    destination: str
    count: int
    held: int
    next_due_at: int


async def selection(installation: Installation, which: Which, states: tuple[State, ...] = ()) -> Selection:
    """The selection of the history that fits; an id, account or connection that does not exist raises `Unknown`."""
    chosen = Selection(states=states)
    if which.account:
        chosen = replace(chosen, account=(await names.account(installation.registry, which.account)).id)
    if which.connection:
        connection = await names.connection(installation.registry, which.connection, chosen.account)
        chosen = replace(chosen, connection=connection.id)
    if which.domain:
        chosen = replace(chosen, destination=checked.domain("domain", which.domain))
    if which.to:
        chosen = replace(chosen, to=checked.mailbox("to", which.to).key)
    return await _with_id(installation, chosen, which.id) if which.id else chosen


@use_case
async def passages(installation: Installation, which: Which, limit: int = 50) -> Sequence[Passage]:
    """The newest that wait."""
    limit = checked.number("limit", limit, 1, MOST)
    return await installation.history.passages(await selection(installation, which, WAITING), limit)


@use_case
async def destinations(installation: Installation, which: Which) -> Sequence[Waiting]:
    """What waits for each destination, the most first, among the newest `MOST` recipients."""
    chosen = await selection(installation, which, WAITING)
    counts: Counter[str] = Counter()
    held: Counter[str] = Counter()
    due: dict[str, int] = {}
    while sum(counts.values()) < MOST:
        page = await installation.history.passages(chosen, PAGE)
        for each in page:
            counts[each.destination] += 1
            held[each.destination] += each.held
            due[each.destination] = min(each.due_at, due.get(each.destination, each.due_at))
        if len(page) < PAGE:
            break
        chosen = replace(chosen, before=page[-1].recipient)
    return [Waiting(name, count, held[name], due[name]) for name, count in counts.most_common()]


@use_case
async def retry(installation: Installation, which: Which) -> int:
    """Make it due now."""
    return await installation.history.retry(await _meant(installation, which), installation.now())


@use_case
async def hold(installation: Installation, which: Which) -> int:
    """Keep it back until it is released or its deadline passes."""
    return await installation.history.hold(await _meant(installation, which), True)


@use_case
async def release(installation: Installation, which: Which) -> int:
    """Let held mail go."""
    return await installation.history.hold(await _meant(installation, which), False)


@use_case
async def drop(installation: Installation, which: Which, reason: str = "") -> int:
    """Give it up: it ends as failed with this reason, and what was reserved for it is released."""
    reason = checked.printable("reason", reason.strip(), 200) or "dropped from the queue"
    return await installation.history.drop(await _meant(installation, which), reason, installation.now())


async def _meant(installation: Installation, which: Which) -> Selection:
    if which.all == (which != Which(all=which.all)):
        raise Invalid("queue", "say which mail is meant by an id or a filter, or say all")
    return await selection(installation, which)


async def _with_id(installation: Installation, chosen: Selection, id: str) -> Selection:
    for candidate in (Selection(message=id), Selection(recipient=id)):
        if await installation.history.passages(candidate, 1):
            return replace(chosen, message=candidate.message, recipient=candidate.recipient)
    raise Unknown("message", id)
