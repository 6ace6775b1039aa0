"""Whose turn it is among what waits in memory, and how many of each may be on their way at once.

Accounts take turns, each by its weight. Within an account the higher priority goes first, but leaves a share to the
lower ones; within a priority destinations take turns, and the mail to one destination keeps its order. What is on its
way holds a place, and a place is given only to whom it leaves others some: an account has at most as many as are free
beside its own, and so has a destination among what its account may still take. So nobody is alone in need of all of
them: hosts that do not answer, and floods, leave places to whoever comes next (Choudhury and Hahne, Dynamic Queue
Length Thresholds, 1998).
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from ..mail.envelope import PRIORITIES, Delivery

#: How many deliveries of a priority go out before the next lower one has its turn.
SHARES: Mapping[int, int] = {PRIORITIES["high"]: 16, PRIORITIES["normal"]: 4, PRIORITIES["low"]: 1}

#: Octets from which a message is large: there is room for few of them at a time.
LARGE = 256 * 1024

Key = TypeVar("Key")

#: A destination, and whether it is about large messages, which wait apart from the others.
Lane = tuple[str, bool]


def large(delivery: Delivery) -> bool:
    """Is its message large?"""
    return delivery.size > LARGE


@dataclass(slots=True)
class _Account:
    """What waits of one account: by priority the lanes in the order of their turns; `left` of the turns that it, and
    each priority, has before others follow."""

    left: int
    lanes: dict[int, OrderedDict[Lane, deque[Delivery]]] = field(default_factory=dict)
    shares: dict[int, int] = field(default_factory=lambda: dict(SHARES))


class Turns:
    """Deliveries that wait, and the places of those on their way, `places` in all."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._accounts: OrderedDict[str, _Account] = OrderedDict()
        self._weights: Mapping[str, int] = {}
        self._resting: set[str] = set()
        self.active = 0  #: places that are taken
        self._of_account: Counter[str] = Counter()
        self._of_lane: Counter[tuple[str, str]] = Counter()
        self._to: Counter[str] = Counter()

    def weigh(self, weights: Mapping[str, int]) -> None:
        """From now on accounts have these weights, or 1."""
        self._weights = weights

    def put(self, delivery: Delivery) -> None:
        """Let a delivery wait for its turn, behind those of its lane."""
        account = self._accounts.get(delivery.account)
        if account is None:
            account = self._accounts[delivery.account] = _Account(self._weight(delivery.account))
        lanes = account.lanes.setdefault(delivery.priority, OrderedDict())
        lanes.setdefault((delivery.destination, large(delivery)), deque()).append(delivery)

    def next(self, fits: Callable[[Delivery], bool]) -> Delivery | None:
        """Take out the delivery whose turn it is, of those that fit and may have a place; None when there is none."""
        free = self._places - self.active
        if free <= 0:
            return None
        for name, account in self._accounts.items():
            has = self._of_account[name]
            if has and has >= free:
                continue
            delivery = self._of(account, name, free - has, fits)
            if delivery is not None:
                account.left -= 1
                if not account.lanes:
                    del self._accounts[name]
                elif account.left <= 0:
                    account.left = self._weight(name)
                    self._accounts.move_to_end(name)
                return delivery
        return None

    def _of(self, account: _Account, name: str, free: int, fits: Callable[[Delivery], bool]) -> Delivery | None:
        for again in (False, True):
            for priority in sorted(account.lanes):
                if account.shares.get(priority, 0) <= 0:
                    continue
                delivery = self._of_priority(account.lanes[priority], name, free, fits)
                if delivery is not None:
                    account.shares[priority] -= 1
                    if not account.lanes[priority]:
                        del account.lanes[priority]
                    return delivery
            if not again:
                account.shares = dict.fromkeys(account.lanes, 1) | dict(SHARES)
        return None

    def _of_priority(
        self,
        lanes: OrderedDict[Lane, deque[Delivery]],
        name: str,
        free: int,
        fits: Callable[[Delivery], bool],
    ) -> Delivery | None:
        for lane, waiting in lanes.items():
            destination = lane[0]
            has = self._of_lane[name, destination]
            if (has and has >= free) or destination in self._resting or not fits(waiting[0]):
                continue
            delivery = waiting.popleft()
            if waiting:
                lanes.move_to_end(lane)
            else:
                del lanes[lane]
            return delivery
        return None

    def _weight(self, account: str) -> int:
        return max(1, self._weights.get(account, 1))

    def begin(self, delivery: Delivery) -> None:
        """It is on its way and has a place."""
        self.active += 1
        self._of_account[delivery.account] += 1
        self._of_lane[delivery.account, delivery.destination] += 1
        self._to[delivery.destination] += 1

    def end(self, delivery: Delivery) -> None:
        """Its place is free again."""
        self.active -= 1
        less(self._of_account, delivery.account)
        less(self._of_lane, (delivery.account, delivery.destination))
        less(self._to, delivery.destination)

    @property
    def to(self) -> Mapping[str, int]:
        """How many are on their way to each destination."""
        return self._to

    def rest(self, destination: str) -> None:
        """Begin nothing to a destination until it is told to go on."""
        self._resting.add(destination)

    def go_on(self, destination: str) -> None:
        """The rest of a destination is over."""
        self._resting.discard(destination)

    def clear(self) -> list[Delivery]:
        """Take out all that waits."""
        found = list(self)
        self._accounts.clear()
        return found

    def __iter__(self) -> Iterator[Delivery]:
        for account in self._accounts.values():
            for lanes in account.lanes.values():
                for waiting in lanes.values():
                    yield from waiting


def less(counts: Counter[Key], key: Key, by: int = 1) -> None:
    """Count down; what is zero is forgotten."""
    if counts[key] > by:
        counts[key] -= by
    else:
        del counts[key]
