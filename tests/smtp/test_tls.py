"""Contexts and certificates: what they hold, what they refuse, and a real handshake in memory."""

from __future__ import annotations

import stat
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.smtp.server import listening_factory
from mailrelay.smtp.tls import CertificateError, make_certificate, server_context

from .inward import PLAIN, Line, codes


class CertificateTests(SynchronousTestCase):
    """Certificates of our own."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    def test_made(self) -> None:
        """A leaf for the names given, signed by an authority of its own, all readable for the owner only."""
        paths = make_certificate(self.folder, now=lambda: datetime(2026, 1, 2, tzinfo=UTC))
        self.assertEqual(sorted(each.name for each in self.folder.iterdir()), ["ca.pem", "certificate.pem", "key.pem"])
        for path in (paths.authority, paths.chain, paths.key):
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        leaf, authority = x509.load_pem_x509_certificates(paths.chain.read_bytes())
        self.assertEqual(authority, x509.load_pem_x509_certificate(paths.authority.read_bytes()))
        leaf.verify_directly_issued_by(authority)
        key = leaf.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        self.assertEqual(key.curve.name, "secp256r1")
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(names.get_values_for_type(x509.DNSName), ["localhost"])
        self.assertEqual(names.get_values_for_type(x509.IPAddress), [ip_address("127.0.0.1"), ip_address("::1")])

    def test_files_of_no_use(self) -> None:
        """A missing, a wrong and a foreign file are named, when the context is made."""
        other = self.folder / "other"
        other.mkdir()
        ours, theirs = make_certificate(self.folder), make_certificate(other)
        missing = self.folder / "none.pem"
        for chain, key, said in (
            (missing, ours.key, f"{missing}: No such file or directory"),
            (ours.key, ours.key, f"{ours.key}: is not a PEM file of the kind that is needed"),
            (ours.chain, ours.chain, f"{ours.chain}: is not a PEM file of the kind that is needed"),
            (ours.chain, theirs.key, f"{theirs.key}: does not belong to {ours.chain}"),
        ):
            self.assertEqual(str(self.assertRaises(CertificateError, server_context, chain, key)), said)


class Client:
    """A TLS client in memory, joined to a server's transport."""

    def __init__(self, line: Line, context: Any, client: SSL.Context) -> None:
        self.protocol = listening_factory(line.factory, context, line.clock).buildProtocol(
            IPv4Address("TCP", "127.0.0.1", 1)
        )
        assert self.protocol is not None
        self.transport = StringTransport()
        self.protocol.makeConnection(self.transport)
        self.clock = line.clock
        self.ssl = SSL.Connection(client, None)
        self.ssl.set_connect_state()

    def exchange(self, action: Callable[[], Any]) -> Any:
        """Carry octets both ways until an action of the client succeeds or no more come; errors of TLS are raised."""
        for _ in range(10):
            try:
                result = action()
                self._carry()
                return result
            except SSL.WantReadError:
                self._carry()
        return b""

    def _carry(self) -> None:
        try:
            self.protocol.dataReceived(self.ssl.bio_read(1 << 16))
        except SSL.WantReadError:
            pass
        self.clock.advance(0)
        octets = self.transport.value()
        self.transport.clear()
        if octets:
            self.ssl.bio_write(octets)

    def say(self, text: str) -> str:
        if text:
            self.exchange(lambda: self.ssl.send(text.encode()))
        return bytes(self.exchange(lambda: self.ssl.recv(1 << 16))).decode()


class HandshakeTests(SynchronousTestCase):
    """TLS as a client meets it."""

    def setUp(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.paths = make_certificate(folder)
        self.context = server_context(self.paths.chain, self.paths.key)

    def client(self, **more: Any) -> Client:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.load_verify_locations(str(self.paths.authority))
        context.set_verify(SSL.VERIFY_PEER)
        for name, value in more.items():
            getattr(context, name)(value)
        self.line = Line(tls="implicit", tls_required=True)
        self.line.lose()
        return Client(self.line, self.context, context)

    def test_implicit(self) -> None:
        """A whole login inside TLS: no STARTTLS, not even by asking; the version is told to the back end (S-24, T4)."""
        client = self.client()
        client.exchange(client.ssl.do_handshake)
        self.assertEqual(codes(client.say("")), [220])
        offered = client.say("EHLO x\r\n")
        self.assertNotIn("STARTTLS", offered)
        self.assertIn("AUTH PLAIN LOGIN", offered)
        self.assertEqual(codes(client.say(f"STARTTLS\r\nAUTH PLAIN {PLAIN}\r\n")), [503, 235])
        self.assertEqual(self.line.backend.logins[0].peer.tls, "TLSv1.3")
        self.assertEqual(codes(client.say("QUIT\r\nMAIL FROM:<a@b.example>\r\n")), [221])
        self.assertEqual(self.line.backend.submissions, [])

    def test_versions(self) -> None:
        """TLS 1.2 is taken, by ciphers with forward secrecy; 1.1 is not (T9)."""
        client = self.client(set_max_proto_version=SSL.TLS1_2_VERSION)
        client.exchange(client.ssl.do_handshake)
        self.assertEqual(codes(client.say("")), [220])
        self.assertTrue(str(client.ssl.get_cipher_name()).startswith("ECDHE"))
        client = self.client(set_max_proto_version=SSL.TLS1_1_VERSION, set_cipher_list=b"ALL:@SECLEVEL=0")
        self.assertRaises(SSL.Error, client.exchange, client.ssl.do_handshake)

    def test_garbage(self) -> None:
        """Octets that are no TLS end the line, and raise nothing (T10)."""
        for octets in (b"EHLO x\r\n", b"\x16\x03\x01\x40\x00" + b"\0" * 200, b"\xff" * 1000):
            client = self.client()
            client.protocol.dataReceived(octets)
            client.clock.advance(31)
            self.assertTrue(client.transport.disconnecting)

    def test_stalled(self) -> None:
        """A handshake that stops half-way is cut in time (T7)."""
        client = self.client()
        try:
            client.ssl.do_handshake()
        except SSL.WantReadError:
            pass
        hello = client.ssl.bio_read(1 << 16)
        for place in range(0, 35):
            client.protocol.dataReceived(hello[place : place + 1])
            client.clock.advance(1)
        self.assertTrue(client.transport.disconnecting)

    def test_listening_factory(self) -> None:
        """A listener without implicit TLS is its own factory; one with it needs a certificate."""
        line = Line()
        self.assertIs(listening_factory(line.factory, None, line.clock), line.factory)
        implicit = Line(tls="implicit")
        self.assertRaises(ValueError, listening_factory, implicit.factory, None, implicit.clock)
