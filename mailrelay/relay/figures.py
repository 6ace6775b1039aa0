"""What a scheduler has done since it began, counted as it happens, for whoever watches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from ..mail.envelope import Bounced, Delivered, Outcome
from ..policy.bounce import shipped


class Figures:
    """`accepted` messages; attempts that `delivered`, `deferred` or `bounced`; what was deferred by the class of the
    reply; what was delivered by how it was secured (as in `mail.encryption`, "none" in the clear); and attempts by
    `provider(host)` and what came of them."""

    def __init__(self, provider: Callable[[str], str] = lambda host: "") -> None:
        self.accepted = self.delivered = self.deferred = self.bounced = 0
        self.classes: Counter[str] = Counter()
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self._provider = provider
        self.security: Counter[str] = Counter()

    def ended(self, outcome: Outcome) -> None:
        """An attempt came to an end."""
        provider = self._provider(outcome.host)
        if isinstance(outcome, Delivered):
            self.delivered += 1
            self.outcomes[provider, "delivered"] += 1
            self.security[outcome.tls.rpartition(" ")[2] or "none"] += 1
        elif isinstance(outcome, Bounced):
            self.bounced += 1
            self.outcomes[provider, "bounced"] += 1
        else:
            self.deferred += 1
            self.outcomes[provider, "deferred"] += 1
            self.classes[shipped().classify(outcome.reply).name] += 1
