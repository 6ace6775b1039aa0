"""What programs ask of the relay without SMTP: to submit a message for a connection, or to say what would come of it.

It goes the way of a message that comes by SMTP from MAIL on, and is answered in the words of the connection's dialect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from ..mail.address import Mailbox
from ..mail.reply import Reply
from .submission import Peer


@dataclass(frozen=True, slots=True)
class Post:
    """A message for a connection (its id): the reverse path, None for the null sender, the recipients, its octets.

    `said` are fields of `mail.envelope.Instructions`, which hold over what control headers in the message say.
    """

    connection: str
    sender: Mailbox | None
    recipients: tuple[Mailbox, ...]
    source: bytes
    peer: Peer
    said: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a step was answered: the reply of the dialect, its key, and of a refusal the rule with what it saw.

    `stage` is "mail", "rcpt" or "data"; `recipient` is whose answer it is, or "".
    """

    stage: str
    key: str
    reply: Reply
    recipient: str = ""
    rule: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of a post: the answers to its recipients in their order, the `refusal` of the whole or None, the
    message's `id` once it is committed. `rejected` are the reasons, by address, of those that were only put on record.
    """

    dialect: str
    answers: tuple[Answer, ...] = ()
    refusal: Answer | None = None
    id: str = ""
    rejected: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What would become of a post: as it would be `posted`, and of a message that would be taken its octets as they
    would leave for the first recipient (or why they could not: `fault`), the reverse path on the wire, the domain of
    our own that stands in it, and what it would cost of what is `available` now. `source` is as it would be stored."""

    posted: Posted
    source: bytes = b""
    octets: bytes = b""
    fault: str = ""
    return_path: str = ""
    available: int = 0
    cost: int = 0


class IPostOffice(Interface):
    """Takes posts."""

    tallies = Attribute("`Tally` of what was answered, by the name of the dialect")

    def submit(post: Post) -> Deferred[Posted]:
        """Submit a message; fires after its commit, or with the refusal. Fails with `KeyError` for a connection that
        there is not, and with nothing else: what fails inside is logged and refused for now."""

    def rehearse(post: Post) -> Deferred[Rehearsed]:
        """The same without taking, charging, counting or keeping anything."""
