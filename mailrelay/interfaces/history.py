"""What the use cases (`manage`) need to see of the past and of the queue, and to do to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from zope.interface import Interface

from ..mail.envelope import Instructions, Personal, State
from .engagement import Engaged, Engagement


@dataclass(frozen=True, slots=True)
class Passage:
    """What became of one recipient of one message.

    `name` is the display name for its To field; `tag`, `client_ref`, `template` and `metadata` are what the sender said
    of the message by control headers. Instants are microseconds; `billed` is the number of sends captured (0 or 1);
    `last_reply` the last answer of a next hop or our own words, with `last_host` and `last_at`; `leased` tells that a
    process has it in hand; `route` is the name of the one that was asked for, `priority` one of
    `mail.envelope.PRIORITIES`; `engaged` what the recipient did with the mail.
    """

    id: str
    recipient: str
    account: str
    connection: str
    connection_name: str
    dialect: str
    sender: str
    rcpt: str
    destination: str
    subject: str
    state: State
    held: bool
    leased: bool
    attempts: int
    billed: int
    tag: str
    client_ref: str
    template: str
    metadata: Mapping[str, str]
    name: str
    size: int
    accepted_at: int
    due_at: int
    expires_at: int
    last_reply: str
    last_host: str
    last_at: int
    engaged: Engaged = field(default_factory=Engaged)
    route: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Selection:
    """Which passages: every field that is not empty must fit. `message` and `recipient` are ids, `to` an address,
    `states` any of, `before` the keyset cursor (recipient id): passages older than it. `route` is a name or "" for the
    usual one, `priority` one of `mail.envelope.PRIORITIES`, `accepted_before` an instant; `reply_class` is the class of
    the last reply (`policy.bounce`). Accepted at `since` or later, and before `until` (0: no bound)."""

    message: str = ""
    recipient: str = ""
    to: str = ""
    account: str = ""
    connection: str = ""
    destination: str = ""
    states: tuple[State, ...] = ()
    before: str = ""
    route: str | None = None
    priority: int | None = None
    accepted_before: int = 0
    reply_class: str = ""
    tag: str = ""
    client_ref: str = ""
    since: int = 0
    until: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """The newest passages that fit, and the recipient id before which the next page begins, "" when there is none.

    A look ends after so many rows: a page may be short, or empty, and others follow all the same."""

    passages: Sequence[Passage]
    before: str


@dataclass(frozen=True, slots=True)
class Original:
    """What a message was when it was accepted, but for its source: `instructions` as far as they are kept, `personal`
    what is made each recipient's own, `lifetime` the microseconds for which it was to be tried."""

    account: str
    connection: str
    sender: str
    subject: str
    instructions: Instructions
    personal: Personal | None
    lifetime: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for one destination: how many recipients, how many of them held, and how many in the hands of a
    process; when the oldest was accepted, and when the next is due; how many wait after an attempt, and are not
    held."""

    destination: str
    count: int
    held: int
    in_hand: int
    oldest_at: int
    next_due_at: int
    deferred: int = 0

    @property
    def fresh(self) -> int:
        """How many wait for their first attempt, and are not held."""
        return self.count - self.held - self.deferred


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one attempt at a recipient went, the first is number 1.

    `route`, `host`, `address`, `tls`, `signed` and `transcript` as in an `Outcome`; the transcripts of old attempts are
    not kept (""). `state` is what the recipient came to, `due_at` the instant of the next attempt or 0, and `facts` say
    why then.
    """

    number: int
    at: int
    route: str
    host: str
    address: str
    tls: str
    signed: str
    state: State
    reply: str
    due_at: int
    facts: Mapping[str, object]
    transcript: str


@dataclass(frozen=True, slots=True)
class Turned:
    """Something that was not accepted: by which connection, from which address, at which stage, and the decisions."""

    id: str
    at: int
    account: str
    connection: str
    peer: str
    stage: str
    verdicts: tuple[Mapping[str, object], ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Depth:
    """How many recipients wait: not yet tried (`queued`), tried in vain (`deferred`), and `held` by an operator; of the
    first two the oldest was accepted at `oldest_at` (0: there is none)."""

    queued: int = 0
    deferred: int = 0
    held: int = 0
    oldest_at: int = 0


class IHistory(Interface):
    """Messages and their recipients."""

    def passages(selection: Selection, limit: int) -> Deferred[Sequence[Passage]]:
        """The newest passages that fit, however long it takes to find them."""

    def page(selection: Selection, limit: int) -> Deferred[Page]:
        """A page of the send history: at most so many passages, found in a time that does not grow with the history."""

    def original(message: str) -> Deferred[Original]:
        """What a message was; `KeyError` when there is no such message."""

    def verdicts(message: str) -> Deferred[Sequence[Mapping[str, object]]]:
        """The decisions kept with a message, in order; `KeyError` when there is no such message."""

    def attempts(recipient: str) -> Deferred[Sequence[Attempt]]:
        """How the attempts at a recipient went, in order; none for one that is not known."""

    def acts(recipient: str) -> Deferred[Sequence[Engagement]]:
        """What a recipient did with the mail, in order: the first `interfaces.engagement.KEPT` acts."""

    def refusals(connection: str, limit: int, account: str = "") -> Deferred[Sequence[Turned]]:
        """The newest refusals, of one connection or ("") of all, of one account or of all, newest first."""

    def retry(selection: Selection, now: int) -> Deferred[int]:
        """Make waiting recipients due now; fires with how many."""

    def hold(selection: Selection, held: bool) -> Deferred[int]:
        """Set or take the hold from pending recipients; the deadline runs on."""

    def count(selection: Selection) -> Deferred[int]:
        """How many recipients wait that fit."""

    def destinations(selection: Selection, limit: int) -> Deferred[Sequence[Waiting]]:
        """What waits for each destination, the most first, at most so many of them."""

    def classes(selection: Selection) -> Deferred[Mapping[str, int]]:
        """How many recipients wait after a reply of each class."""

    def drop(selection: Selection, reason: str, now: int) -> Deferred[int]:
        """End waiting recipients as failed with this reason, releasing what was reserved."""

    def expire(selection: Selection, reason: str, now: int) -> Deferred[int]:
        """End waiting recipients as expired with this reason, releasing what was reserved."""

    def reroute(selection: Selection, route: str, now: int) -> Deferred[int]:
        """Send waiting recipients by another route, now."""

    def audit() -> Deferred[Sequence[str]]:
        """Every law of the ledger that does not hold, as a sentence; empty when all is well."""
