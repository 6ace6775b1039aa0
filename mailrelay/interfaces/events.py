"""What happened, told in order: what the outbox of the store promises to those who read it.

An event is written in the commit that makes it true, and gets its number there: numbers only grow, in the order of the
commits, so that a reader who keeps the last number that it saw misses nothing and is told nothing twice. That holds
with several writers, too: see `store.outbox`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from zope.interface import Interface

from ..mail.event import Event

#: The most events that one look gives.
MOST = 1000


@dataclass(frozen=True, slots=True)
class Happening:
    """One event. `at` is when it happened, in microseconds; `id` its number in the outbox.

    Of a recipient: its id, its address `rcpt` and those of its message, `message` being the id of the 250; `attempt` is
    the number of the attempt (0: without one), with the `route`, the `host` that was talked to and its `reply`, or the
    reason in our own words; `due_at` is when the next attempt is made, 0 for never; `bounce_class` what a refusal means
    (`policy.bounce`). What a recipient did: `machine` names what did it instead of a person, `target` where a click
    led, `address` and `agent` from where and by which program. Of an account: `facts` say what, "connection" or
    "domain" among them.
    """

    id: int
    event: Event
    at: int
    account: str
    connection: str = ""
    connection_name: str = ""
    dialect: str = ""
    message: str = ""
    recipient: str = ""
    sender: str = ""
    rcpt: str = ""
    subject: str = ""
    tag: str = ""
    client_ref: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    accepted_at: int = 0
    attempt: int = 0
    route: str = ""
    host: str = ""
    tls: str = ""
    reply: str = ""
    due_at: int = 0
    bounce_class: str = ""
    machine: str = ""
    target: str = ""
    address: str = ""
    agent: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sought:
    """Which events: every field that is not empty must fit; `account` and `connection` are ids."""

    account: str = ""
    connection: str = ""
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Events in order, and the number of the last one that was looked at, to go on from. `more` tells that the look
    ended before the outbox did: nothing may have fitted so far, and more may follow all the same."""

    events: Sequence[Happening]
    cursor: int
    more: bool


class IEvents(Interface):
    """The outbox."""

    def after(cursor: int, sought: Sought, limit: int) -> Deferred[Page]:
        """At most `limit` events behind a number (0: from the first that is kept) that fit.

        Events of recipients that are in no history any more are passed over.
        """

    def head() -> Deferred[int]:
        """The number of the newest event, 0 when there is none."""

    def before(at: int) -> Deferred[int]:
        """A number behind which every event of this instant or later is found, as far as they are kept."""

    def tell(event: Event, account: str, at: int, facts: Mapping[str, object]) -> Deferred[None]:
        """Write an event about an account that changes nothing else."""

    def forget(before: int) -> Deferred[int]:
        """Delete the events written before an instant; fires with how many rows. The newest stays, since numbers go on
        from it."""
