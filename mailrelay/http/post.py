"""Posting to an address that a stranger wrote: guarded at the moment of connecting, bounded in time and size.

The name is resolved here, each address that it leads to is judged (`policy.reach`), and the connection goes to an
address that passed and to nothing else: a name that leads elsewhere at the next look gains nothing (H12). Redirects are
not followed, no cookie is kept, and of an answer 64 KB are read at most. This module imports treq, which imports the
reactor, so it is imported late.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IResolutionReceiver, IStreamClientEndpoint
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web._newclient import RequestTransmissionFailed, ResponseNeverReceived
from twisted.web.client import URI, Agent, HTTPConnectionPool
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from ..policy.reach import Reach, Unreachable
from ..proved import Proved

#: Octets of an answer that are read.
MAX_ANSWER = 64 * 1024
#: Characters of it that are told in an error.
TOLD = 200


@implementer(IResolutionReceiver)
class _Found:
    """Gathers what a name leads to."""

    def __init__(self) -> None:
        self.addresses: list[Any] = []
        self.done: Deferred[list[Any]] = Deferred()

    def resolutionBegan(self, resolutionInProgress: Any) -> None: ...

    def addressResolved(self, address: Any) -> None:
        self.addresses.append(address)

    def resolutionComplete(self) -> None:
        self.done.callback(self.addresses)


@implementer(IStreamClientEndpoint)
class GuardedEndpoint:
    """Connects to a name as long as it leads to where one may go."""

    def __init__(self, reactor: Any, host: str, port: int, reach: Reach, timeout: float) -> None:
        self._reactor = reactor
        self._host = host
        self._port = port
        self._reach = reach
        self._timeout = timeout

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        refused, error = "", None
        for address in await self._addresses():
            try:
                self._reach.address(address)
            except Unreachable as reason:
                refused = str(reason)
                continue
            kind = TCP6ClientEndpoint if ":" in address else TCP4ClientEndpoint
            try:
                connected: IProtocol = await kind(self._reactor, address, self._port, self._timeout).connect(factory)
                return connected
            except Exception as failed:
                error = failed
        if error is not None:
            raise error
        raise Unreachable(refused or f"{self._host} has no address")

    async def _addresses(self) -> list[str]:
        found = _Found()
        self._reactor.nameResolver.resolveHostName(found, self._host, self._port)
        return [each.host for each in await found.done]


@implementer(IAgentEndpointFactory)
class GuardedEndpoints:
    """Where each URL leads to, guarded."""

    def __init__(self, reactor: Any, reach: Reach, timeout: float) -> None:
        self._reactor = reactor
        self._reach = reach
        self._timeout = timeout

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        scheme, host, port = self._reach.url(uri.toBytes().decode("ascii"))
        endpoint: IStreamClientEndpoint = GuardedEndpoint(self._reactor, host, port, self._reach, self._timeout)
        return wrapClientTLS(Proved(host), endpoint) if scheme == "https" else endpoint


class _Answer(Protocol):
    """Reads the beginning of a body and lets go of the rest."""

    def __init__(self) -> None:
        self._octets = b""
        self.done: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self._octets += data[: MAX_ANSWER - len(self._octets)]
        if len(self._octets) == MAX_ANSWER and not self.done.called:
            transport: Any = self.transport
            (getattr(transport, "abortConnection", None) or transport.loseConnection)()
            self.done.callback(self._octets)

    def connectionLost(self, reason: object = None) -> None:
        if not self.done.called:
            self.done.callback(self._octets)


class NoAnswer(Exception):
    """A request was not over in time."""


def _late(_: object, seconds: float) -> Failure:
    return Failure(NoAnswer(f"no answer within {seconds:g} s"))


class Poster:
    """Posts; `timeout` seconds bound one request from the look-up to the end of the answer."""

    def __init__(self, reactor: Any, reach: Reach, timeout: float) -> None:
        self._reactor = reactor
        self._timeout = timeout
        self._pool = HTTPConnectionPool(reactor)
        self._pool.maxPersistentPerHost = 2
        self._pool.cachedConnectionTimeout = 30
        endpoints = GuardedEndpoints(reactor, reach, timeout)
        self._client: Any = HTTPClient(Agent.usingEndpointFactory(reactor, endpoints, pool=self._pool))

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Deferred[tuple[int, str]]:
        """The status and the begin of the answer's text; fails with whatever kept it from one."""
        posting = Deferred.fromCoroutine(self._post(url, headers, body))
        return posting.addTimeout(self._timeout, self._reactor, onTimeoutCancel=_late)

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        try:
            response = await self._ask(url, headers, body)
        except (ResponseNeverReceived, RequestTransmissionFailed) as error:
            if not any(each.check(ConnectionDone, ConnectionLost) for each in error.reasons):
                raise
            # a connection that was kept, and that the receiver had closed meanwhile: what is sent says who it is, so
            # that it can be sent twice
            await self.close()
            response = await self._ask(url, headers, body)
        answer = _Answer()
        response.deliverBody(answer)
        text = (await answer.done).decode("utf-8", "replace")[:TOLD]
        return response.code, text

    def _ask(self, url: str, headers: Mapping[str, str], body: bytes) -> Deferred[Any]:
        asking: Deferred[Any] = self._client.post(
            url,
            headers={name: [value] for name, value in headers.items()},
            data=body,
            allow_redirects=False,
            unbuffered=True,
            reactor=self._reactor,
        )
        return asking

    def close(self) -> Deferred[None]:
        """Let go of connections that are kept."""
        closing: Deferred[None] = self._pool.closeCachedConnections()
        return closing
