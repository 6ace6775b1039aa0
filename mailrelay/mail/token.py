"""Signed tokens: what a link of ours in a mail says about itself, so that nothing has to be looked up to believe it.

A token is the canonical URL-safe base64, without padding, of: one octet for its purpose, two for the number of the key
that signed it, the recipient's ULID in sixteen, what the purpose adds, and the first sixteen octets of the HMAC-SHA256
of all that. It carries everything its page needs (the target of a click; the account and the mailbox of an
unsubscribe), and so outlives the history. One bit changed, one character more or less, another key or another purpose,
and it is no token of ours. Nothing here knows the time or a store.
"""

from __future__ import annotations

import binascii
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from .envelope import pack, unpack

MAC = 16  #: octets
MAX_TOKEN = 8192  #: characters
MAX_KEY = 0xFFFF  #: number of a key

_HEAD = 3
_LEAST = _HEAD + 16 + MAC


class Purpose(IntEnum):
    """What a link is for; a token of one purpose is refused for any other."""

    OPEN = 1
    CLICK = 2
    UNSUBSCRIBE = 3
    WEB_VERSION = 4
    CONFIRM = 5


#: The part of a path under which the links of each purpose stand, before their token.
PATHS: Mapping[Purpose, str] = {
    Purpose.OPEN: "o",
    Purpose.CLICK: "c",
    Purpose.UNSUBSCRIBE: "u",
    Purpose.WEB_VERSION: "w",
    Purpose.CONFIRM: "confirm",
}
_OF_MAILBOXES = (Purpose.UNSUBSCRIBE, Purpose.CONFIRM)


class BadToken(ValueError):
    """It was not made by us for this purpose, or by a key that is no longer trusted."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says; `target` is a click's, `account` and `mailbox` (the canonical key of an address) are those of
    an unsubscribe and of a sender's confirmation, whose `recipient` is the id of its request."""

    purpose: Purpose
    recipient: str
    target: bytes = b""
    account: str = ""
    mailbox: str = ""


def seal(data: bytes, secret: bytes) -> bytes:
    """The token, in ASCII, of what `head` began and its purpose added, signed."""
    signed = data + hmac.digest(secret, data, "sha256")[:MAC]
    return binascii.b2a_base64(signed, newline=False).rstrip(b"=").translate(_URL_SAFE)


def head(purpose: Purpose, key: int, recipient: str) -> bytes:
    """How the data of every token begins; `ValueError` when the recipient is no ULID or the key out of range."""
    if not 0 < key <= MAX_KEY:
        raise ValueError("a link key has a number from 1 to 65535")
    return bytes((purpose, key >> 8, key & 0xFF)) + pack(recipient)


def make(token: Token, key: int, secret: bytes) -> str:
    """The text of a token."""
    data = head(token.purpose, key, token.recipient)
    if token.purpose is Purpose.CLICK:
        data += token.target
    elif token.purpose in _OF_MAILBOXES:
        data += pack(token.account) + token.mailbox.encode("utf-8")
    return seal(data, secret).decode("ascii")


def read(text: str, purpose: Purpose, secret: Callable[[int], bytes | None]) -> Token:
    """What a token says, if it is ours and for this purpose.

    `secret` gives the secret of a key by its number, None for one that is unknown or withdrawn. Fails with `BadToken`,
    which does not say why.
    """
    data = _decoded(text)
    key = secret(data[1] << 8 | data[2])
    signed, mac = data[:-MAC], data[-MAC:]
    # the same work for an unknown key
    expected = hmac.digest(key or b"\0" * 32, signed, "sha256")[:MAC]
    if not hmac.compare_digest(mac, expected) or key is None or data[0] != purpose:
        raise BadToken
    recipient, rest = unpack(signed[_HEAD : _HEAD + 16]), signed[_HEAD + 16 :]
    if purpose is Purpose.CLICK:
        return Token(purpose, recipient, target=rest)
    if purpose not in _OF_MAILBOXES:
        return Token(purpose, recipient)
    try:
        return Token(purpose, recipient, account=unpack(rest[:16]), mailbox=rest[16:].decode("utf-8"))
    except ValueError:
        raise BadToken from None


_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_PLAIN = bytes.maketrans(b"-_", b"+/")


def _decoded(text: str) -> bytes:
    """The octets of the one text that encodes them."""
    if len(text) > MAX_TOKEN or not text.isascii():
        raise BadToken
    octets = text.encode("ascii")
    try:
        data = binascii.a2b_base64(octets.translate(_PLAIN) + b"=" * (-len(octets) % 4))
    except binascii.Error:
        raise BadToken from None
    if len(data) < _LEAST or binascii.b2a_base64(data, newline=False).rstrip(b"=").translate(_URL_SAFE) != octets:
        raise BadToken
    return data
