"""Mail that waits: what there is, and making it due, holding it back, letting it go, or giving it up.

Every action needs to be told which mail it means, by at least one filter or by saying all. The deadline of a
recipient runs on whatever is done here. What a daemon has in hand but has not begun is recalled by it and changed then;
what is on its way at that moment stays as it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from ..interfaces.history import Passage, Selection, Waiting
from ..mail.envelope import PRIORITIES, SECOND, State
from ..policy.bounce import shipped
from . import checked, names, spans
from .audited import audited
from .errors import Invalid, Unknown
from .installation import Installation, use_case
from .rights import administrators_only
from .settings import RECALLED

WAITING = (State.QUEUED, State.DEFERRED)

#: Passages that are read at once at most, and destinations that are told of.
MOST, DESTINATIONS = 20_000, 1000

#: Seconds to wait for what is recalled, and how often; a daemon looks for the setting twice a second.
RECALL, RECALLS = 0.6, 3

#: Waits for that many seconds.
Pause = Callable[[float], Awaitable[None]]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Which:
    """The mail that is meant, in a person's words; every field that is not empty must fit.

    `id` is that of a message or of a recipient; `route` the one that was asked for ("-": none was); `older` than a time
    such as ``30m``; `reply_class` that of the last reply; `priority` a word; `before` the recipient behind which a page
    of a list begins. `since` and `until` are ISO 8601, in the zone of the account that is meant, else in UTC.
    """

    id: str = ""
    account: str = ""
    connection: str = ""
    domain: str = ""
    to: str = ""
    all: bool = False
    route: str = ""
    older: str = ""
    reply_class: str = ""
    priority: str = ""
    before: str = ""
    tag: str = ""
    client_ref: str = ""
    since: str = ""
    until: str = ""


async def selection(installation: Installation, which: Which, states: tuple[State, ...] = ()) -> Selection:
    """The selection of the history that fits; an id, account or connection that does not exist raises `Unknown`."""
    chosen = Selection(states=states, before=which.before.strip(), tag=which.tag, client_ref=which.client_ref)
    if which.account:
        chosen = replace(chosen, account=(await names.account(installation.registry, which.account)).id)
    owner = chosen.account
    if which.connection:
        connection = await names.connection(installation.registry, which.connection, chosen.account)
        chosen, owner = replace(chosen, connection=connection.id), connection.account
    if which.since or which.until:
        zone = (await names.account(installation.registry, owner)).zone if owner else "UTC"
        since, until = (
            spans.instant(field, text, ZoneInfo(zone)) if text else 0
            for field, text in (("from", which.since), ("until", which.until))
        )
        chosen = replace(chosen, since=since, until=until)
    if which.domain:
        chosen = replace(chosen, destination=checked.domain("domain", which.domain))
    if which.to:
        chosen = replace(chosen, to=checked.mailbox("to", which.to).key)
    if which.route:
        chosen = replace(chosen, route="" if which.route == "-" else which.route)
    if which.older:
        chosen = replace(chosen, accepted_before=installation.now() - _seconds(which.older) * SECOND)
    if which.reply_class:
        known = [each.name for each in shipped().every]
        if which.reply_class not in known:
            raise Invalid("class", f"must be one of {', '.join(known)}")
        chosen = replace(chosen, reply_class=which.reply_class)
    if which.priority:
        if which.priority not in PRIORITIES:
            raise Invalid("priority", f"must be one of {', '.join(PRIORITIES)}")
        chosen = replace(chosen, priority=PRIORITIES[which.priority])
    return await _with_id(installation, chosen, which.id) if which.id else chosen


def _seconds(text: str) -> int:
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise Invalid("older", "must be a number of seconds, or such as 90s, 30m, 12h, 2d")
    return int(number) * _UNITS[unit]


@use_case
async def passages(installation: Installation, which: Which, limit: int = 50) -> Sequence[Passage]:
    """The newest that wait."""
    limit = checked.number("limit", limit, 1, MOST)
    return await installation.history.passages(await selection(installation, which, WAITING), limit)


@use_case
async def destinations(installation: Installation, which: Which) -> Sequence[Waiting]:
    """What waits for each destination, the most first."""
    return await installation.history.destinations(await selection(installation, which), DESTINATIONS)


@use_case
async def classes(installation: Installation, which: Which) -> Mapping[str, int]:
    """How many wait after a reply of each class, the most first."""
    return await installation.history.classes(await selection(installation, which))


@use_case
async def count(installation: Installation, which: Which) -> int:
    """How many wait that an action with the same words would mean."""
    return await installation.history.count(await _meant(installation, which))


@audited("queue.retry")
async def retry(installation: Installation, which: Which) -> int:
    """Make it due now."""
    return await installation.history.retry(await _meant(installation, which), installation.now())


@audited("queue.hold")
async def hold(installation: Installation, which: Which) -> int:
    """Keep it back until it is released or its deadline passes."""
    held = await installation.history.hold(await _meant(installation, which), True)
    await _recall(installation)
    return held


@audited("queue.release")
async def release(installation: Installation, which: Which) -> int:
    """Let held mail go."""
    return await installation.history.hold(await _meant(installation, which), False)


@audited("queue.drop")
async def drop(installation: Installation, which: Which, reason: str = "", pause: Pause | None = None) -> int:
    """Give it up: it ends as failed with this reason, and what was reserved for it is released. With `pause` what a
    daemon has in hand is waited for."""
    reason = checked.printable("reason", reason.strip(), 200) or "dropped from the queue"
    meant = await _meant(installation, which)
    return await _also_in_hand(
        installation, meant, pause, lambda: installation.history.drop(meant, reason, installation.now())
    )


@audited("queue.expire")
async def expire(installation: Installation, which: Which, reason: str = "", pause: Pause | None = None) -> int:
    """End it as if its deadline had passed."""
    reason = checked.printable("reason", reason.strip(), 200) or "expired by hand"
    meant = await _meant(installation, which)
    return await _also_in_hand(
        installation, meant, pause, lambda: installation.history.expire(meant, reason, installation.now())
    )


@audited("queue.reroute")
@administrators_only
async def reroute(installation: Installation, which: Which, route: str, pause: Pause | None = None) -> int:
    """Send it by another route, now: one of the configuration, one that is stored for all, or one of the account
    that is meant."""
    meant = await _meant(installation, which)
    if route not in installation.route_names:
        stored = await installation.routes.every()
        owners = {each.account for each in stored if each.id == route}
        if not owners:
            raise Unknown("route", route)
        if "" not in owners and meant.account not in owners:
            raise Invalid("route", f"{route!r} is stored for one account: say which, by the account")
    return await _also_in_hand(
        installation, meant, pause, lambda: installation.history.reroute(meant, route, installation.now())
    )


async def _also_in_hand(
    installation: Installation, meant: Selection, pause: Pause | None, act: Callable[[], Awaitable[int]]
) -> int:
    """Act on what is free, and then on what a daemon gives back when it is told to."""
    total = await act()
    for _ in range(RECALLS if pause is not None else 0):
        waiting = await installation.history.destinations(meant, DESTINATIONS)
        if pause is None or not any(each.in_hand for each in waiting):
            break
        await _recall(installation)
        await pause(RECALL)
        total += await act()
    return total


async def _recall(installation: Installation) -> None:
    await installation.registry.put_setting(RECALLED, str(installation.now()))


async def _meant(installation: Installation, which: Which) -> Selection:
    if which.all == (which != Which(all=which.all)):
        raise Invalid("queue", "say which mail is meant by an id or a filter, or say all")
    return await selection(installation, which)


async def _with_id(installation: Installation, chosen: Selection, id: str) -> Selection:
    for candidate in (Selection(message=id), Selection(recipient=id)):
        if await installation.history.passages(candidate, 1):
            return replace(chosen, message=candidate.message, recipient=candidate.recipient)
    raise Unknown("message", id)
