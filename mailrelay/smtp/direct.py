"""Sending at once: what can go out now is handed to the kernel without a turn of the reactor.

Twisted's `write` asks the reactor to be told when the socket is writable, sends then, and asks to be told no more: two
system calls and a turn for each reply. A plain TCP connection with nothing waiting takes the octets directly; all else,
TLS above all, goes the usual way. Nothing is ever sent past a TLS layer, and never out of order.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.tcp import Connection


def send(transport: Any, octets: bytes) -> None:
    """Write `octets` to a transport, as its own `write` would, but sooner."""
    if (
        isinstance(transport, Connection)
        and transport.connected
        and not transport.TLS
        and not transport.disconnecting
        and not transport.dataBuffer
        and not transport._tempDataBuffer
    ):
        try:
            sent = transport.socket.send(octets)
        except OSError:
            sent = 0  # it takes nothing now, or is lost, which the usual way finds out and tells
        if sent == len(octets):
            return
        octets = octets[sent:]
    transport.write(octets)
