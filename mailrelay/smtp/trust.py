"""TLS towards next hops: which context a hop gets, whether it is who it must be, and which hosts do not manage TLS.

"may" and "require" encrypt and take any certificate: a hop that nobody authenticated on the way has no name to hold a
certificate against. "verify" and "sts" hold chain and name against the trust root by service-identity, "dane" the
certificate against TLSA records. The handshake itself takes any certificate; `Trust.judge` decides before a word is
said in it, so that why is known in words. TLS 1.2 is the least. Contexts are shared, since reading trust roots is dear.
Nothing here ever decides that a message may go without TLS where its hop requires it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import Certificate
from OpenSSL import SSL, crypto
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import verify_certificate_hostname, verify_certificate_ip_address
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IReactorTime
from twisted.internet.ssl import CertificateOptions, TLSVersion, platformTrust
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from ..mail.encryption import (
    DANE,
    EXPIRED,
    FAILED,
    MISNAMED,
    MTA_STS,
    MTA_STS_TESTING,
    OPPORTUNISTIC,
    REQUIRED,
    UNTRUSTED,
    VERIFIED,
    Encryption,
)
from ..mail.envelope import Hop
from ..policy.dane import END_ENTITY, TRUST_ANCHOR, matches

if TYPE_CHECKING:
    from twisted.internet._sslverify import IOpenSSLTrustRoot

CONTEXTS_KEPT = 256
HOSTS_REMEMBERED = 10_000

_LEVELS: Final = {"may": OPPORTUNISTIC, "require": REQUIRED, "verify": VERIFIED, "sts": MTA_STS, "dane": DANE}

# X509_V_ERR_* of OpenSSL
_NOT_YET, _EXPIRED = 9, 10
_WORDS: Final = {
    _NOT_YET: "is not valid yet",
    _EXPIRED: "has expired",
    18: "is signed by itself",
    19: "is signed by an authority that is not trusted",
    20: "is signed by an authority that is not known",
    21: "is signed by an authority that is not known",
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a handshake came to: `encryption` as it is kept; `fault` ("" for none) is a result type of RFC 8460, and
    `reason` says it in words; `refused` tells that nothing may be sent."""

    encryption: str
    fault: str = ""
    reason: str = ""
    refused: bool = False


@implementer(IOpenSSLClientConnectionCreator)
class AnyCertificate:
    """Encrypts to whoever answers; the host's name goes out as SNI, so that the hop can choose its certificate."""

    def __init__(self, context: SSL.Context, host: str) -> None:
        self._context = context
        self._server_name = None if _is_address(host) else host.rstrip(".").encode("idna")

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection = SSL.Connection(self._context, None)
        if self._server_name:
            connection.set_tlsext_host_name(self._server_name)
        return connection


class Trust:
    """The contexts of one installation; `root` is what chains are held against, else the system's certificates."""

    def __init__(self, root: IOpenSSLTrustRoot | None = None) -> None:
        self._root = root
        self._any = CertificateOptions(raiseMinimumTo=TLSVersion.TLSv1_2).getContext()
        self._heeding: SSL.Context | None = None
        self._faults: WeakKeyDictionary[SSL.Connection, list[int]] = WeakKeyDictionary()
        self._made = lru_cache(maxsize=CONTEXTS_KEPT)(self._make)

    def context(self, hop: Hop) -> IOpenSSLClientConnectionCreator:
        """What STARTTLS is done with at this hop."""
        return self._made(hop.host, hop.tls in ("verify", "sts") or _testing(hop))

    def _make(self, host: str, heed: bool) -> IOpenSSLClientConnectionCreator:
        if heed and self._heeding is None:
            root = self._root or platformTrust()  # type: ignore[no-untyped-call]
            options = CertificateOptions(trustRoot=root, raiseMinimumTo=TLSVersion.TLSv1_2)
            self._heeding = options.getContext()
            self._heeding.set_verify(SSL.VERIFY_PEER, self._note)
        return AnyCertificate(self._heeding if heed and self._heeding is not None else self._any, host)

    def judge(self, connection: SSL.Connection, hop: Hop) -> Judgement:
        """What a finished handshake came to."""
        testing = _testing(hop)
        level = MTA_STS_TESTING if testing else _LEVELS[hop.tls]
        version = str(connection.get_protocol_version_name())
        encryption = str(Encryption(version, connection.get_cipher_name() or "", level))
        if hop.tls in ("may", "require") and not testing:
            return Judgement(encryption)
        try:
            if hop.tls == "dane":
                fault, reason = _by_records(connection, hop)
            else:
                fault, reason = _by_authorities(connection, hop.host, self._faults.get(connection, ()))
        except ValueError as error:  # what cannot be read proves nothing
            fault, reason = UNTRUSTED, f"the certificate cannot be read: {error}"
        return Judgement(encryption, fault, reason, refused=bool(fault) and not testing)

    def _note(self, connection: SSL.Connection, certificate: crypto.X509, number: int, depth: int, well: int) -> bool:
        """Keep what OpenSSL has against a chain, and go on."""
        if not well:
            self._faults.setdefault(connection, []).append(number)
        return True


