"""How many octets of messages that are coming in may be in memory, over all sessions of the process.

A `Budget` is shared; each session holds a `Share` of it. What is held is told before it comes where the client declares
it, so that a flood is put off and never half taken in. Nothing here waits: there is room, or there is none.
"""

from __future__ import annotations


class Budget:
    """Octets that are left; 0 at the beginning means that there is no bound."""

    __slots__ = ("_bounded", "_left")

    def __init__(self, octets: int = 0) -> None:
        self._bounded = octets > 0
        self._left = octets

    def take(self, octets: int) -> bool:
        """Take so many if they are there."""
        if self._bounded and octets > self._left:
            return False
        self._left -= octets
        return True

    def give(self, octets: int) -> None:
        """Give so many back."""
        self._left += octets


class Share:
    """What one session holds of a budget."""

    __slots__ = ("_budget", "held")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.held = 0

    def cover(self, octets: int) -> bool:
        """Hold at least so many; False, and nothing changed, when there is no room for them."""
        if octets > self.held:
            if not self._budget.take(octets - self.held):
                return False
            self.held = octets
        return True

    def give_back(self) -> None:
        """Hold nothing."""
        if self.held:
            self._budget.give(self.held)
            self.held = 0
