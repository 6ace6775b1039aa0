"""What the relay needs from durable state: accept, claim, settle, and release.

Everything that this interface promises holds over SQLite, PostgreSQL and the memory twin; one test class says so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from twisted.internet.defer import Deferred
from zope.interface import Interface

from ..mail.envelope import SECOND, Delivery, Return, Settlement, Submission

#: How long an idempotency key of a connection stands for what it was first used for.
KEY_LIFETIME = 24 * 3600 * SECOND


@dataclass(frozen=True, slots=True)
class Lane:
    """Recipients of one account, priority and destination that wait; `due_at` is the earliest instant among them."""

    account: str
    destination: str
    due_at: int
    priority: int = 0


class Once(NamedTuple):
    """What became of a submission under an idempotency key: the `id` of the message that the key stands for, and the
    deliveries of the recipients that are new."""

    id: str
    deliveries: Sequence[Delivery]


class Undecided(Exception):
    """Nobody knows whether the commit is on the disk: the session is closed without a reply (design 4)."""


class ILedger(Interface):
    """The state of every recipient, and the balance it is charged to."""

    def accept(submission: Submission, lease: bool) -> Deferred[Sequence[Delivery]]:
        """Commit a submission whole, reserving (or capturing) one send for each recipient that is not rejected.

        With `lease` those belong to this process from the start and come back as deliveries in the order given;
        without, the result is empty. A rejected one is suppressed from the start, its reason the last that was heard.
        Recipients beyond the connection's daily limit are rejected (`policy.rejection.OVER_LIMIT`), or it fails with
        `Refusal("daily_limit")`, as the submission says. Fails with `Refusal("balance_short")` when the balance does
        not suffice,
        with `Refusal("temporary")` when it was not committed, with `Undecided` when nobody can tell in time.
        """

    def accept_once(submission: Submission, lease: bool) -> Deferred[Once]:
        """Like `accept`, for a submission with an idempotency key (`instructions.idempotency_key`, `digest`).

        For 24 hours the key of its connection stands for the message of that digest: only recipients that it does not
        have are taken, and charged, under the first one's id. It fails with `Refusal("idempotency_conflict")` when the
        digest is another one. A key in flight waits for its twin.
        """

    def lanes(after: Mapping[tuple[str, int], str], limit: int) -> Deferred[Sequence[Lane]]:
        """The lanes in which an unleased, unheld recipient waits, by account, priority and destination.

        Of each account and priority there are at most `limit`: the first of those behind the destination that `after`
        gives for the two, "" where it gives none.
        """

    def claim(lane: Lane, limit: int, now: int) -> Deferred[Sequence[Delivery]]:
        """Lease up to `limit` recipients of a lane that are due, earliest first."""

    def settle(settlement: Settlement) -> Deferred[bool]:
        """Record what became of a leased recipient, give the lease back, and move the money, in one commit.

        False: the lease was no longer ours; nothing changed.
        """

    def bounce_later(given: Return) -> Deferred[bool]:
        """A recipient that was delivered has bounced after all: its state, the counters, and the suppression of its
        address change in one commit. False: it is not delivered, or not known; nothing changed."""

    def release(recipients: Collection[str]) -> Deferred[int]:
        """Give leases of this process back untouched; fires with how many there were."""

    def leases() -> Deferred[Collection[str]]:
        """Ids of the recipients that are leased to this process, perhaps by a commit whose caller is not told yet."""

    def expire(now: int) -> Deferred[int]:
        """End every unleased recipient, held ones too, whose deadline has passed; fires with how many."""
