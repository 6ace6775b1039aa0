"""Reading the figures of a worker, for whoever asks: from counters that stand in its objects, and from the store.

Everything is read when it is asked for, so that no message pays for being counted twice; `manage.measures` says what
each figure means.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence

from .. import __version__
from ..interfaces.events import Sought
from ..interfaces.history import Depth
from ..interfaces.tally import Tally
from ..mail.envelope import SECOND
from ..mail.event import Event
from ..manage.measures import Reading, Spread
from ..store import Store
from ..store.measured import Spread as Counted
from .wiring import Wired

#: Webhooks that are asked how far behind they are.
MOST_WEBHOOKS = 50
#: Reply keys of a login that came to nothing.
LOGIN = frozenset({"auth_failed", "auth_throttled", "api_key_refused"})


async def readings(
    store: Store, wired: Wired, *, tallies: Sequence[tuple[str, str, Tally]], paused: bool, now: int, began: int
) -> list[Reading]:
    """All figures but whether it is ready; `tallies` are of (listener, dialect)."""
    found = [*_answered(tallies), *_process(wired, store, paused, began)]
    found += _queue(await store.depth(), now)
    found += await _webhooks(store, now)
    return found


def _answered(tallies: Sequence[tuple[str, str, Tally]]) -> Iterator[Reading]:
    failures: dict[str, int] = {}
    for listener, dialect, tally in tallies:
        yield Reading("mailrelay_messages_accepted", tally.accepted, (listener, dialect))
        failures.setdefault(listener, 0)
        for (key, digit), count in sorted(tally.refused.items()):
            yield Reading("mailrelay_replies_refused", count, (listener, dialect, f"{digit}xx", key))
            if key in LOGIN:
                failures[listener] += count
    for listener, count in failures.items():
        yield Reading("mailrelay_login_failures", count, (listener,))


def _process(wired: Wired, store: Store, paused: bool, began: int) -> Iterator[Reading]:
    figures, writes = wired.outbound.figures, store.writes
    for (provider, outcome), count in sorted(figures.outcomes.items()):
        yield Reading("mailrelay_deliveries", count, (outcome, provider))
    for name, count in sorted(figures.security.items()):
        yield Reading("mailrelay_secured", count, (name,))
    for name, count in sorted(figures.classes.items()):
        yield Reading("mailrelay_deferrals", count, (name,))
    yield Reading("mailrelay_in_hand", len(wired.outbound.in_hand))
    for name, factory in wired.servers.items():
        yield Reading("mailrelay_connections_in", factory.sessions, (name,))
    yield Reading("mailrelay_connections_out", wired.transmitter.connections)
    yield Reading("mailrelay_commit_seconds", _spread(writes.commits))
    yield Reading("mailrelay_commit_jobs", _spread(writes.batches))
    for kind in ("failures", "unknown", "turned_down"):
        yield Reading("mailrelay_store_errors", getattr(writes, kind), (kind,))
    if (shared := getattr(wired.counters, "shared", None)) is not None:
        yield Reading("mailrelay_redis_up", int(shared))
    yield Reading("mailrelay_disk_free_bytes", wired.free_space)
    yield Reading("mailrelay_disk_floor_bytes", wired.free_space_floor)
    yield Reading("mailrelay_paused", int(paused))
    yield Reading("mailrelay_start_time_seconds", began / SECOND)
    yield Reading("mailrelay_build", 1, (__version__, platform.python_version(), store.engine))


def _spread(counted: Counted) -> Spread:
    return Spread(counted.bounds, tuple(counted.counts), counted.sum)


def _queue(depth: Depth, now: int) -> Iterator[Reading]:
    for state in ("queued", "deferred", "held"):
        yield Reading("mailrelay_queue_recipients", getattr(depth, state), (state,))
    age = max(now - depth.oldest_at, 0) / SECOND if depth.oldest_at else 0.0
    yield Reading("mailrelay_queue_oldest_seconds", age)


async def _webhooks(store: Store, now: int) -> list[Reading]:
    counts = {"well": 0, "failing": 0, "disabled": 0}
    lag = 0.0
    head = await store.events.head()
    for number, hook in enumerate(await store.webhooks.every()):
        enabled = hook.status == "enabled"
        counts["disabled" if not enabled else "failing" if hook.failures else "well"] += 1
        if not enabled or hook.cursor >= head or number >= MOST_WEBHOOKS:
            continue
        sought = Sought(hook.account, "", tuple(Event[each.upper()] for each in hook.events))
        page = await store.events.after(hook.cursor, sought, 1)
        if page.events:
            lag = max(lag, (now - page.events[0].at) / SECOND)
    found = [Reading("mailrelay_webhooks", count, (state,)) for state, count in counts.items()]
    return [*found, Reading("mailrelay_webhook_lag_seconds", lag)]