def _testing(hop: Hop) -> bool:
    return hop.tls in ("may", "require") and hop.promise is not None and hop.promise.testing


def _by_authorities(connection: SSL.Connection, host: str, faults: Sequence[int]) -> tuple[str, str]:
    if faults:
        number = next((each for each in faults if each not in (_NOT_YET, _EXPIRED)), faults[0])
        fault = EXPIRED if number in (_NOT_YET, _EXPIRED) else UNTRUSTED
        return fault, f"the certificate {_WORDS.get(number, f'is not valid (OpenSSL: {number})')}"
    leaf = connection.get_peer_certificate(as_cryptography=True)
    if leaf is None:
        return UNTRUSTED, "there is no certificate"
    return ("", "") if _bears(leaf, host) else (MISNAMED, f"the certificate is not for {host}")


def _by_records(connection: SSL.Connection, hop: Hop) -> tuple[str, str]:
    chain = connection.get_peer_cert_chain(as_cryptography=True) or []
    if not chain:
        return UNTRUSTED, "there is no certificate"
    if any(_is(chain[0], record) for record in hop.tlsa if record.usage == END_ENTITY):
        return "", ""  # neither names nor dates count (RFC 7672 3.1.1)
    anchors = [record for record in hop.tlsa if record.usage == TRUST_ANCHOR]
    named = [each for each in chain[1:] if any(_is(each, record) for record in anchors)]
    reason = "the certificate is none of the TLSA records"
    for anchor in named:
        if broken := _broken(chain, anchor):
            reason = f"the chain of the certificate is not valid: {broken}"
        elif any(_bears(chain[0], name) for name in hop.names or (hop.host,)):
            return "", ""
        else:
            return MISNAMED, f"the certificate is not for {hop.host}"
    return FAILED, reason


def _is(certificate: Certificate, record: Any) -> bool:
    public = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return matches(record, certificate.public_bytes(Encoding.DER), public)


def _broken(chain: list[Certificate], anchor: Certificate) -> str:
    """Why a chain does not lead to an authority, or ""."""
    store = crypto.X509Store()
    store.add_cert(crypto.X509.from_cryptography(anchor))
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    leaf, *others = map(crypto.X509.from_cryptography, chain)
    try:
        crypto.X509StoreContext(store, leaf, others).verify_certificate()
    except crypto.X509StoreContextError as error:
        return str(error)
    return ""


def _bears(certificate: Certificate, host: str) -> bool:
    """Is it for a host, by its alternative names (RFC 6125; the common name says nothing)?"""
    try:
        if _is_address(host):
            verify_certificate_ip_address(certificate, host)
        else:
            verify_certificate_hostname(certificate, host.rstrip("."))
    except (VerificationError, CertificateError):
        return False
    return True


def _is_address(host: str) -> bool:
    return isIPAddress(host) or isIPv6Address(host)


class PlaintextMemory:
    """Hosts whose STARTTLS failed of late: for `seconds` nothing but "may" is spared the next try."""

    def __init__(self, clock: IReactorTime, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._until: dict[tuple[str, int], float] = {}

    def remember(self, hop: Hop) -> None:
        now = self._clock.seconds()
        if len(self._until) >= HOSTS_REMEMBERED:
            self._until = {host: until for host, until in self._until.items() if until > now}
        if len(self._until) < HOSTS_REMEMBERED:
            self._until[hop.host, hop.port] = now + self._seconds

    def knows(self, hop: Hop) -> bool:
        until = self._until.get((hop.host, hop.port))
        return until is not None and until > self._clock.seconds()
