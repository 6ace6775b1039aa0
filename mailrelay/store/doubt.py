"""A batch of which nobody knows whether it is on the disk, and who still waits for the answer.

Two threads meet here: the reactor's abandons members whose deadline passed, the writer's closes the doubt when it
knows. Each member is answered by exactly one of them. This module asks no database.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any

from .jobs import Job


class Doubt:
    """The members of one batch, with the results that hold if it was committed."""

    def __init__(self, batch: str, jobs: Sequence[Job], results: Sequence[Any]) -> None:
        self.batch = batch
        self._lock = Lock()
        self._open = list(zip(jobs, results, strict=True))
        self.abandoned: list[Job] = []

    def abandon(self, before: float | None = None) -> list[Job]:
        """Give up the members asked before an instant that somebody waits for; without one, all members."""
        with self._lock:
            late = [job for job, _ in self._open if before is None or (not job.lasting and job.asked <= before)]
            self._open = [member for member in self._open if member[0] not in late]
            self.abandoned += late
        return late

    def close(self) -> list[tuple[Job, Any]]:
        """The outcome is known: the members not abandoned, to be answered by the caller."""
        with self._lock:
            members, self._open = self._open, []
        return members
