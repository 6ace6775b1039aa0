"""What a next hop offers, read from its reply to EHLO (RFC 5321 4.1.1.1), and the login that follows from it.

Pure functions over text. Keywords count in any case of letters; what cannot be read is as if it were not offered.
Nothing here is ever carried from before STARTTLS to after it: each EHLO gives a new value.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from ..mail.envelope import Capabilities
from ..mail.reply import Reply


@dataclass(frozen=True, slots=True)
class Extensions:
    """The offer: what matters to a message, whether SIZE and STARTTLS are there, and login mechanisms in capitals."""

    capabilities: Capabilities = field(default_factory=Capabilities)
    size: bool = False
    starttls: bool = False
    mechanisms: frozenset[str] = frozenset()


def read_extensions(reply: Reply) -> Extensions:
    """The offer in a positive reply to EHLO, whose first line is only a greeting.

    Of several SIZE values the smallest above 0 counts (RFC 1870: 0 names no limit); ``AUTH=`` is AUTH's old spelling.
    """
    offered: dict[str, list[str]] = {}
    for line in reply.text.split("\n")[1:]:
        words = line.upper().replace("AUTH=", "AUTH ", 1).split()
        if words:
            offered.setdefault(words[0], []).extend(words[1:])
    sizes = [int(word) for word in offered.get("SIZE", ()) if word.isascii() and word.isdigit() and len(word) <= 20]
    return Extensions(
        Capabilities(
            eight_bit="8BITMIME" in offered,
            utf8="SMTPUTF8" in offered,
            pipelining="PIPELINING" in offered,
            size=min((size for size in sizes if size), default=0),
        ),
        size="SIZE" in offered,
        starttls="STARTTLS" in offered,
        mechanisms=frozenset(offered.get("AUTH", ())),
    )


def login_lines(mechanisms: frozenset[str], username: str, password: str) -> Sequence[bytes]:
    """The lines of a login, each to be sent after the reply to the one before; none when there is no common mechanism.

    PLAIN with its initial response (RFC 4954, RFC 4616) before LOGIN. A NUL would shift PLAIN's fields: no lines.
    """
    user, secret = username.encode(), password.encode()
    if b"\0" in user + secret:
        return ()
    if "PLAIN" in mechanisms:
        return (b"AUTH PLAIN " + b64encode(b"\0" + user + b"\0" + secret) + b"\r\n",)
    if "LOGIN" in mechanisms:
        return (b"AUTH LOGIN\r\n", b64encode(user) + b"\r\n", b64encode(secret) + b"\r\n")
    return ()


def masked(line: bytes) -> bytes:
    """A line of a login as it may be shown: with the mechanism, without what proves anything."""
    word, _, rest = line.rstrip(b"\r\n").partition(b" ")
    if word != b"AUTH":
        return b"***"
    mechanism, _, response = rest.partition(b" ")
    return b"AUTH " + mechanism + (b" ***" if response else b"")


def without_secrets(reply: Reply, username: str, password: str) -> Reply:
    """A reply to a login as it may be kept: a host that repeats what it was told does not make it public."""
    user, secret = username.encode(), password.encode()
    text = reply.text
    for told in (b64encode(b"\0" + user + b"\0" + secret).decode("ascii"), b64encode(secret).decode("ascii"), password):
        if told and told in text:
            text = text.replace(told, "***")
    return reply if text is reply.text else Reply(reply.code, reply.status, text)


def is_loopback(host: str) -> bool:
    """The host is this machine, by name or by address: what is said to it crosses no network."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
