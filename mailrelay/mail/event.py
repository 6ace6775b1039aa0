"""The closed vocabulary of events: what can happen to a message, a recipient or a connection, and what it means.

Events are stored, counted and sent under these names, and their documentation is generated from here; nothing else
may be called an event.
"""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """One kind of event: its value is the name under which it is kept, `meaning` the sentence that explains it."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Event:
        event = str.__new__(cls, value)
        event._value_ = value
        event.meaning = meaning
        return event

    ACCEPTED = "accepted", "The recipient was committed to the queue; the submitter was told so."
    DELIVERED = "delivered", "The next hop took responsibility for the recipient."
    DEFERRED = "deferred", "An attempt failed for now; another follows."
    BOUNCED = "bounced", "The next hop turned the recipient down for good."
    FAILED = "failed", "We gave the recipient up ourselves: it was dropped, or the message could not be composed."
    SUPPRESSED = "suppressed", "The recipient was not sent to, since the address is suppressed."
    EXPIRED = "expired", "The recipient's deadline passed before a next hop took it."
    OPENED = "opened", "The recipient looked at the message: its open pixel was asked for."
    CLICKED = "clicked", "The recipient followed a link of the message."
    UNSUBSCRIBED = "unsubscribed", "The recipient wants no more mail of the account; the address is suppressed."
    COMPLAINED = (
        "complained",
        "The recipient's provider says that it called the mail unwanted; the address is suppressed.",
    )
    CONNECTION_BLOCKED = "connection_blocked", "A connection was blocked; it is not served until activated."
    POSSIBLE_DUPLICATE = "possible_duplicate", "An attempt ended after its lease was lost; the mail may arrive twice."
    ROUTE_FAILOVER = "route_failover", "An attempt left a route that failed and went by another."
    DOMAIN_DRIFT = "domain_drift", "What a verified domain publishes is no longer what mail of it needs."
    WEBHOOK_DISABLED = (
        "webhook_disabled",
        "A webhook's receiver failed for too long; nothing is sent to it until enabled.",
    )

    @property
    def final(self) -> bool:
        """Does it end its recipient: is nothing more attempted after it?"""
        return self in _FINAL

    @property
    def about(self) -> str:
        """What it is told of: "recipient" of a message, or "account"."""
        return "account" if self in _OF_ACCOUNTS else "recipient"


_FINAL = frozenset({Event.DELIVERED, Event.BOUNCED, Event.FAILED, Event.SUPPRESSED, Event.EXPIRED})
_OF_ACCOUNTS = frozenset({Event.CONNECTION_BLOCKED, Event.DOMAIN_DRIFT, Event.WEBHOOK_DISABLED})
