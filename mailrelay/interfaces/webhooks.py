"""What is kept of webhooks: where events are pushed to, and how far each receiver has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from zope.interface import Interface


@dataclass(frozen=True, slots=True)
class Webhook:
    """A receiver of an account's events ("": of everybody's); `events` are the kinds that it wants, none for all.

    The secret is sealed. `dialect` is the service whose payload it is sent, "" for ours. `cursor` is the number of the
    last event that it took, or that was not for it. A replay, which began behind `replay_from`, sends what lies behind
    `replay_cursor` up to `replay_until` again, before anything new (0: there is none). `failures` in a row have been
    since `failing_since`; the next try is at `next_at`. `status` is "enabled" or "disabled", with the reason.
    """

    id: str
    account: str
    name: str
    url: str
    events: tuple[str, ...] = ()
    dialect: str = ""
    sealed: str = field(default="", repr=False)
    status: str = "enabled"
    reason: str = ""
    cursor: int = 0
    replay_cursor: int = 0
    replay_until: int = 0
    replay_from: int = 0
    failures: int = 0
    failing_since: int = 0
    next_at: int = 0
    last_error: str = ""
    delivered: int = 0
    delivered_at: int = 0
    created_at: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request to a receiver: `id` is a ULID, `event` the number of the event and `kind` its type, sent `again` by a
    replay or not. `at` is when it began and `took` how long it was, both in microseconds; `status` that of the answer,
    0 when there was none, and `answer` its begin, or why there was none."""

    id: str
    webhook: str
    event: int
    kind: str
    at: int
    took: int
    status: int
    answer: str = ""
    again: bool = False

    @property
    def taken(self) -> bool:
        """Did the receiver take it?"""
        return 200 <= self.status < 300


#: The newest deliveries that are kept of a webhook.
KEPT = 500


class IWebhooks(Interface):
    """Webhooks."""

    def every(account: str | None = None) -> Deferred[Sequence[Webhook]]:
        """The webhooks of an account ("": those of everybody's events), or all there are, oldest first."""

    def add(webhook: Webhook) -> Deferred[None]:
        """Keep a webhook; fails with `registry.Taken` when its account has one of that name."""

    def change(id: str, changes: Mapping[str, object], deliveries: Sequence[Delivery] = ()) -> Deferred[bool]:
        """Set some fields, the others as they are, and note deliveries in the same commit; False, and nothing is noted,
        when there is no such webhook. Fails with `registry.Taken` when its account has another of that name."""

    def deliveries(id: str, before: str = "", limit: int = 50) -> Deferred[Sequence[Delivery]]:
        """The newest deliveries of a webhook, older than the one of an id; `KEPT` are there at most."""

    def remove(id: str) -> Deferred[bool]:
        """Forget a webhook and its deliveries; False when there is none."""
