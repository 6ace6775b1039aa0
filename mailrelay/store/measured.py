"""What the writer has done since it began, counted as it happens, for whoever watches.

Counted by the writer's thread and read by the reactor's: each figure is one whole number, so that a reader sees at
worst a commit of which one figure is there and another is not yet.
"""

from __future__ import annotations

from bisect import bisect_left

#: Upper bounds of classes: seconds of a commit, and the jobs in one.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
JOBS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class Spread:
    """How values are spread over classes: `counts` has one for each bound, and one more for what is above the last."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class Writes:
    """`commits` by their seconds, `batches` by their jobs, `failures` of transactions, commits whose outcome was
    `unknown`, and jobs that were `turned_down` because the store could not be written in time."""

    def __init__(self) -> None:
        self.commits = Spread(SECONDS)
        self.batches = Spread(JOBS)
        self.failures = self.unknown = self.turned_down = 0
