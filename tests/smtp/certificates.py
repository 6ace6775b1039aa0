"""Certificates of every kind that a mail host can show, made here and now: an authority, and leaves by it or not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime.now(UTC)


@dataclass(frozen=True)
class Issued:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def authority(name: str = "An authority", by: Issued | None = None) -> Issued:
    """An authority, signed by itself or by another."""
    return _issue(name, [], by, authority=True)


def leaf(*names: str, by: Issued | None = None, common: str = "", days: int = 30, begun: int = 1) -> Issued:
    """A host's certificate for these alternative names, by an authority or by itself."""
    return _issue(common or (names[0] if names else "nobody"), names, by, days=days, begun=begun)


@lru_cache
def certificate(name: str) -> x509.Certificate:
    """A certificate for a name, of whoever."""
    return leaf(name).certificate


def _issue(
    common: str, names: Any, by: Issued | None, *, authority: bool = False, days: int = 30, begun: int = 1
) -> Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=begun))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_name(each) for each in names]), critical=False)
    return Issued(builder.sign(by.key if by else key, hashes.SHA256()), key)


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)
