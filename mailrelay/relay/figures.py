"""What a scheduler has done since it began, counted as it happens, for whoever watches."""

from __future__ import annotations

from collections import Counter

from ..mail.envelope import Bounced, Delivered, Outcome
from ..policy.bounce import shipped


class Figures:
    """`accepted` messages; attempts that `delivered`, `deferred` or `bounced`; what was deferred by the class of the
    reply."""

    def __init__(self) -> None:
        self.accepted = self.delivered = self.deferred = self.bounced = 0
        self.classes: Counter[str] = Counter()

    def ended(self, outcome: Outcome) -> None:
        """An attempt came to an end."""
        if isinstance(outcome, Delivered):
            self.delivered += 1
        elif isinstance(outcome, Bounced):
            self.bounced += 1
        else:
            self.deferred += 1
            self.classes[shipped().classify(outcome.reply).name] += 1
