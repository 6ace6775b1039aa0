"""The twin of the policies of receivers."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from ...interfaces.sts import IStsMemory, KeptPolicy


@implementer(IStsMemory)
class MemoryPolicies:
    """The memory twin."""

    def __init__(self) -> None:
        self.policies: dict[str, KeptPolicy] = {}

    def every(self, now: int, limit: int) -> Deferred[Sequence[KeptPolicy]]:
        held = [each for each in self.policies.values() if each.until > now]
        return succeed(sorted(held, key=lambda each: -each.fetched_at)[:limit])

    def put(self, policy: KeptPolicy) -> Deferred[None]:
        self.policies[policy.domain] = policy
        return succeed(None)

    def forget(self, now: int) -> Deferred[int]:
        over = [domain for domain, each in self.policies.items() if each.until <= now]
        for domain in over:
            del self.policies[domain]
        return succeed(len(over))
