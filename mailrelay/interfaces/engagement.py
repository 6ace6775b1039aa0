"""What recipients do with mail that arrived: what the public pages tell durable state, and what they ask of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Interface

from ..mail.envelope import Delivery
from ..mail.event import Event

#: What one recipient can do.
ACTS = (Event.OPENED, Event.CLICKED, Event.UNSUBSCRIBED, Event.COMPLAINED)

#: Acts of one recipient that are kept one by one; further ones are only counted.
KEPT = 50


@dataclass(frozen=True, slots=True)
class Engagement:
    """One act of one recipient, one of `ACTS`, at an instant.

    `machine` names what did it instead of a person, "" for a person; `target` is where a click led, or of what kind a
    complaint was; `address` and `agent` say from where and by which program, both bounded. `id` is a ULID by which an
    act is kept once.
    """

    id: str
    recipient: str
    act: Event
    at: int
    machine: str = ""
    target: str = ""
    address: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Engaged:
    """What a recipient did in all: the first instant of each act by a person (0: never), how often, and how often
    machines did it."""

    opened_at: int = 0
    opens: int = 0
    machine_opens: int = 0
    clicked_at: int = 0
    clicks: int = 0
    machine_clicks: int = 0
    unsubscribed_at: int = 0
    complained_at: int = 0


class IEngagement(Interface):
    """What recipients do. One that is in no history any more is passed over, but its unsubscribe holds."""

    def record(engagements: Sequence[Engagement]) -> Deferred[None]:
        """Keep opens and clicks, and move their counters, in one commit; fails with `Refusal` when it was not."""

    def unsubscribe(account: str, mailbox: str, engagement: Engagement) -> Deferred[bool]:
        """Suppress a mailbox for its account and keep the act, in one commit; False when it was suppressed so before.

        A complaint stays the reason where it is one. Fails with `KeyError` when there is no such account, with
        `Refusal` when nothing was committed.
        """

    def complain(engagement: Engagement) -> Deferred[bool]:
        """Suppress the address of a recipient and keep that it complained, in one commit.

        False when it had complained before, or is in no history; then nothing is changed. Fails with `Refusal` when
        nothing was committed.
        """

    def delivery(recipient: str) -> Deferred[Delivery]:
        """What was accepted for a recipient, as it would be delivered; fails with `KeyError` when that is not known."""
