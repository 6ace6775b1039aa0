"""What a scheduler has done since it began, counted as it happens, for whoever watches.

Attempts are counted host by host, which is one look-up for each, and summed up by provider when somebody asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from ..mail.envelope import Bounced, Delivered, Outcome
from ..policy.bounce import shipped

#: What came of attempts, in the order in which a host's are counted.
OUTCOMES = ("delivered", "deferred", "bounced")

#: Hosts that are counted apart until they are summed up.
HOSTS = 4096


class Figures:
    """`accepted` messages; attempts that `delivered`, `deferred` or `bounced`; what was deferred by the class of the
    reply; what was delivered by how it was secured (as in `mail.encryption`, "none" in the clear).

    `provider` tells by a host's name whose it is."""

    def __init__(self, provider: Callable[[str], str] = lambda host: "") -> None:
        self.accepted = self.delivered = self.deferred = self.bounced = 0
        self.classes: Counter[str] = Counter()
        self.security: Counter[str] = Counter()
        self._provider = provider
        self._hosts: dict[str, list[int]] = {}
        self._providers: Counter[tuple[str, str]] = Counter()

    @property
    def outcomes(self) -> Mapping[tuple[str, str], int]:
        """How many attempts there were, by provider and what came of them (`OUTCOMES`)."""
        hosts, self._hosts = self._hosts, {}
        for host, counts in hosts.items():
            provider = self._provider(host)
            for outcome, count in zip(OUTCOMES, counts, strict=True):
                if count:
                    self._providers[provider, outcome] += count
        return self._providers

    def ended(self, outcome: Outcome) -> None:
        """An attempt came to an end."""
        counts = self._hosts.get(outcome.host)
        if counts is None:
            if len(self._hosts) >= HOSTS:
                _ = self.outcomes
            counts = self._hosts[outcome.host] = [0, 0, 0]
        if isinstance(outcome, Delivered):
            self.delivered += 1
            counts[0] += 1
            self.security[outcome.tls.rpartition(" ")[2] or "none"] += 1
        elif isinstance(outcome, Bounced):
            self.bounced += 1
            counts[2] += 1
        else:
            self.deferred += 1
            counts[1] += 1
            self.classes[shipped().classify(outcome.reply).name] += 1
