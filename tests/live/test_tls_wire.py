"""What stands on the wire once TLS is on: records only, whatever way the octets take to the socket."""

from __future__ import annotations

import socket
import ssl

from tests.live.daemon import Sandbox

RECORDS = (20, 21, 22, 23)  #: change cipher spec, alert, handshake, application data (RFC 8446 5.1)


class Watched:
    """A client that speaks TLS by hand and keeps every octet that the server sent."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self._socket = sock
        self._from_server, self._to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._from_server, self._to_server, server_hostname="localhost")
        self.seen = b""
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._exchange()

    def _exchange(self) -> None:
        self._socket.sendall(self._to_server.read())
        octets = self._socket.recv(65536)
        self.seen += octets
        self._from_server.write(octets)

    def say(self, command: bytes) -> bytes:
        self._tls.write(command)
        while True:
            try:
                self._socket.sendall(self._to_server.read())
                return self._tls.read(65536)
            except ssl.SSLWantReadError:
                self._exchange()


def assert_only_records(octets: bytes) -> None:
    """Every octet belongs to a TLS record, to the last one."""
    while octets:
        assert octets[0] in RECORDS and octets[1] == 3, octets[:20]
        length = int.from_bytes(octets[3:5], "big")
        assert len(octets) >= 5 + length
        octets = octets[5 + length :]


def test_nothing_passes_tls_by(sandbox: Sandbox) -> None:
    """After STARTTLS and on an implicit port no reply is sent beside the TLS layer."""
    context = ssl.create_default_context(cafile=sandbox.facts["ca"])
    card = sandbox.facts["connections"][0]
    for port in (card["starttls"][0], card["tls"][0]):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
            if port == card["starttls"][0]:
                assert sock.recv(512).startswith(b"220 ")
                sock.sendall(b"EHLO localhost\r\n")
                assert b"STARTTLS" in sock.recv(2048)
                sock.sendall(b"STARTTLS\r\n")
                assert sock.recv(512).startswith(b"220 ")
            client = Watched(sock, context)
            if port == card["tls"][0]:
                assert client.say(b"").startswith(b"220 ")
            assert client.say(b"EHLO localhost\r\n").startswith(b"250-")
            assert client.say(b"NOOP\r\n").startswith(b"250 ")
            assert client.say(b"VRFY ann\r\n").startswith(b"252 ")
            assert_only_records(client.seen)
