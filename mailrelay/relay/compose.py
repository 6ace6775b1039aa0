"""Compose: the bytes that leave for one recipient, as a pure function.

Given the same message, delivery and capabilities it gives the same bytes, on every attempt and in every process: what
varies is derived from the recipient's id and the instant of acceptance. What need not change leaves as it came in.
"""

from __future__ import annotations

from ..mail.envelope import Capabilities, Delivery
from ..mail.message import Message
from ..mail.trace import date, received
from ..mail.wire import wire

#: Fields that never leave: who was copied blindly, and what only the last hop may write (RFC 5322 3.6.3, RFC 5321 4.4).
PRIVATE = ("Bcc", "Resent-Bcc", "Return-Path")


def compose(message: Message, delivery: Delivery, capabilities: Capabilities, hostname: str) -> bytes:
    """The message for one recipient in wire form (law 6): trace on top, Message-ID and Date where missing."""
    message = message.drop(*PRIVATE)
    if not message.has("Date"):
        message = message.prepend("Date", date(delivery.accepted_at))
    if not message.has("Message-ID"):
        message = message.prepend("Message-ID", f"<{delivery.message}@{hostname}>")
    trace = received(by=hostname, id=delivery.message, recipient=delivery.address, at=delivery.accepted_at)
    return trace + wire(message, eight_bit=capabilities.eight_bit)
