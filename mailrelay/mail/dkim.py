"""DKIM signatures over the octets that leave (RFC 6376; RFC 8463 for Ed25519).

`sign` puts one DKIM-Signature field for each signer before a message in wire form: relaxed in header and body, without
``l=`` and without ``x=``, the instant of acceptance in ``t=``. Both algorithms are deterministic, so equal arguments
give equal octets on every attempt. Each of `OVERSIGNED` is listed once more than it occurs, so that a field added on
the way breaks the signature. Nothing here makes a key, changes the message below its signatures, or asks the DNS.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Self, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from .envelope import SECOND
from .header import fold

RSA: Final = "rsa-sha256"
ED25519: Final = "ed25519-sha256"
#: What a domain signs with, in the order in which the signatures stand.
ALGORITHMS: Final = (RSA, ED25519)

#: Fields that nobody may change, take away or add.
OVERSIGNED: Final = (
    b"from",
    b"to",
    b"cc",
    b"subject",
    b"date",
    b"message-id",
    b"reply-to",
    b"mime-version",
    b"content-type",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
)
#: Fields that nobody may change or take away.
SIGNED: Final = (b"in-reply-to", b"references", b"tls-report-domain", b"tls-report-submitter")

PrivateKey: TypeAlias = RSAPrivateKey | Ed25519PrivateKey

_FIELD_END = re.compile(rb"\r\n(?![ \t])")
_BLANKS = re.compile(rb"[ \t]+")
_CHUNK = 72  #: octets of a signature in one line
_ABREAST = 8  #: of one field's names without white space between them, so that no line grows too long
_PKCS1 = PKCS1v15()
_SHA256 = SHA256()


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key at work for a domain (A-labels) under a selector."""

    domain: str
    selector: str
    key: PrivateKey

    @classmethod
    def load(cls, domain: str, selector: str, algorithm: str, pem: str) -> Self:
        """Read a private key from PKCS #8 in PEM; `ValueError` when it is none, or none of the algorithm."""
        key = _load(pem)
        if algorithm_of(key) != algorithm:
            raise ValueError(f"the key {selector} of {domain} is not of {algorithm}")
        return cls(domain, selector, key)

    def field(self, at: int, body_hash: bytes, names: Sequence[bytes], header: bytes) -> bytes:
        """The complete DKIM-Signature field over the canonical `header`, whose names stand in the lines of ``h=``."""
        value = b" v=1; a=%s; c=relaxed/relaxed; d=%s; s=%s; t=%d; bh=%s;" % (
            algorithm_of(self.key).encode("ascii"),
            self.domain.encode("ascii"),
            self.selector.encode("ascii"),
            at // SECOND,
            body_hash,
        )
        canonical = b"dkim-signature:%s%s b=" % (value[1:], b"".join(names))
        signature = b64encode(self._sign(header + canonical))
        chunks = [signature[place : place + _CHUNK] for place in range(0, len(signature), _CHUNK)]
        return b"\r\n".join([*fold(b"DKIM-Signature:", value), *names, b" b=" + b"\r\n ".join(chunks), b""])

    def _sign(self, octets: bytes) -> bytes:
        if isinstance(self.key, RSAPrivateKey):
            return self.key.sign(octets, _PKCS1, _SHA256)
        return self.key.sign(sha256(octets).digest())


def sign(message: bytes, signers: Sequence[Signer], at: int) -> bytes:
    """A message in wire form (law 6) with its signatures before it, in the order of the signers.

    `at` is the instant of acceptance in microseconds since 1970. Slow (RSA) but free of the interpreter's lock for most
    of its time: meant for a thread.
    """
    end = 0 if message.startswith(b"\r\n") else message.find(b"\r\n\r\n") + 2
    if end == 1:
        raise ValueError("not in wire form: no empty line behind the header")
    names, header = _signed(message[:end])
    body_hash = b64encode(sha256(relaxed_body(message[end + 2 :])).digest())
    return b"".join([*[signer.field(at, body_hash, names, header) for signer in signers], message])


def signatures(message: bytes) -> str:
    """By what a message that leaves was signed: selector, domain and algorithm of each signature; "" by nothing."""
    found = []
    place = 0
    while message.startswith(b"DKIM-Signature:", place):
        end = _FIELD_END.search(message, place)
        field = message[place : end.start() if end else len(message)].decode("ascii", "replace")
        tags = dict(tag.strip().partition("=")[::2] for tag in field.partition(":")[2].split(";")[:5])
        found.append(f"{tags.get('s', '')}._domainkey.{tags.get('d', '')} ({tags.get('a', '')})")
        place = end.end() if end else len(message)
    return ", ".join(found)


def relaxed_body(body: bytes) -> bytes:
    """A body with CRLF ends in the relaxed form (RFC 6376 3.4.4); the same object when there is nothing to change."""
    if b"\t" in body:
        body = body.replace(b"\t", b" ")
    while b"  " in body:
        body = body.replace(b"  ", b" ")
    if b" \r\n" in body:
        body = body.replace(b" \r\n", b"\r\n")
    if body.endswith(b"\r\n") and not body.endswith(b"\r\n\r\n") and len(body) > 2:
        return body
    body = body.removesuffix(b" ").rstrip(b"\r\n")
    return body + b"\r\n" if body else b""


def relaxed_value(value: bytes) -> bytes:
    """What stands behind a field's colon in the relaxed form (RFC 6376 3.4.2)."""
    return _BLANKS.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ")


def algorithm_of(key: PrivateKey) -> str:
    """The algorithm that a key signs with, as ``a=`` says it."""
    return RSA if isinstance(key, RSAPrivateKey) else ED25519


def dns_text(pem: str) -> str:
    """What the domain publishes for a private key: the text of a TXT record (RFC 6376 3.6.1, RFC 8463 3)."""
    key = _load(pem)
    if isinstance(key, RSAPrivateKey):
        kind, public = "rsa", key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        kind, public = "ed25519", key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return f"v=DKIM1; k={kind}; p={b64encode(public).decode('ascii')}"


def _load(pem: str) -> PrivateKey:
    try:
        # made and sealed by us: testing the primes again would take some 50 ms
        key = load_pem_private_key(pem.encode("ascii"), None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("not a private key") from None
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise ValueError("a private key of a kind that DKIM does not know")
    return key


def _signed(head: bytes) -> tuple[list[bytes], bytes]:
    """The lines of ``h=`` for a header, and the canonical fields in that order: of one name the last is the first."""
    found: dict[bytes, list[bytes]] = {name: [] for name in (*OVERSIGNED, *SIGNED)}
    for field in _FIELD_END.split(head):
        label, _, value = field.partition(b":")
        name = label.rstrip(b" \t").lower()
        if name in found:
            found[name].append(b"%s:%s\r\n" % (name, relaxed_value(value)))
    names: list[bytes] = []
    canonical: list[bytes] = []
    for name, fields in found.items():
        count = len(fields) + (name in OVERSIGNED)
        if count:
            names.append((b":" if count <= _ABREAST else b": ").join([name] * count))
        canonical += reversed(fields)
    return fold(b"", b" h=%s;" % b": ".join(names)), b"".join(canonical)
