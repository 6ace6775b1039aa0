"""System calls that a message need not make for itself: randomness drawn in stock, the disk looked at once a second.

Each call lets go of the interpreter, for which the store's threads wait. The stock is of the kernel's own randomness,
every octet given once; it is for ids, and no process may be forked that goes on drawing from it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

STOCK = 4096
SECOND = 1_000_000


def drawn(source: Callable[[int], bytes] = os.urandom) -> Callable[[int], bytes]:
    """Random octets as `source` gives them, taken from it in greater numbers at a time."""
    stock, position = b"", 0

    def random(count: int) -> bytes:
        nonlocal stock, position
        begin, position = position, position + count
        if position > len(stock):
            stock, begin, position = source(max(STOCK, count)), 0, count
        return stock[begin:position]

    return random


def free_space(state: Path, now: Callable[[], int]) -> Callable[[], int]:
    """The octets that the disk of a folder has room for, a second old at most; `now` gives microseconds."""
    seen, looked_at = 0, None

    def free() -> int:
        nonlocal seen, looked_at
        at = now()
        if looked_at is None or not 0 <= at - looked_at < SECOND:
            found = os.statvfs(state)
            seen, looked_at = found.f_bavail * found.f_frsize, at
        return seen

    return free
