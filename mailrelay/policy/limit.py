"""How many are left, and how long to wait.

`Quota` counts within a fixed number. `gcra` is the generic cell rate algorithm (ITU-T I.371) as a function: state and
clock reading in, wait and new state out. Nothing is stored here.
"""

from __future__ import annotations

from ..mail.frozen import frozen

#: Seconds by which a unit may come too early: clock readings since 1970 are no finer as floats.
GRAIN = 1e-6


@frozen
class Quota:
    """A fixed number, part of which is used."""

    limit: int
    used: int

    @property
    def left(self) -> int:
        """How many there still are; never below zero."""
        return max(0, self.limit - self.used)

    def covers(self, units: int) -> bool:
        """Are there that many left?"""
        return units <= self.left


def gcra(tat: float, now: float, units: int, rate: int, period: float, burst: int) -> tuple[float, float]:
    """Take `units` if they conform to `rate` units per `period` seconds with `burst` at once.

    `tat` is the state, the theoretical arrival time of the next unit, 0.0 at first; `tat` and `now` are seconds of one
    clock. The result is (0.0, new state) when taken, else (seconds to wait, the state unchanged). In any t seconds at
    most burst + rate·t/period units pass. A state further ahead than a whole burst comes from a clock that was set back
    since, or from stricter limits: it counts as a burst just used up. Raises `ValueError` as `check` does.
    """
    check(units, rate, period, burst)
    interval = period / rate
    tat = min(tat, now + burst * interval + 2 * GRAIN)
    earned = max(tat, now) + units * interval
    wait = earned - burst * interval - now
    return (wait, tat) if wait > GRAIN else (0.0, earned)


def left(tat: float, now: float, rate: int, period: float, burst: int) -> int:
    """How many units could be taken at once in a state of `gcra`."""
    interval = period / rate
    return max(0, min(burst, int((burst * interval - max(0.0, tat - now) + GRAIN) / interval)))


def check(units: int, rate: int, period: float, burst: int) -> None:
    """Raise `ValueError` for units that could never pass."""
    if rate < 1 or period <= 0:
        raise ValueError("rate and period must be above zero")
    if not 1 <= units <= burst:
        raise ValueError(f"from 1 to {burst} units can pass at once, not {units}")
