"""Who is taken for a web server of a name (H12, T13)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.internet.ssl import Certificate, CertificateOptions, trustRootFromCertificates
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.proved import Proved

from .smtp.certificates import Issued, authority, leaf

ROOT = authority("The authority")


class Line:
    """What stands for the protocol below."""

    factory = SimpleNamespace(wrappedFactory=None)

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def failVerification(self, reason: Failure) -> None:
        self.reasons.append(reason.getErrorMessage())


class ProvedTests(SynchronousTestCase):
    def taken(self, host: str, shown: Issued) -> bool:
        """Does a handshake with this host come to its end?"""
        root = trustRootFromCertificates([Certificate.loadPEM(ROOT.certificate.public_bytes(Encoding.PEM))])
        line = Line()
        client = Proved(host, root).clientConnectionForTLS(line)  # type: ignore[arg-type]
        given: dict[str, Any] = {"privateKey": shown.key, "certificate": shown.certificate}
        server = SSL.Connection(CertificateOptions(**given).getContext(), None)
        client.set_connect_state()
        server.set_accept_state()
        done: set[SSL.Connection] = set()
        for _ in range(6):
            for here, there in ((client, server), (server, client)):
                try:
                    here.do_handshake()
                    done.add(here)
                except SSL.WantReadError:
                    pass
                except SSL.Error:
                    return False
                try:
                    there.bio_write(here.bio_read(65_536))
                except SSL.WantReadError:
                    pass
        self.assertEqual(line.reasons, [])
        return client in done

    def test_taken(self) -> None:
        """A host whose certificate bears its name, or its address, by an authority that is trusted."""
        self.assertTrue(self.taken("b.test", leaf("b.test", by=ROOT)))
        self.assertTrue(self.taken("www.b.test", leaf("*.b.test", by=ROOT)))
        self.assertTrue(self.taken("192.0.2.1", leaf("192.0.2.1", by=ROOT)))

    def test_refused(self) -> None:
        """No other: one that names no host, or names it in CN alone, is for nobody."""
        for host, shown in (
            ("b.test", leaf(by=ROOT, common="b.test")),
            ("b.test", leaf(by=ROOT)),
            ("192.0.2.1", leaf(by=ROOT, common="192.0.2.1")),
            ("b.test", leaf("c.test", by=ROOT)),
            ("b.test", leaf("192.0.2.1", by=ROOT)),
            ("192.0.2.2", leaf("192.0.2.1", by=ROOT)),
            ("b.test", leaf("b.test")),
            ("b.test", leaf("b.test", by=authority("Nobody's"))),
            ("b.test", leaf("b.test", by=ROOT, days=-1, begun=9)),
        ):
            self.assertFalse(self.taken(host, shown), (host, shown.certificate.subject))
