"""What can be told of a message by looking at it: where its links lead, by whom it is signed, whose mail it is (DMARC).

Pure and linear. It asks no name server: whether a signature is published is told elsewhere. Domains are compared
without the public suffix list: one that lies below the other, which has two labels or more, counts as the same
organisation's (RFC 7489 3.1, "relaxed").
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .address import AddressError, domain_key
from .header import unfold
from .leaves import leaves
from .links import follow
from .message import Message

MOST_LINKS = 1000

_PLAIN_LINK = re.compile(rb"https?://[!#-;=?-Z\\\]^_a-z~]+", re.I)
_TAG = re.compile(rb"(?:\A|;)\s*([a-z]+)\s*=\s*([^;]*)", re.I)

STRICT, RELAXED, NONE = "strict", "relaxed", "none"


@dataclass(frozen=True, slots=True)
class Signature:
    """A DKIM signature: its domain, selector and algorithm, as it says them."""

    domain: str
    selector: str
    algorithm: str


def links(message: Message) -> tuple[str, ...]:
    """Where the links of the texts lead, each once, in their order, the first thousand; those that no browser could
    follow, and those that may not be tracked, are left out."""
    found: dict[str, None] = {}

    def add(target: bytes) -> bytes:
        found.setdefault(target.decode("ascii", "replace"))
        return target

    for leaf in leaves(message):
        if leaf.html:
            follow(leaf.octets, add, b"\0", leaf.codec)
        else:
            for link in _PLAIN_LINK.finditer(leaf.octets):
                add(link[0].rstrip(b".,;:!?)'"))
    return tuple(found)[:MOST_LINKS]


def signatures(message: Message) -> tuple[Signature, ...]:
    """The DKIM signatures that a message bears, unverified."""
    found = []
    for field in message.all("DKIM-Signature"):
        tags = {
            name.lower(): b"".join(value.split()).decode("ascii", "replace")
            for name, value in _TAG.findall(unfold(field))
        }
        found.append(Signature(tags.get(b"d", "").lower(), tags.get(b"s", ""), tags.get(b"a", "")))
    return tuple(found)


def alignment(author: str, domain: str) -> str:
    """How a domain that was verified fits the author's (RFC 7489 3.1): "strict", "relaxed" or "none"."""
    try:
        one, other = domain_key(author), domain_key(domain)
    except AddressError:
        return NONE
    if one == other:
        return STRICT
    longer, shorter = (one, other) if len(one) > len(other) else (other, one)
    return RELAXED if "." in shorter and longer.endswith(f".{shorter}") else NONE
