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
    last event that it took, or that was not for it. A replay sends what lies behind `replay_cursor` up to
    `replay_until` again, before anything new (0: there is none). `failures` in a row have been since `failing_since`;
    the next try is at `next_at`. `status` is "enabled" or "disabled", with the reason.
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
    failures: int = 0
    failing_since: int = 0
    next_at: int = 0
    last_error: str = ""
    delivered: int = 0
    delivered_at: int = 0
    created_at: int = 0


class IWebhooks(Interface):
    """Webhooks."""

    def every(account: str | None = None) -> Deferred[Sequence[Webhook]]:
        """The webhooks of an account ("": those of everybody's events), or all there are, oldest first."""

    def add(webhook: Webhook) -> Deferred[None]:
        """Keep a webhook; fails with `registry.Taken` when its account has one of that name."""

    def change(id: str, changes: Mapping[str, object]) -> Deferred[bool]:
        """Set some fields, the others as they are; False when there is no such webhook."""

    def remove(id: str) -> Deferred[bool]:
        """Forget a webhook; False when there is none."""
