"""When a deferred recipient is tried again, and when it is given up.

A `Schedule` lists delays; the last one repeats until the message expires. An attempt is never planned past the
deadline, and earlier than the schedule says only there: chance, which is handed in, spreads attempts out. No clock is
read.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..mail.envelope import SECOND
from ..mail.reply import Reply
from .bounce import mailbox_full

#: How much longer than usual a full mailbox is left alone: its owner must act, no host recovers.
FULL_MAILBOX_PATIENCE = 4


@dataclass(frozen=True, slots=True)
class Schedule:
    """Seconds to wait after the first attempt, the second …; the last repeats. `expiry` is seconds after acceptance.

    `spread` is the share of a delay by which chance may lengthen it, so that what was deferred together does not
    come back together. `uncertain` is the least number of seconds before what may have arrived is sent again: the hop
    has time to notice, and the reader to see the first. It is sent again `uncertain_retries` times, then it is held.
    """

    delays: tuple[int, ...]
    expiry: int
    spread: float = 0.1
    uncertain: int = 0
    uncertain_retries: int = 1

    def __post_init__(self) -> None:
        if not self.delays or min(self.delays) < 1 or self.expiry < 1 or self.spread < 0:
            raise ValueError("delays and expiry must be at least one second, spread at least zero")

    def expires_at(self, accepted_at: int) -> int:
        """The deadline, in microseconds, of what was accepted at that instant."""
        return accepted_at + self.expiry * SECOND

    def delay(self, attempts: int, jitter: float = 0.0) -> int:
        """Microseconds to wait after that many attempts; `jitter` is from 0 to 1."""
        seconds = self.delays[min(attempts, len(self.delays)) - 1]
        return int(seconds * SECOND * (1 + self.spread * jitter))


def patience(reply: Reply) -> int:
    """By how much the delay is multiplied after this reply."""
    return FULL_MAILBOX_PATIENCE if mailbox_full(reply) else 1


#: Attempts after which a hop's wish for a shorter wait than the schedule's counts no more: some always say the same.
HEEDED = 5


#: The share of the time for which a receiver is left alone by which chance puts off further what waits for it.
HELD_SPREAD = 0.25


def after(held: int, now: int, expires_at: int, jitter: float) -> int | None:
    """The instant at which to look again at what was not tried since its receiver is left alone for `held` seconds;
    None when the deadline has come. No attempt was made, so the schedule does not go on."""
    if now >= expires_at:
        return None
    return min(now + int(held * SECOND * (1 + HELD_SPREAD * jitter)), expires_at)


def next_attempt(
    schedule: Schedule, attempts: int, now: int, expires_at: int, jitter: float, factor: int = 1, wait: int = 0
) -> int | None:
    """The instant of the next attempt after `attempts` (at least one) were made, or None when the deadline has come.

    `wait` are the seconds that the hop asked for, 0 for none. What would fall behind the deadline is moved to it, so
    that the last attempt is made as late as it may.
    """
    if now >= expires_at:
        return None
    delay = schedule.delay(attempts, jitter) * factor
    if wait:
        # a little later than asked, so that a clock that runs differently there does not cost an attempt
        asked = int((wait + 1) * SECOND * (1 + schedule.spread * jitter))
        delay = asked if attempts <= HEEDED else max(asked, delay)
    return min(now + delay, expires_at)
