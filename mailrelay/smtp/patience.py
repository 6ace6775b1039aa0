"""How much of what leads nowhere a session may say before it is closed.

Counts only; the reading of the clock is given. An accepted message makes all good but refused logins.
"""

from __future__ import annotations

from .listener import Limits

LONGEST_DELAY = 30.0  #: seconds


class Patience:
    """The counts of one session; each method counts one, and tells whether it was one too many."""

    __slots__ = ("_errors", "_free_at", "_junk", "_limits", "_logins", "_transactions")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._errors = self._junk = self._logins = self._transactions = 0
        self._free_at = 0.0

    def error(self) -> bool:
        """The protocol was not kept."""
        self._errors += 1
        return self._errors > self._limits.errors

    def junk(self, now: float) -> bool:
        """A command that brings no mail nearer; one in each period is not counted: keeping a line alive is no fault."""
        if now >= self._free_at:
            self._free_at = now + self._limits.junk_period
            return False
        self._junk += 1
        return self._junk > self._limits.junk

    def login(self) -> bool:
        """A login was refused."""
        self._logins += 1
        return self._logins >= self._limits.login_failures

    @property
    def delay(self) -> float:
        """Seconds by which the next refused login is put off: a slip is told at once, guessing takes ever longer."""
        if not self._logins:
            return 0.0
        return min(self._limits.login_delay * 2.0 ** min(self._logins - 1, 30), LONGEST_DELAY)

    def transaction(self) -> bool:
        """A transaction begins."""
        self._transactions += 1
        return 0 < self._limits.transactions < self._transactions

    def renew(self) -> None:
        """A message was accepted."""
        self._errors = self._junk = 0
