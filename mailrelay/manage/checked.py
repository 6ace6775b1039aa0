"""Texts and numbers that people give, checked before anything is kept.

Each function returns the form in which the value is stored or raises `Invalid` with one precise reason. Nothing here
looks at the state.
"""

from __future__ import annotations

import ipaddress
import unicodedata
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..mail.address import AddressError, Mailbox, domain_key, parse_mailbox
from .errors import Invalid

#: Longest name of an account or connection, in characters.
MAX_NAME = 100
#: Longest user name or password, in characters: both must fit one AUTH exchange (RFC 4954 4).
MAX_SECRET = 1000
#: Characters of a key that is itself the look-up.
MIN_KEY, MAX_KEY = 20, 255
#: Most sends that a balance holds: exact as a number in every JSON reader.
MAX_SENDS = 10**15


def name(field: str, text: str) -> str:
    """A name for people: 1 to 100 printable characters, blanks around it removed."""
    text = unicodedata.normalize("NFC", text.strip())
    if not text:
        raise Invalid(field, "must not be empty")
    return printable(field, text, MAX_NAME)


def printable(field: str, text: str, longest: int) -> str:
    """A text of one line that no terminal, log or protocol can mistake for something else."""
    if len(text) > longest:
        raise Invalid(field, f"is longer than {longest} characters")
    if not text.isprintable():
        raise Invalid(field, "holds a character that cannot be printed")
    return text


def mailbox(field: str, text: str) -> Mailbox:
    """A complete address."""
    try:
        return parse_mailbox(text)
    except AddressError as error:
        raise Invalid(field, f"{text!r} is not an address: {error}") from error


def domain(field: str, text: str) -> str:
    """A domain in lower-case A-labels; an address literal is none."""
    try:
        found = domain_key(text)
    except AddressError as error:
        raise Invalid(field, f"{text!r} is not a domain: {error}") from error
    if found.startswith("["):
        raise Invalid(field, f"{text!r} is not a domain: it is an address literal")
    return found


def network(text: str) -> str:
    """A range of source addresses in CIDR form; a single address becomes a range of one."""
    try:
        return str(ipaddress.ip_network(text.strip()))
    except ValueError as error:
        raise Invalid("ip-list", f"{text!r} is not a network: {_why(error)}") from error


def address(field: str, text: str) -> str:
    """An IP address in its canonical form."""
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError as error:
        raise Invalid(field, f"{text!r} is not an IP address") from error


def zone(field: str, text: str) -> str:
    """The name of a time zone that this machine knows."""
    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(field, f"{text!r} is no time zone; they are named like Europe/Berlin") from None


def whole(field: str, text: str) -> int:
    """A whole number as people write it."""
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise Invalid(field, "must be a whole number")
    return int(text)


def number(field: str, value: int, least: int, most: int = MAX_SENDS) -> int:
    """A whole number within its bounds."""
    if value < least:
        raise Invalid(field, f"must be at least {least}")
    if value > most:
        raise Invalid(field, f"must be at most {most}")
    return value


def username(text: str) -> str:
    """A user name as a client will give it."""
    if not text:
        raise Invalid("username", "must not be empty")
    return printable("username", text, MAX_SECRET)


def password(text: str) -> str:
    """A password as a client will give it: anything that AUTH PLAIN can carry (RFC 4616 2)."""
    if not text:
        raise Invalid("password", "must not be empty")
    if len(text.encode("utf-8", "surrogateescape")) > MAX_SECRET:
        raise Invalid("password", f"is longer than {MAX_SECRET} octets")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise Invalid("password", "holds a control character, or is not UTF-8")
    return text


def api_key(text: str) -> str:
    """A key that is itself the look-up: one word, too long to be guessed, short enough for a header."""
    key = printable("api-key", text, MAX_KEY)
    if len(key) < MIN_KEY:
        raise Invalid("api-key", f"must have at least {MIN_KEY} characters: whoever guesses it needs no user name")
    if key != key.strip():
        raise Invalid("api-key", "begins or ends with a blank")
    return key


def _why(error: ValueError) -> str:
    return "it has host bits set" if "host bits" in str(error) else "neither an IPv4 nor an IPv6 range"
