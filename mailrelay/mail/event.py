"""The closed vocabulary of events: what can happen to a message, a recipient or a connection, and what it means.

Events are stored, counted and sent under these names, and their documentation is generated from here; nothing else
may be called an event.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    WEBHOOK_TEST = "webhook_test", "Somebody asked whether a webhook's receiver takes events; nobody else is told."

    @property
    def final(self) -> bool:
        """Does it end its recipient: is nothing more attempted after it?"""
        return self in _FINAL

    @property
    def about(self) -> str:
        """What it is told of: "recipient" of a message, or "account"."""
        return "account" if self in _OF_ACCOUNTS else "recipient"


_FINAL = frozenset({Event.DELIVERED, Event.BOUNCED, Event.FAILED, Event.SUPPRESSED, Event.EXPIRED})
_OF_ACCOUNTS = frozenset({Event.CONNECTION_BLOCKED, Event.DOMAIN_DRIFT, Event.WEBHOOK_DISABLED, Event.WEBHOOK_TEST})

#: The fields of every event, of one that is about a recipient, and of one that is about an account.
FIELDS: Mapping[str, str] = {
    "id": "The event's number, by which a reader goes on: numbers only grow.",
    "type": "What happened, one of the types above.",
    "at": "When it happened.",
    "account": 'Whose mail it is, by name; "" where it concerns the installation.',
    "connection": "By which connection the message came in.",
}
OF_RECIPIENTS: Mapping[str, str] = {
    "final": "Whether nothing more is attempted for the recipient.",
    "class": "Of a refusal: what it means (`mailrelay bounce-class`).",
    "dialect": "The dialect that the message came in by.",
    "message": "The id in the final 250.",
    "recipient": "The id of the recipient within the installation.",
    "from": "The sender that the client gave.",
    "to": "The recipient's address.",
    "subject": "The subject.",
    "tag": "The tag that the client gave.",
    "client_ref": "The client's own reference.",
    "metadata": "Names and values that the client gave.",
    "accepted_at": "When the message was accepted.",
    "attempt": "The number of the attempt, the first is 1; 0 for what happened without one.",
    "next_try_at": 'When the next attempt is made; "" when there is none.',
    "route": "The route of the attempt.",
    "host": "The host that was talked to.",
    "tls": 'How what was said to it was encrypted, and by what rule; "" in the clear, and where nothing was said.',
    "reply": "What that host said, or the reason in our own words.",
    "machine": 'Of an open or a click: what did it instead of a person; "" for a person.',
    "url": "Of a click: where it led.",
    "ip": "Of an open, a click or an unsubscribe: from where.",
    "user_agent": "By which program.",
}
OF_ACCOUNTS: Mapping[str, str] = {"facts": "What it is about, by name: the connection, the domain, the figures."}
