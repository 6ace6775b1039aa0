"""What the rules of admission are told, stage by stage.

Plain frozen values: sizes in octets, instants in microseconds, waits in seconds, domains in A-labels. Whoever judges
gathers them; nothing here looks anything up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TypeAlias

from ..mail.address import Mailbox
from ..mail.frozen import frozen

#: Octets beyond which a header is no header any more.
HEADER_LIMIT = 131_072

#: Received fields beyond which a message is taken to go round in a circle (RFC 5321 6.3).
HOP_LIMIT = 50


@frozen
class MailFacts:
    """Known at MAIL. `sender` None is the null sender; `declared_size` what the client said, 0 for nothing.

    `connection_status` is "not_activated", "active" or "blocked"; `domain_status` is that of the sender's domain with
    the account: "" (unknown), "unverified" or "verified"; `sender_status` that of the address itself: "", "requested"
    or "confirmed". `sender_rule` is the connection's option. `available` counts the sends that are left; `free_space`
    the octets that the state's disk has room for, of which `free_space_floor` are kept for what is under way.
    `repeatable` tells that this may be a repetition under an idempotency key, which costs nothing: whether it is one
    shows with the message.
    """

    sender: Mailbox | None
    connection_status: str
    connection_domain: str
    domain_status: str
    available: int
    size_limit: int
    sender_rule: str = "domain"
    sender_status: str = ""
    declared_size: int = 0
    paused: bool = False
    free_space: int = 0
    free_space_floor: int = 0
    repeatable: bool = False


@frozen
class RateFacts:
    """Known once the throttle was asked for a unit: the seconds to `wait`, 0 when the unit was taken or none is needed.

    `rate` units may pass per `period` seconds; 0 means no limit.
    """

    wait: float
    rate: int = 0
    period: int = 0


@frozen
class RcptFacts:
    """Known at RCPT. `accepted` counts the recipients that this transaction has taken before, `charged` those of them
    that are paid for; `unsent` tells that this one is only put on record, and costs nothing.

    `suppression` is the reason or ""; `mailbox_full_at` when the mailbox last was found full (0: never), which counts
    for `mailbox_full_seconds`. `repeatable` as in `MailFacts`.
    """

    address: str
    accepted: int
    recipient_limit: int
    available: int
    now: int
    charged: int = 0
    unsent: bool = False
    suppression: str = ""
    mailbox_full_at: int = 0
    mailbox_full_seconds: int = 86_400
    repeatable: bool = False


@frozen
class DailyFacts:
    """Known at RCPT of a connection that has a daily limit: `sent` counts what was accepted since the day began.

    The others as in `RcptFacts`.
    """

    limit: int
    sent: int
    charged: int = 0
    unsent: bool = False
    repeatable: bool = False


@frozen
class DataFacts:
    """Known at end of data. `fields` counts header fields, `from_fields` From fields; `domain_statuses` has the status
    of each From domain.

    A domain that is missing from `domain_statuses` is unknown to the account. `route` is the one that the message
    names, or its connection does; `routes` are the names that there are, `own_routes` counts those that are stored for
    the account. `tag_known` tells whether the account used the message's `tag` before, `tags_used` how many it used.
    `sender_statuses` has the status of each From address, by canonical key.
    """

    size: int
    size_limit: int
    from_fields: int
    from_addresses: tuple[Mailbox, ...]
    connection_domain: str
    domain_statuses: Mapping[str, str] = field(default_factory=dict)
    sender_rule: str = "domain"
    sender_statuses: Mapping[str, str] = field(default_factory=dict)
    fields: int = 1
    has_subject: bool = True
    has_nul: bool = False
    received_count: int = 0
    hop_limit: int = HOP_LIMIT
    header_size: int = 0
    header_limit: int = HEADER_LIMIT
    route: str = ""
    routes: frozenset[str] = frozenset()
    own_routes: int = 0
    tag: str = ""
    tag_known: bool = True
    tags_used: int = 0


Facts: TypeAlias = MailFacts | RateFacts | RcptFacts | DailyFacts | DataFacts
