"""What the sandbox's sink and its pages need of each other: a box that keeps the mail which arrived.

The sink puts mail in, HTTP reads it out; neither knows how it is kept. Nothing here is part of a real installation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Interface


@dataclass(frozen=True, slots=True)
class Kept:
    """One transaction that reached the sink, without its source.

    `received_at` is in microseconds; `mail_from` the reverse path ("" is the null sender); `rcpt_to` all recipients of
    the transaction, joined by ", "; `subject` is decoded; `size` counts the octets of the source.
    """

    id: str
    received_at: int
    mail_from: str
    rcpt_to: str
    subject: str
    size: int


class IInbox(Interface):
    """Mail that arrived at the sink."""

    def keep(mail_from: str, rcpt_to: Sequence[str], source: bytes, received_at: int, subject: str) -> Deferred[str]:
        """Keep one transaction; fires with its id once it would survive a crash of the process."""

    def messages(limit: int, to: str = "", since: int = 0, after: str = "") -> Deferred[Sequence[Kept]]:
        """The newest `limit` messages, newest first.

        `to` is one recipient's address, compared without regard to case; `since` an instant in microseconds, itself
        included; `after` an id: only what arrived after that message (`KeyError` when there is none).
        """

    def message(id: str) -> Deferred[Kept]:
        """One message by its id; fails with `KeyError`."""

    def source(id: str) -> Deferred[bytes]:
        """The octets of a message exactly as they were received; fails with `KeyError`."""

    def clear() -> Deferred[int]:
        """Forget all messages; fires with how many there were."""
