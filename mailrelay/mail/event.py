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
