"""Paths and mailboxes: the one place that reads an address, so that routing, limits, suppression and log agree on it.

`parse_path` reads what stands behind ``FROM:`` and ``TO:`` (RFC 5321 4.1.2, RFC 6531 3.3), `parse_mailbox` an address
alone, `domain_key` a domain. What passes has a bounded length and holds no control byte and no line separator.
A `Mailbox` has one canonical `key` whichever way it was written. Nothing here looks anything up, and nothing is
guessed: an address that can be read in two ways is refused with `AddressError`. `verp` and `unverp` write and read the
reverse path that leads a bounce back to its recipient; a forged one is never read.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2s
from ipaddress import IPv4Address, IPv6Address

import idna

MAX_LOCAL = 64  #: octets (RFC 5321 4.5.3.1.1)
MAX_DOMAIN = 255  #: octets (RFC 5321 4.5.3.1.2)
MAX_LABEL = 63  #: octets (RFC 1035 2.3.4)
MAX_PATH = 256  #: octets with the brackets (RFC 5321 4.5.3.1.3)

# Every repetition is possessive or cannot overlap its neighbour, so each pattern fails in linear time.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+"
_DOT_ATOM = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\[\x20-\x7e])*)"')
_ROUTE = re.compile(r"@(?:[^\s@,:\[\]<>]+|\[[^\s\[\]]*\])(?:,@(?:[^\s@,:\[\]<>]+|\[[^\s\[\]]*\]))*:")
_PATH = re.compile(r' ?(<(?:[^"<> ]|"(?:[^"\\]|\\.)*")*>|[^"<> ]*(?:"(?:[^"\\]|\\.)*"[^"<> ]*)?)(?: +(.*))?', re.S)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_ESCAPED = re.compile(r"\\(.)")
#: The local part that `verp` writes, as an expression; its groups are the recipient and the signature.
VERP = r"b-([a-z0-9]{1,32})-([0-9a-f]{28})"
_VERP = re.compile(rf"{VERP}(?:@.*)?", re.ASCII)
_TO_ESCAPE = re.compile(r'(["\\])')

#: Letters that IDNA 2003 maps away and IDNA 2008 keeps: two readings, two domains (UTS 46, section 7).
_DEVIATIONS = frozenset("ßẞς\u200c\u200d")


class AddressError(ValueError):
    """An address that cannot be taken; `str` is a short reason without any part of the address."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One address: `local` part without quotes, `domain` in lower-case A-labels, or an address literal in brackets.

    `u_labels` tells that the domain was given in another script than ASCII; it does not make another mailbox.
    """

    local: str
    domain: str
    u_labels: bool = False

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mailbox):
            return NotImplemented
        return self.local == other.local and self.domain == other.domain

    def __hash__(self) -> int:
        return hash((self.local, self.domain))

    def __str__(self) -> str:
        return self.address

    @property
    def address(self) -> str:
        """What stands between the brackets of a path: the local part, quoted when it must be, and the domain."""
        return f"{_quote(self.local)}@{self.domain}"

    @property
    def key(self) -> str:
        """The canonical form for comparing: NFC and lower case; a tag behind ``+`` belongs to the name."""
        local = self.local
        if not local.isascii():
            local = unicodedata.normalize("NFC", local)
        local = local.lower()
        if not local.isascii():
            local = unicodedata.normalize("NFC", local)
        return f"{_quote(local)}@{self.domain}"

    @property
    def utf8(self) -> bool:
        """The address as given needs SMTPUTF8 (RFC 6531); `address` may do without."""
        return self.u_labels or not self.local.isascii()


def parse_path(text: str, *, null: bool = False, postmaster: str = "") -> Mailbox | None:
    """Read a path as it stands behind ``FROM:`` or ``TO:``; the result is None for the null path ``<>``.

    A space before the bracket and a missing pair of brackets are taken, as services do; a source route is dropped
    (RFC 5321 appendix C). ``<>`` passes with `null` only; `postmaster` is the domain that ``<Postmaster>`` alone gets.
    Raises `AddressError`.
    """
    path = text[1:] if text.startswith(" ") else text
    if len(path) > MAX_PATH:
        raise AddressError("path too long")
    if path.startswith("<") and path.endswith(">") and len(path) > 1:
        path = path[1:-1]
    if not path:
        if null and "<>" in text:
            return None
        raise AddressError("address missing")
    if path[0] == "@" and (route := _ROUTE.match(path)):
        path = path[route.end() :]
    if postmaster and path.lower() == "postmaster":
        return Mailbox(path, domain_key(postmaster))
    return parse_mailbox(path)


def split_path(text: str) -> tuple[str, str]:
    """Part what stands behind ``FROM:`` or ``TO:`` into the path and its parameters (a path may hold quoted spaces).

    Nothing is judged: the path is for `parse_path`. Raises `AddressError` when there is no telling where it ends.
    """
    found = _PATH.fullmatch(text)
    if found is None:
        raise AddressError("malformed path")
    return found[1], found[2] or ""


@lru_cache(maxsize=4096)
def parse_mailbox(text: str) -> Mailbox:
    """Read ``local@domain`` without brackets, comments or white space. Raises `AddressError`."""
    # With its brackets an address must fit a path, in octets; counting characters first bounds all work below.
    if len(text) > MAX_PATH - 2 or (not text.isascii() and len(text.encode(errors="replace")) > MAX_PATH - 2):
        raise AddressError("path too long")
    if not text.isprintable():
        raise AddressError("control or unprintable character")
    given, at, domain = text.rpartition("@")
    if not at:
        raise AddressError("domain missing")
    if not given:
        raise AddressError("local part missing")
    if len(given) > MAX_LOCAL or (not given.isascii() and len(given.encode()) > MAX_LOCAL):
        raise AddressError("local part too long")
    if _DOT_ATOM.fullmatch(given):
        local = given
    elif (quoted := _QUOTED.fullmatch(given)) and quoted[1]:
        local = _ESCAPED.sub(r"\1", quoted[1])
    else:
        raise AddressError("malformed local part")
    mailbox = Mailbox(local, domain_key(domain), not domain.isascii())
    # A domain grows when it becomes A-labels, and these are what goes out.
    if mailbox.u_labels and len(mailbox.address.encode()) > MAX_PATH - 2:
        raise AddressError("path too long")
    return mailbox


def domain_key(text: str) -> str:
    """The canonical form of a domain: lower-case A-labels without a trailing dot, or an address literal in brackets.

    IDNA 2008 without the mapping of UTS 46, but for case and NFC. Raises `AddressError`.
    """
    if len(text) > MAX_DOMAIN + 1:
        raise AddressError("domain too long")
    return _domain_key(text)


@lru_cache(maxsize=4096)
def _domain_key(text: str) -> str:
    if text.startswith("["):
        return _literal(text)
    domain = text.lower() if text.isascii() else unicodedata.normalize("NFC", text.lower())
    labels = [_label(label) for label in domain.removesuffix(".").split(".")]
    if labels[-1].isdigit():
        raise AddressError("numeric domain")
    key = ".".join(labels)
    if len(key) > MAX_DOMAIN:
        raise AddressError("domain too long")
    return key


def _label(label: str) -> str:
    """One lower-case label as an A-label; its length is judged first, since idna's work grows with its square."""
    if not label:
        raise AddressError("empty label in domain")
    if len(label) > MAX_LABEL:
        raise AddressError("label too long in domain")
    if label.isascii():
        if not _LABEL.fullmatch(label):
            raise AddressError("malformed domain")
        if not label.startswith("xn--"):
            return label
        try:
            idna.ulabel(label)
        except UnicodeError:
            raise AddressError("malformed international domain") from None
        return label
    if not _DEVIATIONS.isdisjoint(label):
        raise AddressError("ambiguous international domain")
    try:
        return idna.alabel(label).decode("ascii")
    except UnicodeError:
        raise AddressError("malformed international domain") from None


