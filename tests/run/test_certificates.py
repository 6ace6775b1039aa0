"""Certificates of a running daemon: exchanged when asked, kept when the new one is of no use, watched for their end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailrelay.run.certificates import DAY, NOTICE, Certificates
from mailrelay.smtp.tls import CertificateError, CertificatePaths, ServerTls, make_certificate

from ..relay.fakes import logged, told

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


class CertificateTests(SynchronousTestCase):
    """One listener's certificate, valid for years."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.paths = self.make(NOW)
        self.tls = ServerTls(self.paths.chain, self.paths.key)
        self.clock = Clock()
        self.now = NOW
        self.certificates = Certificates([self.tls], self.clock, lambda: int(self.now.timestamp() * 1_000_000))

    def make(self, begin: datetime) -> CertificatePaths:
        return make_certificate(self.folder, now=lambda: begin)

    def serial(self) -> int:
        """The certificate that a client is shown now."""
        protocol = TLSMemoryBIOProtocol.__new__(TLSMemoryBIOProtocol)
        server = self.tls.serverConnectionForTLS(protocol)
        server.set_accept_state()
        client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
        client.set_connect_state()
        for _ in range(4):
            for one, other in ((client, server), (server, client)):
                try:
                    one.do_handshake()
                except SSL.WantReadError:
                    pass
                try:
                    other.bio_write(one.bio_read(1 << 16))
                except SSL.WantReadError:
                    pass
        shown = client.get_peer_certificate()
        assert shown is not None
        return shown.get_serial_number()

    def test_interface(self) -> None:
        """It is what Twisted asks for server connections."""
        verifyObject(IOpenSSLServerConnectionCreator, self.tls)

    def test_exchanged(self) -> None:
        """Whoever shakes hands after a reload is shown the new certificate, with its new key (T15)."""
        before = self.serial()
        self.make(NOW)
        self.assertEqual(self.serial(), before)
        with logged() as events:
            self.certificates.reload()
        self.assertNotEqual(self.serial(), before)
        self.assertIn("certificate.pem is in use until 2036-", told(events))

    def test_kept(self) -> None:
        """A missing, a broken or a foreign file changes nothing and is told as an error; the next reload may succeed
        (T15)."""
        before = self.serial()
        key = self.paths.key.read_bytes()
        other = self.folder / "other"
        other.mkdir()
        foreign = make_certificate(other).key.read_bytes()
        for octets in (None, b"", key[:100], foreign):
            self.paths.key.unlink(missing_ok=True)
            if octets is not None:
                self.paths.key.write_bytes(octets)
            self.assertRaises(CertificateError, self.tls.reload)
            with logged() as events:
                self.certificates.reload()
            self.assertEqual(self.serial(), before)
            self.assertIn("the certificate was not exchanged: ", told(events))
            self.assertEqual([event["log_level"].name for event in events], ["error"])
        self.paths.key.write_bytes(key)
        with logged() as events:
            self.certificates.reload()
        self.assertEqual([event["log_level"].name for event in events], ["info"])

    def told_at(self, left: timedelta) -> list[str]:
        """What is said when a certificate has so long to live."""
        self.now = self.tls.expires - left
        with logged() as events:
            self.certificates.watch()
        return [event["log_level"].name for event in events]

    def test_complained_about(self) -> None:
        """From two weeks before its end there is a warning, from its end on an error (T15)."""
        second = timedelta(seconds=1)
        self.assertEqual(self.told_at(NOTICE + second), [])
        self.assertEqual(self.told_at(NOTICE), ["warn"])
        self.assertEqual(self.told_at(second), ["warn"])
        self.assertEqual(self.told_at(timedelta()), ["error"])

    def test_daily(self) -> None:
        """It is looked at when the daemon starts and once a day, and no more after the stop."""
        self.now = self.tls.expires - timedelta(days=10)
        with logged() as events:
            self.certificates.start()
            self.assertEqual(len(events), 1)
            self.clock.advance(DAY)
            self.assertEqual(len(events), 2)
            self.certificates.stop()
            self.certificates.stop()
            self.clock.advance(3 * DAY)
        self.assertEqual((len(events), self.clock.getDelayedCalls()), (2, []))
