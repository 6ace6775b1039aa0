"""The values that travel: what was submitted, to whom, what is to be delivered, what came of it.

All are frozen and hold plain data only. Instants are integer microseconds since 1970 in UTC; ids are ULIDs in
upper-case base32 (sortable by time, shown as the queue id); sizes are octets.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import TypeAlias

from .answer import Tlsa
from .encryption import TlsPolicy
from .frozen import frozen
from .reply import Reply

SECOND = 1_000_000  #: microseconds
DAY = 86_400 * SECOND  #: of UTC, where one begins at a multiple of it


class State(StrEnum):
    """What became of one recipient (law 3); all but the first two are final for the queue."""

    QUEUED = "queued"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    EXPIRED = "expired"

    @property
    def final(self) -> bool:
        return self not in (State.QUEUED, State.DEFERRED)


#: In which order the mail of one account leaves, by the words for it: the lower the number the sooner.
PRIORITIES: Mapping[str, int] = MappingProxyType({"high": -1, "normal": 0, "low": 1})


@frozen
class Instructions:
    """What the submitter asked for by control headers, in neutral words (see the dialect's codecs).

    `variables` is the JSON text of an object; None, the header absent, means no templating, an empty object means
    templating. `files` are (key in the file cache, name or ""). Tracking is None where the connection decides.
    `priority` is one of `PRIORITIES`, None where nothing is said of it. After `valid_until` (an instant), or
    `valid_for` seconds from its acceptance, the message is of no use any more; 0 where nothing is said. A `preflight`
    goes the whole way and is not taken in.
    """

    tag: str = ""
    client_ref: str = ""
    route: str = ""
    template: str = ""
    variables: str | None = None
    files: tuple[tuple[str, str], ...] = ()
    track_opens: bool | None = None
    track_clicks: bool | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    idempotency_key: str = ""
    priority: int | None = None
    valid_until: int = 0
    valid_for: int = 0
    preflight: bool = False


@frozen
class Recipient:
    """One envelope recipient: `address` as given, `key` canonical, `destination` its domain in A-labels.

    `name` is the display name for the To field. `rejected` is "" or the reason why the recipient is put on record as
    suppressed although the transaction was accepted: it is never billed and never sent.
    """

    id: str
    address: str
    key: str
    destination: str
    name: str = ""
    rejected: str = ""


@dataclass(frozen=True, slots=True)
class Personal:
    """What is made personal for each recipient when its octets are composed.

    `opens` and `clicks` are tracked, body `tags` are replaced, `list_unsubscribe` fields are added, the `to` field is
    made of the recipient's own name and address; `key` is the id of the key that the links are signed by.
    """

    opens: bool = False
    clicks: bool = False
    tags: bool = False
    list_unsubscribe: bool = False
    to: bool = False
    key: str = ""


def personal_text(personal: Personal | None) -> str:
    """What is kept of it with the message: JSON of what is not as usual, "" for None."""
    return "" if personal is None else _personal_text(personal)


@lru_cache(maxsize=256)
def _personal_text(personal: Personal) -> str:
    return json.dumps({name: value for name, value in asdict(personal).items() if value}, separators=(",", ":"))


@lru_cache(maxsize=256)
def personal_of(text: str) -> Personal | None:
    """What `personal_text` said; words of another version are passed over."""
    if not text:
        return None
    told = json.loads(text)
    return Personal(**{each.name: told[each.name] for each in fields(Personal) if each.name in told})


@frozen
class Submission:
    """One admitted transaction, ready to be committed; all recipients are taken, or none is (law 2).

    `sender` is the client's reverse path ("" is the null sender); `peer` the client's address; `source` the message as
    it came in, control headers cut; `billing` is "accept" or "attempt", or "none" for mail of the system itself,
    which has no connection either; `verdicts` are the decisions taken on the way, in order, as plain data (rule,
    allowed, facts).
    """

    id: str
    account: str
    connection: str
    dialect: str
    peer: str
    sender: str
    recipients: tuple[Recipient, ...]
    source: bytes
    subject: str
    received_at: int
    expires_at: int
    billing: str = "accept"
    instructions: Instructions = field(default_factory=Instructions)
    verdicts: tuple[Mapping[str, object], ...] = ()
    #: octets behind `source` that lie in the spool under the same id
    spooled: int = 0
    #: what is made personal when it is composed; None: the same octets for everybody
    personal: Personal | None = None
    #: whether the sender gets a report about rejected recipients, where its dialect sends any
    rejected_told: bool = False
    #: most recipients of its connection that are sent to in one day, 0 for any number; those beyond are put on record
    #: as rejected, or the whole is refused
    daily_limit: int = 0
    over_limit_fails: bool = False
    #: what its client said, by which a repetition under the same idempotency key is known
    digest: str = ""

    @property
    def size(self) -> int:
        return len(self.source) + self.spooled

    @property
    def live(self) -> tuple[Recipient, ...]:
        """The recipients that are sent to and paid for."""
        return tuple([recipient for recipient in self.recipients if not recipient.rejected])


@frozen
class Delivery:
    """One recipient leased to this process for an attempt: `attempts` made before this one, `size` of the source."""

    recipient: str
    message: str
    account: str
    connection: str
    sender: str
    address: str
    destination: str
    route: str
    attempts: int
    accepted_at: int
    expires_at: int
    billing: str = "accept"
    size: int = 0
    name: str = ""
    personal: Personal | None = None
    priority: int = 0


def deliveries_of(submission: Submission) -> tuple[Delivery, ...]:
    """The first deliveries of a submission, one for each recipient that is not rejected, in the order given."""
    return tuple(
        Delivery(
            recipient=recipient.id,
            message=submission.id,
            account=submission.account,
            connection=submission.connection,
            sender=submission.sender,
            address=recipient.address,
            destination=recipient.destination,
            route=submission.instructions.route,
            attempts=0,
            accepted_at=submission.received_at,
            expires_at=submission.expires_at,
            billing=submission.billing,
            size=submission.size,
            name=recipient.name,
            personal=submission.personal,
            priority=submission.instructions.priority or 0,
        )
        for recipient in submission.live
    )


@dataclass(frozen=True, slots=True)
class Hop:
    """Where a delivery is sent: a host with its rule for TLS ("none", "may", "require", "verify") and its login.

    `host` is its name, for TLS and the log; `address` the IP address to connect to, "" when the name is still to be
    looked up; `source` our own address to connect from, "" for the system's choice; `route` the name of the route that
    led here. Two more rules for TLS come from what a domain promises: "sts" holds a host to its certificate by MTA-STS,
    "dane" by the records in `tlsa`, where an authority's certificates may bear one of `names`; `promise` is what was
    promised, None by smart hosts.
    """

    host: str
    port: int
    tls: str = "may"
    username: str = ""
    password: str = field(default="", repr=False)
    address: str = ""
    source: str = ""
    route: str = field(default="", compare=False)
    tlsa: tuple[Tlsa, ...] = field(default=(), compare=False)
    names: tuple[str, ...] = field(default=(), compare=False)
    promise: TlsPolicy | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the next hop takes, from its EHLO reply; `size` 0 means no limit was named."""

    eight_bit: bool = False
    utf8: bool = False
    pipelining: bool = False
    size: int = 0


@frozen
class _Attempt:
    """What one attempt ended with: the last `reply` (the host's or ours), the host's name, the instant, TLS
    (`mail.encryption`).

    `address` is the host's IP address if it was given one, `route` the name of the route, `signed` what the message was
    signed by, `transcript` what was said (`mail.transcript`); they tell how it went, and two attempts that ended alike
    are equal whatever these say.
    """

    reply: Reply
    host: str
    at: int
    tls: str = ""
    #: the connection was lost after the final dot: perhaps delivered all the same
    uncertain: bool = False
    #: the host came to hear of the recipient; when it did not, another host may be tried at once (RFC 5321 5.1)
    asked: bool = True
    address: str = field(default="", compare=False)
    route: str = field(default="", compare=False)
    signed: str = field(default="", compare=False)
    transcript: str = field(default="", compare=False)
    #: routes that failed before in this attempt, each with the reason, "" for none
    fallback: str = field(default="", compare=False)
    #: a rule of shaping wants another route to take over
    elsewhere: bool = False
    #: seconds for which the receiver is left alone, so that nothing was tried and no attempt is counted; 0: it was
    held: int = 0
    #: microseconds on the wire, and for which shaping had it wait before
    took: int = field(default=0, compare=False)
    throttled: int = field(default=0, compare=False)


class Delivered(_Attempt):
    """The next hop took responsibility (2xx after the final dot)."""

    __slots__ = ()


class Deferred(_Attempt):
    """Not now: a 4xx, a lost connection, a time-out."""

    __slots__ = ()


class Bounced(_Attempt):
    """Never: a 5xx for this recipient."""

    __slots__ = ()


Outcome: TypeAlias = Delivered | Deferred | Bounced


@frozen
class Settlement:
    """What the ledger is told about one leased recipient after an attempt, or after a decision without one.

    `due_at` is the instant of the next attempt for DEFERRED and QUEUED; `charge` is "", "capture" or "release";
    `suppression` is "" or the reason under which the address is suppressed from now on, until `suppressed_until` (0:
    for good); `attempted` tells whether an attempt is to be counted. `outcome` is the attempt itself, kept as it is
    told here, and `facts` say why the next one is made when it is. With `hold` it is held back from then on. `took`
    and `throttled` are microseconds: of the attempt, and for which shaping kept it back before it or until the next.
    """

    recipient: str
    state: State
    due_at: int = 0
    attempted: bool = True
    charge: str = ""
    suppression: str = ""
    reply: Reply | None = None
    host: str = ""
    at: int = 0
    event: str = ""
    outcome: Outcome | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    suppressed_until: int = 0
    hold: bool = False
    took: int = 0
    throttled: int = 0


@dataclass(frozen=True, slots=True)
class Return:
    """What a report that came back by mail says of a recipient that was delivered: it was refused for good after all.

    `reply` is what `host` said, as far as the report tells; `suppression` and `suppressed_until` as in a `Settlement`;
    `facts` say how the refusal was understood.
    """

    recipient: str
    reply: Reply
    host: str
    at: int
    suppression: str = ""
    suppressed_until: int = 0
    facts: Mapping[str, object] = field(default_factory=dict)


_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(high + low for high in _BASE32 for low in _BASE32)
#: The second (of 1024 milliseconds) of the id before, and how ids begin in it.
_then = (-1, "")


def ulid(now: int, random: bytes) -> str:
    """A new id: `now` in milliseconds and ten `random` octets, in upper-case Crockford base32; sortable by time.

    Raises `ValueError` when `random` is not of ten octets, or `now` is outside of what 48 bits of milliseconds hold.
    """
    milliseconds = now // 1000
    if len(random) != 10 or milliseconds >> 48:
        raise ValueError("an id takes ten random octets and an instant between 1970 and 10889")
    global _then
    pairs, then, number = _PAIRS, _then, int.from_bytes(random, "big")
    if then[0] != (second := milliseconds >> 10):
        high = f"{pairs[second >> 30]}{pairs[second >> 20 & 1023]}{pairs[second >> 10 & 1023]}{pairs[second & 1023]}"
        then = _then = second, high
    return (
        f"{then[1]}{pairs[milliseconds & 1023]}"
        f"{pairs[number >> 70]}{pairs[number >> 60 & 1023]}{pairs[number >> 50 & 1023]}{pairs[number >> 40 & 1023]}"
        f"{pairs[number >> 30 & 1023]}{pairs[number >> 20 & 1023]}{pairs[number >> 10 & 1023]}{pairs[number & 1023]}"
    )


_VALUE_OF = {letter: value for value, letter in enumerate(_BASE32)}


def pack(id: str) -> bytes:
    """A ULID in sixteen octets; `ValueError` when it is none."""
    try:
        value = 0
        for letter in id:
            value = value << 5 | _VALUE_OF[letter]
        if len(id) != 26:
            raise ValueError
        return value.to_bytes(16, "big")
    except (KeyError, ValueError, OverflowError):
        raise ValueError("not a ULID") from None


def unpack(octets: bytes) -> str:
    """The ULID that `pack` made sixteen octets of; `ValueError` for any other number of them."""
    if len(octets) != 16:
        raise ValueError("a ULID has sixteen octets")
    value = int.from_bytes(octets, "big")
    return "".join([_BASE32[value >> shift & 31] for shift in range(125, -1, -5)])


def made_at(id: str) -> int:
    """The instant at which a ULID was made, in microseconds, to the millisecond."""
    return (int.from_bytes(pack(id), "big") >> 80) * 1000
