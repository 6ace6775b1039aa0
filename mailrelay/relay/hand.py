"""What is leased to this process, and how much more of it may be: bounded in all, by account, and by destination.

As with places on the wire, an account may have as many in hand as are left beside its own, and a destination as many
as its account may still have; so however much waits in one lane, there is room for who comes next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator

from ..mail.envelope import Delivery
from .turns import less


class Hand(Collection[str]):
    """Ids of recipients, `most` at once, and what is expected of claims under way."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._ids: set[str] = set()
        self._expected = 0
        self._of_account: Counter[str] = Counter()
        self._of_lane: Counter[tuple[str, str]] = Counter()

    def room(self, account: str) -> int:
        """How many more of an account there may be, so that as many are free then as it has."""
        return max(0, (self._free(account) + 1) // 2)

    def room_in(self, account: str, destination: str) -> int:
        """How many more of an account there may be for one destination, so that as many are free then for the account
        as the destination has; always one where it has none and the account has room."""
        has, free = self._of_lane[account, destination], self._free(account)
        return max(0 if has or free <= 0 else 1, (free - has + 2) // 3)

    def _free(self, account: str) -> int:
        return self._most - len(self._ids) - self._expected - self._of_account[account]

    @property
    def full(self) -> bool:
        """Is there no room for anybody?"""
        return len(self._ids) + self._expected >= self._most

    def add(self, delivery: Delivery) -> None:
        """It is leased to us."""
        self._ids.add(delivery.recipient)
        self._of_account[delivery.account] += 1
        self._of_lane[delivery.account, delivery.destination] += 1

    def remove(self, delivery: Delivery) -> None:
        """Its lease has gone."""
        self._ids.remove(delivery.recipient)
        less(self._of_account, delivery.account)
        less(self._of_lane, (delivery.account, delivery.destination))

    def expect(self, account: str, destination: str, number: int) -> None:
        """So many may come by a claim that is under way."""
        self._expected += number
        self._of_account[account] += number
        self._of_lane[account, destination] += number

    def came(self, account: str, destination: str, number: int) -> None:
        """The claim for which they were expected is over."""
        self._expected -= number
        less(self._of_account, account, number)
        less(self._of_lane, (account, destination), number)

    def __contains__(self, id: object) -> bool:
        return id in self._ids

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)
