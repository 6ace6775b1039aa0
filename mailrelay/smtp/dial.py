"""How a connection to a next hop is opened: one function as seam, and the real one on an injected reactor.

Addresses are connected to directly, names through the reactor's resolver, all their addresses in turn. It never
knows what is spoken afterwards.
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import IAddress, IProtocol, IReactorTCP
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as TwistedProtocol


class Connect(Protocol):
    """Opens a connection for one protocol, from the address `source` unless it is ""; fails when none stands after
    `timeout` seconds. Cancelling it gives up."""

    def __call__(
        self, protocol: TwistedProtocol, host: str, port: int, timeout: float, source: str = ""
    ) -> Deferred[IProtocol]: ...


class Once(Factory):
    """A factory for a protocol that exists already."""

    noisy = False

    def __init__(self, protocol: TwistedProtocol) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: IAddress | None) -> TwistedProtocol:
        return self._protocol


def connect_by(reactor: IReactorTCP) -> Connect:
    """Connections of this reactor (which resolves names too, where it is asked to)."""

    def connect(
        protocol: TwistedProtocol, host: str, port: int, timeout: float, source: str = ""
    ) -> Deferred[IProtocol]:
        bind = (source, 0) if source else None
        endpoint: TCP4ClientEndpoint | TCP6ClientEndpoint | HostnameEndpoint
        if isIPAddress(host):
            endpoint = TCP4ClientEndpoint(reactor, host, port, timeout, bind)
        elif isIPv6Address(host):
            endpoint = TCP6ClientEndpoint(reactor, host, port, timeout, bind)  # type: ignore[no-untyped-call]
        else:
            endpoint = HostnameEndpoint(reactor, host, port, timeout, bind)
        return endpoint.connect(Once(protocol))

    return connect
