"""One mail transaction as octets: the envelope's lines and the body as they go out.

Pure functions. They promise that nothing of an address can begin a line or a parameter of its own (S24), and that
the body holds its own end mark exactly once (C-1): the whole is stuffed by one replacement, never in blocks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias

from ..mail.envelope import Bounced, Deferred, Delivered
from ..mail.message import has_bare_end
from ..mail.reply import Reply
from .offer import Extensions

Kind: TypeAlias = type[Delivered] | type[Deferred] | type[Bounced]
#: what became of one recipient: the kind of outcome, the reply that decided, and whether it is uncertain
Verdict: TypeAlias = tuple[Kind, Reply, bool]

BAD_ADDRESS = Reply(501, "5.1.3", "Address cannot be written on the wire")
NEEDS_UTF8 = Reply(553, "5.6.7", "Address needs SMTPUTF8, which the next hop does not offer")

# A quoted local part may hold anything printable; elsewhere nothing that could end the path. No domain: <postmaster>.
_WRITABLE = re.compile(
    r"""(?:"(?:[^"\\\x00-\x1f\x7f-\x9f\u2028\u2029]|\\[\x20-\x7e])*"|[^\x00-\x20\x7f-\x9f\u2028\u2029<>"\\@]+)"""
    r"""(?:@[^\x00-\x20\x7f-\x9f\u2028\u2029<>"\\@]+)?"""
)


def wire_path(address: str) -> bytes | None:
    """An address as it stands between angle brackets, or None when it can never be written; "" is the null sender."""
    if address and _WRITABLE.fullmatch(address) is None:
        return None
    try:
        return address.encode("utf-8")
    except UnicodeEncodeError:
        return None


def mail_line(sender: bytes, recipients: Sequence[bytes], message: bytes, offered: Extensions) -> bytes:
    """MAIL with each parameter that is offered and needed (RFC 1870, 6152, 6531)."""
    line = b"MAIL FROM:<" + sender + b">"
    if offered.size:
        line += b" SIZE=%d" % len(message)
    if offered.capabilities.eight_bit and not message.isascii():
        line += b" BODY=8BITMIME"
    if offered.capabilities.utf8 and needs_utf8(sender, recipients, message):
        line += b" SMTPUTF8"
    return line + b"\r\n"


def needs_utf8(sender: bytes, recipients: Sequence[bytes], message: bytes) -> bool:
    """An address or a header field of the message is not ASCII (RFC 6531 3.4, RFC 6532)."""
    if not sender.isascii() or not all(recipient.isascii() for recipient in recipients):
        return True
    return not message.isascii() and not message.partition(b"\r\n\r\n")[0].isascii()


def is_wire_form(message: bytes) -> bool:
    """Every CR stands before an LF and every LF behind a CR, and there is no NUL (law 6)."""
    return b"\0" not in message and not has_bare_end(message)


def body_octets(message: bytes) -> bytes:
    """A message in wire form, dots stuffed, with the end mark (RFC 5321 4.5.2)."""
    stuffed = message.replace(b"\r\n.", b"\r\n..")
    if stuffed.startswith(b"."):
        stuffed = b"." + stuffed
    if stuffed and not stuffed.endswith(b"\r\n"):
        return stuffed + b"\r\n.\r\n"
    return stuffed + b".\r\n"
