"""TLS to web servers that must prove who they are: chain and name, or there is no connection.

Twisted's own check lets a certificate pass that names no host at all (its verification raises another error than the
one that is waited for, and the handshake goes on), so the name is looked at here. TLS 1.2 is the least.
"""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL, crypto
from service_identity.cryptography import verify_certificate_hostname, verify_certificate_ip_address
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import TLSVersion, optionsForClientTLS
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer


@implementer(IOpenSSLClientConnectionCreator)
class Proved:
    """Connections to a host that must bear its name; `root` is what its chain is held against, by default the
    system's."""

    def __init__(self, host: str, root: Any = None) -> None:
        self._host = host
        self._options = optionsForClientTLS(
            host, trustRoot=root, extraCertificateOptions={"raiseMinimumTo": TLSVersion.TLSv1_2}
        )

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection: SSL.Connection = self._options.clientConnectionForTLS(tlsProtocol)
        address = isIPAddress(self._host) or isIPv6Address(self._host)
        verify = verify_certificate_ip_address if address else verify_certificate_hostname

        def judge(_: SSL.Connection, certificate: crypto.X509, error: int, depth: int, well: int) -> bool:
            if depth or not well:
                return bool(well)
            try:
                verify(certificate.to_cryptography(), self._host)
            except Exception:  # whatever is wrong with it, it proves nothing
                tlsProtocol.failVerification(Failure())  # type: ignore[no-untyped-call]
                return False
            return True

        connection.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, judge)
        return connection
