"""A connection to a real Redis whose Deferreds have fired when a call returns, for tests that have no reactor."""

from __future__ import annotations

import socket
from pathlib import Path

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from txredisapi import RedisProtocol

from mailrelay.store.redis import Redis


class BlockingTransport(StringTransport):
    """Sends what is written, and has the answers received before it returns."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(10)
        self._socket.connect(str(path))
        self.turns = Clock()
        self.round_trips = 0

    def write(self, data: bytes) -> None:
        self._socket.sendall(data)
        self.round_trips += 1
        while not self.protocol.replyQueue.pending:
            self.protocol.dataReceived(self._socket.recv(65536))
            while self.turns.getDelayedCalls():
                self.turns.advance(0)

    def abortConnection(self) -> None:
        self._socket.close()
        super().abortConnection()


def connect(path: Path) -> Deferred[Redis]:
    """A connection to the server at a unix socket."""
    protocol = RedisProtocol(charset=None, convertNumbers=False)
    transport = BlockingTransport(path)
    transport.protocol = protocol
    protocol.callLater = transport.turns.callLater
    protocol.makeConnection(transport)
    connection: Deferred[Redis] = succeed(protocol)
    return connection
