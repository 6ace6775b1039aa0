"""Why something was turned down, kept for `explain` (law 11).

Nobody waits for it: what is told goes into the next commit. At most a thousand wait at a time; the rest is counted
and logged. This module never delays a reply and never fails its caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from twisted.logger import Logger
from zope.interface import implementer

from ..interfaces.verdicts import IVerdicts
from .accept import clean, plain
from .schema import refusals
from .work import Work
from .writer import Writer

_log = Logger()
ROOM = 1_000


@implementer(IVerdicts)
class Verdicts:
    """The verdicts of what was not accepted."""

    def __init__(self, writer: Writer, names: Callable[[], str], now: Callable[[], int]) -> None:
        self._writer = writer
        self._names = names
        self._now = now
        self._waiting = 0
        self.lost = 0

    def keep(
        self, connection: str, account: str, peer: str, stage: str, verdicts: Sequence[Mapping[str, object]]
    ) -> None:
        if self._waiting >= ROOM:
            if not self.lost:
                _log.warn("more than {room} refusals wait to be kept; the rest is only counted", room=ROOM)
            self.lost += 1
            return
        row = {
            "id": self._names(),
            "at": self._now(),
            "connection": connection,
            "account": account,
            "peer": clean(peer),
            "stage": stage,
            "verdicts": plain(verdicts),
        }
        self._waiting += 1
        self._writer.ask(_keep, row).addErrback(self._failed).addBoth(self._kept)

    def _failed(self, reason: Any) -> None:
        if not self.lost:
            _log.warn("a refusal was not kept, the next ones are only counted: {reason}", reason=reason.value)
        self.lost += 1

    def _kept(self, _: object) -> None:
        self._waiting -= 1


def _keep(work: Work, members: Sequence[Mapping[str, object]]) -> list[None]:
    work.execute(sa.insert(refusals), list(members))
    return [None] * len(members)
