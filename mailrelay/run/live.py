"""What this process is doing, put where `mailrelay top` reads it, for as long as somebody watches."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

from ..interfaces.registry import IRegistry
from ..mail.envelope import SECOND
from ..manage.live import FIGURES, GOES_ON, WATCHED, Live
from ..relay.outbound import Outbound

#: Destinations that are told of, those with the most first.
MOST = 50


async def publish(outbound: Outbound, sessions: int, registry: IRegistry, now: Callable[[], int]) -> None:
    """Put the figures of this moment, if somebody watched lately."""
    watched = await registry.setting(WATCHED)
    if not watched.isdecimal() or now() - int(watched) > GOES_ON * SECOND:
        return
    figures = outbound.figures
    busiest = sorted(outbound.on_their_way.items(), key=lambda each: -each[1])[:MOST]
    live = Live(
        at=now(),
        sessions=sessions,
        accepted=figures.accepted,
        delivered=figures.delivered,
        deferred=figures.deferred,
        bounced=figures.bounced,
        in_hand=len(outbound.in_hand),
        on_their_way=dict(busiest),
        classes=dict(figures.classes.most_common()),
        security=dict(figures.security.most_common()),
    )
    await registry.put_setting(FIGURES, json.dumps(asdict(live)))
