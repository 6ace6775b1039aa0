"""TLS towards next hops: which context a hop gets, and which hops are known not to manage it.

"may" and "require" encrypt and take any certificate: a hop that nobody authenticated on the way has no name to hold
a certificate against. "verify" holds chain and name against the trust root by service-identity. TLS 1.2 is the
least. Contexts are made once per host and rule, since reading trust roots is dear. Nothing here ever decides that a
message may go without TLS where its hop requires it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from OpenSSL import SSL
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IReactorTime
from twisted.internet.ssl import CertificateOptions, TLSVersion, optionsForClientTLS
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from ..mail.envelope import Hop

if TYPE_CHECKING:
    from twisted.internet._sslverify import IOpenSSLTrustRoot

CONTEXTS_KEPT = 256
HOSTS_REMEMBERED = 10_000


@implementer(IOpenSSLClientConnectionCreator)
class AnyCertificate:
    """Encrypts to whoever answers; the host's name goes out as SNI, so that the hop can choose its certificate."""

    def __init__(self, context: SSL.Context, host: str) -> None:
        self._context = context
        literal = isIPAddress(host) or isIPv6Address(host)
        self._server_name = None if literal else host.rstrip(".").encode("idna")

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection = SSL.Connection(self._context, None)
        if self._server_name:
            connection.set_tlsext_host_name(self._server_name)
        return connection


class Trust:
    """The contexts of one installation; `root` is what "verify" believes, by default the system's certificates."""

    def __init__(self, root: IOpenSSLTrustRoot | None = None) -> None:
        self._root = root
        self._any = CertificateOptions(raiseMinimumTo=TLSVersion.TLSv1_2).getContext()
        self._made = lru_cache(maxsize=CONTEXTS_KEPT)(self._make)

    def context(self, hop: Hop) -> IOpenSSLClientConnectionCreator:
        """What STARTTLS is done with at this hop."""
        return self._made(hop.host, hop.tls == "verify")

    def _make(self, host: str, verify: bool) -> IOpenSSLClientConnectionCreator:
        if verify:
            return optionsForClientTLS(
                host, trustRoot=self._root, extraCertificateOptions={"raiseMinimumTo": TLSVersion.TLSv1_2}
            )
        return AnyCertificate(self._any, host)


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
