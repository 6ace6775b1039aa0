"""The part of a daemon that pushes events to webhooks."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from ..config import Webhooks
from ..manage import Installation
from ..policy.reach import Reach


def reach_of(section: Webhooks) -> Reach:
    """Where receivers may be."""
    return Reach.of(section.private_networks, section.ports)


class Pushing:
    """Pushes from `start` to `stop`; `installation` gives what it works on once the worker has started."""

    def __init__(self, reactor: Any, section: Webhooks, installation: Callable[[], Installation]) -> None:
        self._reactor = reactor
        self._section = section
        self._installation = installation
        self._pusher: Any = None
        self._poster: Any = None

    async def start(self) -> None:
        # these import the reactor
        from ..http.post import Poster
        from ..http.push import Pusher

        self._poster = Poster(self._reactor, reach_of(self._section), self._section.timeout)
        self._pusher = Pusher(
            self._installation(),
            self._poster.post,
            self._reactor,
            jitter=random.random,
            give_up=self._section.give_up_hours * 3600,
        )
        self._pusher.start()

    async def stop(self) -> None:
        if self._pusher is not None:
            self._pusher.stop()
            await self._poster.close()
