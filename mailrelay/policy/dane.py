"""DANE for SMTP (RFC 7672): which TLSA records can be used, and whether a certificate is what one of them says.

Only DANE-TA (usage 2) and DANE-EE (3) mean anything to SMTP; PKIX-TA and PKIX-EE are unusable (RFC 7672 3.1.3). Records
come from answers that the resolver authenticated: who asks sees to that. Nothing is looked up or verified here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256, sha512

from ..mail.answer import Tlsa

TRUST_ANCHOR, END_ENTITY = 2, 3
CERTIFICATE, PUBLIC_KEY = 0, 1

_MATCHING: Mapping[int, tuple[int | None, Callable[[bytes], bytes]]] = {
    0: (None, bytes),
    1: (32, lambda octets: sha256(octets).digest()),
    2: (64, lambda octets: sha512(octets).digest()),
}


def usable(records: Iterable[object]) -> tuple[Tlsa, ...]:
    """The records that a certificate can be held against; none of several where all are for other uses or malformed."""
    return tuple(record for record in records if isinstance(record, Tlsa) and _is_usable(record))


def matches(record: Tlsa, certificate: bytes, public_key: bytes) -> bool:
    """Is a certificate (DER), or its public key (SubjectPublicKeyInfo in DER), the one that a usable record means?"""
    _, digest = _MATCHING[record.matching]
    return record.data == digest(certificate if record.selector == CERTIFICATE else public_key)


def shown(record: Tlsa) -> str:
    """A record as zone files write it."""
    return f"{record.usage} {record.selector} {record.matching} {record.data.hex()}"


def _is_usable(record: Tlsa) -> bool:
    if record.usage not in (TRUST_ANCHOR, END_ENTITY) or record.selector not in (CERTIFICATE, PUBLIC_KEY):
        return False
    if record.matching not in _MATCHING or not record.data:
        return False
    length, _ = _MATCHING[record.matching]
    return length is None or len(record.data) == length
