"""Compose: the bytes that leave for one recipient, as a pure function.

Given the same message, delivery and capabilities it gives the same bytes, on every attempt and in every process: what
varies is derived from ids and the instant of acceptance. What need not change leaves as it came in.
"""

from __future__ import annotations

from ..mail.envelope import Capabilities, Delivery
from ..mail.message import Message
from ..mail.trace import date, protocol, received
from ..mail.wire import wire
from .personal import Site, personalise

#: Fields that never leave: who was copied blindly, and what only the last hop may write (RFC 5322 3.6.3, RFC 5321 4.4).
PRIVATE = ("Bcc", "Resent-Bcc", "Return-Path")


def trace(hostname: str, id: str, at: int, *, esmtp: bool, tls: bool, login: bool) -> bytes:
    """The Received field under which a message is stored; it tells nothing of the client but how it came."""
    return received(hostname, id, protocol(esmtp=esmtp, tls=tls, login=login), at)


def compose(
    message: Message, delivery: Delivery, capabilities: Capabilities, hostname: str, site: Site | None = None
) -> bytes:
    """The message for one recipient in wire form (law 6), with what is its own, and Message-ID and Date where missing.

    `site` is where our pages are; without one nothing in it leads there.
    """
    if delivery.personal is not None:
        message = personalise(message, delivery, site)
    if not _PRIVATE.isdisjoint([name for name, _ in message.fields]):
        message = message.drop(*PRIVATE)
    if message.get("Date") is None:
        message = message.append(b"Date: %s\r\n" % date(delivery.accepted_at).encode("ascii"))
    if message.get("Message-ID") is None:
        message = message.append(
            b"Message-ID: <%s@%s>\r\n" % (delivery.message.encode("ascii"), hostname.encode("ascii"))
        )
    return wire(message, eight_bit=capabilities.eight_bit, utf8=capabilities.utf8)


_PRIVATE = frozenset(name.lower() for name in PRIVATE)
