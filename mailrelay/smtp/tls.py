"""TLS contexts of our own ports, and certificates of our own for places that have none.

`server_context` promises TLS 1.2 or later, forward secrecy, no compression and no renegotiation, with an RSA or ECDSA
certificate and its chain; `ServerTls` gives it to listeners and exchanges it under way. `make_certificate` writes a
small authority and a leaf that it signed. Private keys are never written readable for others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.ssl import AcceptableCiphers, CertificateOptions, TLSVersion
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

#: Below TLS 1.3, in this order: forward secrecy and authenticated encryption first, CBC for old mail programs last.
CIPHERS = (
    "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:"
    "ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384:"
    "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384"
)

YEARS = 10


class CertificateError(ValueError):
    """A certificate or key file is of no use; `str` says which and why."""


def server_context(certificate_chain: str | Path, key: str | Path) -> CertificateOptions:
    """The context of a listener: PEM files with the leaf first and then its chain, and with the leaf's private key.

    Raises `CertificateError` naming the file, at once and not at the first handshake.
    """
    try:
        leaf, *chain = x509.load_pem_x509_certificates(Path(certificate_chain).read_bytes())
    except (OSError, ValueError) as error:
        raise CertificateError(f"{certificate_chain}: {_reason(error)}") from error
    try:
        private = serialization.load_pem_private_key(Path(key).read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateError(f"{key}: {_reason(error)}") from error
    # pyOpenSSL takes cryptography's own values and deprecates its wrappers, which Twisted's annotations still name.
    given: dict[str, Any] = {"privateKey": private, "certificate": leaf, "extraCertChain": chain}
    options = CertificateOptions(
        **given,
        raiseMinimumTo=TLSVersion.TLSv1_2,
        acceptableCiphers=AcceptableCiphers.fromOpenSSLCipherString(CIPHERS),  # type: ignore[no-untyped-call]
        enableSessions=True,
        enableSessionTickets=True,
    )
    try:
        context = options.getContext()
    except SSL.Error as error:
        raise CertificateError(f"{key}: does not belong to {certificate_chain}") from error
    context.set_options(SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION)
    return options


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or "cannot be read"
    return "is not a PEM file of the kind that is needed"


@implementer(IOpenSSLServerConnectionCreator)
class ServerTls:
    """The TLS of listeners, whose certificate can be exchanged while they serve; raises like `server_context`."""

    def __init__(self, certificate_chain: str | Path, key: str | Path) -> None:
        self.certificate_chain = certificate_chain
        self._key = key
        self.reload()

    def reload(self) -> None:
        """Read the files again, for handshakes from now on; when that fails, nothing is changed."""
        self._options = server_context(self.certificate_chain, self._key)

    @property
    def expires(self) -> datetime:
        """The end of the server's own certificate."""
        leaf: Any = self._options.certificate
        end: datetime = leaf.not_valid_after_utc
        return end

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        return SSL.Connection(self._options.getContext(), None)


@dataclass(frozen=True, slots=True)
class CertificatePaths:
    """Where `make_certificate` put things: the authority to trust, the leaf with its chain, the leaf's key."""

    authority: Path
    chain: Path
    key: Path


def make_certificate(
    folder: Path,
    names: Sequence[str] = ("localhost", "127.0.0.1", "::1"),
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> CertificatePaths:
    """Write ``ca.pem``, ``certificate.pem`` and ``key.pem`` into an existing folder, mode 0600, each whole or not.

    `names` are host names and IP addresses for the leaf. The authority's own key is thrown away: nothing more can
    ever be signed by it.
    """
    paths = CertificatePaths(folder / "ca.pem", folder / "certificate.pem", folder / "key.pem")
    begin = now() - timedelta(days=1)
    end = begin + timedelta(days=365 * YEARS)
    authority_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mailrelay authority")])
    identifier = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    authority = (
        _blank(issuer, issuer, authority_key.public_key(), begin, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    leaf = (
        _blank(subject, issuer, leaf_key.public_key(), begin, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_name(each) for each in names]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    _write(
        paths.key,
        leaf_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
    _write(paths.chain, leaf.public_bytes(pem) + authority.public_bytes(pem))
    _write(paths.authority, authority.public_bytes(pem))
    return paths


def _blank(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _write(path: Path, octets: bytes) -> None:
    """Put a file in place by rename, readable for its owner only."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:
        file.write(octets)
    os.replace(fresh, path)
