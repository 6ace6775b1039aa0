"""What is kept of others' policies of MTA-STS, so that a restart does not forget them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Interface


@dataclass(frozen=True, slots=True)
class KeptPolicy:
    """A policy as it was fetched: the id of its record, its text, when it was fetched and until when it holds
    (microseconds since 1970)."""

    domain: str
    id: str
    text: str
    fetched_at: int
    until: int


class IStsMemory(Interface):
    """Policies."""

    def every(now: int, limit: int) -> Deferred[Sequence[KeptPolicy]]:
        """Those that still hold, at most so many, the latest fetched first."""

    def put(policy: KeptPolicy) -> Deferred[None]:
        """Keep a policy in the place of the domain's older one."""

    def forget(now: int) -> Deferred[int]:
        """Forget those that hold no longer; fires with how many."""
