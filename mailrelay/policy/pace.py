"""How fast a receiver is sent to: what is known of it, and how success, trouble and its own words change that.

Connections begin with a few and grow by one for each success, like TCP's slow start; trouble halves them, and from then
on they grow by one for each round of as many successes. A receiver with which nothing works on a single connection is
left alone, each time twice as long. All is a value and all of it pure: clock readings, in seconds, are handed in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .limit import gcra
from .shaping import Rate, Rule

#: Seconds in which trouble counts once: what was under way at the same time says the same thing.
ROUND = 1.0
#: The same for words that slow down, which come as slowly as the messages that they answer.
SAYING = 10.0
#: Rounds of trouble in a row before a receiver rests.
ENOUGH = 3
#: Seconds for which a receiver rests with which nothing works: the first time, and at most.
FIRST_REST, LONGEST_REST = 5.0, 300.0
#: Of connections and rate that is left at least, however often one is slowed.
LEAST = 0.01

NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class Pace:
    """What is known of one receiver, as seen from one address of ours.

    `window` are the connections that it seems to bear, `steep` those up to which each success adds one. Until
    `slowed_until` only the share `factor` of connections and rate counts. `fails` and `rests` are rounds of trouble and
    rests in a row, without a success.
    """

    window: float
    steep: float
    factor: float = 1.0
    slowed_until: float = NEVER
    slowed_at: float = NEVER
    cut_at: float = NEVER
    fails: int = 0
    rests: int = 0

    @classmethod
    def first(cls, rule: Rule, most: int) -> Pace:
        """Before anything was sent; `most` are the connections that the configuration allows."""
        limit = min(rule.connections, most)
        return cls(float(min(rule.start, limit)), float(limit))

    def share(self, now: float) -> float:
        """What is left of connections and rate."""
        return self.factor if now < self.slowed_until else 1.0

    def connections(self, limit: int, now: float) -> int:
        """How many may stand now, at least one."""
        return max(1, min(int(self.window), int(limit * self.share(now))))

    def well(self, limit: int) -> Pace:
        """A message was taken."""
        if self.window >= limit and not self.fails:
            return self
        grown = self.window + (1.0 if self.window < self.steep else 1.0 / self.window)
        return replace(self, window=min(grown, float(limit)), fails=0, rests=0)

    def troubled(self, now: float) -> tuple[Pace, float]:
        """A session did not come about, or was ended early; with it the seconds of rest that follow, 0 for none."""
        if now - self.cut_at < ROUND:
            return self, 0.0
        if self.window > 1 or self.fails + 1 < ENOUGH:
            half = max(1.0, self.window / 2)
            return replace(self, window=half, steep=half, cut_at=now, fails=self.fails + 1), 0.0
        rest = min(FIRST_REST * 2.0**self.rests, LONGEST_REST)
        return replace(self, cut_at=now, rests=min(self.rests + 1, 16)), rest

    def slowed(self, factor: float, seconds: int, now: float) -> Pace:
        """The receiver said that this is too fast."""
        if now - self.slowed_at < SAYING:
            return self
        left = max(LEAST, self.share(now) * factor)
        return replace(self, factor=left, slowed_until=max(self.slowed_until, now + seconds), slowed_at=now)


def take(rate: Rate, share: float, tat: float, now: float) -> tuple[float, float]:
    """Take one message of a rate of which a share is left: (seconds to wait, new state) as `limit.gcra` has it."""
    return gcra(tat, now, 1, rate.count, rate.period / share, rate.burst)