def _literal(text: str) -> str:
    """An address literal in its one canonical form (RFC 5321 4.1.3): IPv4, or IPv6 with its tag."""
    inner = text[1:-1] if text.endswith("]") else ""
    try:
        if inner[:5].lower() == "ipv6:" and "%" not in inner:
            return f"[IPv6:{IPv6Address(inner[5:])}]"
        return f"[{IPv4Address(inner)}]"
    except ValueError:
        raise AddressError("malformed address literal") from None


@lru_cache(maxsize=4096)
def _quote(local: str) -> str:
    if _DOT_ATOM.fullmatch(local):
        return local
    escaped = _TO_ESCAPE.sub(r"\\\1", local)
    return f'"{escaped}"'


def verp(recipient_id: str, domain: str, key: bytes) -> str:
    """The reverse path ``b-<id>-<mac>@domain`` of one recipient, in lower case; 112 bits of BLAKE2s under `key`.

    `recipient_id` is of 1 to 32 letters and digits and `key` of at most 32 octets, else `ValueError`.
    """
    recipient = recipient_id.lower()
    if not (recipient.isascii() and recipient.isalnum() and len(recipient) <= 32):
        raise ValueError("a recipient id is of 1 to 32 letters and digits")
    return f"b-{recipient}-{_mac(recipient, key)}@{domain}"


def unverp(address: str, key: bytes) -> str | None:
    """The recipient id (in upper case) that `verp` wrote into an address, or its local part; None for any other."""
    found = _VERP.fullmatch(address.lower()) if len(address) <= MAX_PATH else None
    if found is None or not hmac.compare_digest(found[2], _mac(found[1], key)):
        return None
    return found[1].upper()


def _mac(recipient: str, key: bytes) -> str:
    # 14 octets keep the local part within 64. BLAKE2s takes a key as it is (RFC 7693), in a quarter of HMAC's time.
    return blake2s(recipient.encode("ascii"), digest_size=14, key=key, person=b"verp").hexdigest()
