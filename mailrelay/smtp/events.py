"""What a session tells the server: the closed set of events, each a frozen value.

An event with a `slot` is a question: the server answers it by `Session.accept` or `Session.refuse`, in any order and
at any time. The others ask for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from ..interfaces.submission import MailParameters
from ..mail.address import Mailbox
from .answers import Slot
from .auth import Credentials


class Hello(NamedTuple):
    """HELO or EHLO was said; the name is escaped and bounded."""

    name: str
    esmtp: bool


@dataclass(frozen=True, slots=True)
class LoginAsked:
    """AUTH brought credentials."""

    slot: Slot
    credentials: Credentials


class MailAsked(NamedTuple):
    """A transaction begins, if this is accepted."""

    slot: Slot
    sender: Mailbox | None
    parameters: MailParameters


class RcptAsked(NamedTuple):
    """One recipient; several may be asked before the first is answered."""

    slot: Slot
    recipient: Mailbox


class DataReceived(NamedTuple):
    """Octets of the message, dots unstuffed."""

    octets: bytes


class DataEnded(NamedTuple):
    """The message is whole."""

    slot: Slot


class TransactionReset(NamedTuple):
    """The transaction is over without a message."""


class TlsAsked(NamedTuple):
    """Start TLS when what `data_to_send` holds is written; login and transaction are forgotten."""


class Closed(NamedTuple):
    """Write what `data_to_send` holds, then close; no event follows."""


Event: TypeAlias = (
    Hello | LoginAsked | MailAsked | RcptAsked | DataReceived | DataEnded | TransactionReset | TlsAsked | Closed
)
