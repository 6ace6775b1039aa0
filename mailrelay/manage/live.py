"""What a running daemon is doing this very second, as far as somebody watches.

Who watches says so by a setting, and the daemon puts its figures beside it each second for a while. Where several share
one store, the figures are those of the one that wrote last.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ..mail.envelope import SECOND
from .installation import Installation, use_case
from .rights import administrators_only

#: The settings: who watches, since which instant; and the figures, as JSON.
WATCHED, FIGURES = "watched_at", "live"

#: For how many seconds a daemon goes on for who watched last, and after which its figures are of the past.
GOES_ON, FRESH = 10, 4


@dataclass(frozen=True, slots=True)
class Live:
    """`at` is when the daemon wrote it; `sessions` are open; `accepted`, `delivered`, `deferred`, `bounced`,
    `classes` and `security` count since it began; `on_their_way` by destination, and how many it has `in_hand`."""

    at: int
    sessions: int
    accepted: int
    delivered: int
    deferred: int
    bounced: int
    in_hand: int
    on_their_way: dict[str, int]
    classes: dict[str, int]
    security: dict[str, int] = field(default_factory=dict)


@use_case
@administrators_only
async def watch(installation: Installation) -> Live | None:
    """The newest figures, None while there are none: no daemon runs, or it has not heard yet that somebody watches."""
    now = installation.now()
    await installation.registry.put_setting(WATCHED, str(now))
    text = await installation.registry.setting(FIGURES)
    found: dict[str, Any] = json.loads(text) if text else {}
    if not found or now - found["at"] > FRESH * SECOND:
        return None
    return Live(**found)


def rates(before: Live | None, after: Live) -> dict[str, float]:
    """What came and went in one second, between two readings of one daemon; 0 where that cannot be told."""
    seconds = (after.at - before.at) / SECOND if before is not None else 0.0
    if before is None or seconds <= 0 or after.accepted < before.accepted or after.delivered < before.delivered:
        return {"in": 0.0, "out": 0.0}
    return {
        "in": round((after.accepted - before.accepted) / seconds, 1),
        "out": round((after.delivered - before.delivered) / seconds, 1),
    }
