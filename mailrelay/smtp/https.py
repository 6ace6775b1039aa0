"""HTTPS as mail needs it, by treq: policies of MTA-STS (RFC 8461 3.3) and reports about TLS (RFC 8460 3).

Names are resolved by the relay's own resolver, and no address is connected to that is not of the public Internet,
unless that is allowed: whoever owns a domain could point it at hosts that only we can reach. Certificates are verified,
redirects not followed, and time and size bounded. treq is imported when it is first needed.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from ..interfaces.https import HttpsFailure, IHttps
from ..interfaces.resolver import IResolver
from ..policy.mx import is_public
from ..proved import Proved

LARGEST = 65_536  #: octets of a text that is taken
PATIENCE = 20  #: seconds in all
CONNECTING = 5  #: seconds for one address
ADDRESSES = 4  #: tried of a host

T = TypeVar("T")


@implementer(IHttps)
class Https:
    """HTTPS over a reactor; `root` is what certificates are held against, by default the system's; `port` is taken in
    place of 443."""

    def __init__(
        self,
        reactor: Any,
        resolver: IResolver,
        *,
        root: Any = None,
        allow_private: bool = False,
        port: int = 443,
        patience: float = PATIENCE,
    ) -> None:
        self._reactor = reactor
        self._resolver = resolver
        self._root = root
        self._allow_private = allow_private
        self._port = port
        self._patience = patience
        self._client: Any = None

    def get(self, url: str) -> Deferred[str]:
        return self._bounded(self._get(url))

    def post(self, url: str, octets: bytes, kind: str) -> Deferred[None]:
        return self._bounded(self._post(url, octets, kind))

    async def _get(self, url: str) -> str:
        response = await self._treq().get(url, allow_redirects=False, headers={"Accept": "text/plain"})
        if response.code != 200:
            response.original.deliverBody(_Unread())
            raise HttpsFailure(f"{url}: answered {response.code}")
        kind = (response.headers.getRawHeaders("Content-Type") or [""])[0]
        if kind.partition(";")[0].strip().lower() != "text/plain":
            response.original.deliverBody(_Unread())
            raise HttpsFailure(f"{url}: not text/plain but {kind[:40]!r}")
        text = _Text()
        response.original.deliverBody(text)
        octets = await text.whole
        try:
            return octets.decode("utf-8")
        except UnicodeDecodeError:
            raise HttpsFailure(f"{url}: not UTF-8") from None

    async def _post(self, url: str, octets: bytes, kind: str) -> None:
        response = await self._treq().post(url, octets, allow_redirects=False, headers={"Content-Type": kind})
        response.original.deliverBody(_Unread())
        if response.code // 100 != 2:
            raise HttpsFailure(f"{url}: answered {response.code}")

    def _treq(self) -> Any:
        if self._client is None:
            from treq.client import HTTPClient
            from twisted.web.client import Agent, HTTPConnectionPool

            pool = HTTPConnectionPool(self._reactor, persistent=False)  # type: ignore[no-untyped-call]
            agent = Agent.usingEndpointFactory(self._reactor, _Endpoints(self), pool)  # type: ignore[no-untyped-call]
            self._client = HTTPClient(agent)
        return self._client

    def _bounded(self, work: Coroutine[Any, Any, T]) -> Deferred[T]:
        result: Deferred[T] = Deferred.fromCoroutine(work)
        return result.addTimeout(self._patience, self._reactor, _too_late).addErrback(_one_line)

    async def connect(self, host: str, port: int, factory: IProtocolFactory) -> IProtocol:
        """A connection to a host, its certificate to be verified, by whichever address answers."""
        port = self._port if port == 443 else port
        reason: Exception = HttpsFailure(f"{host} has no address")
        for address in (await self._addresses(host))[:ADDRESSES]:
            kind = TCP6ClientEndpoint if ":" in address else TCP4ClientEndpoint
            endpoint = kind(self._reactor, address, port, CONNECTING)
            try:
                protocol: IProtocol = await wrapClientTLS(Proved(host, self._root), endpoint).connect(factory)
                return protocol
            except CancelledError:
                raise
            except Exception as error:  # the next address may be well
                reason = error
        raise reason

    async def _addresses(self, host: str) -> list[str]:
        found = []
        for kind in ("A", "AAAA"):
            answer = await self._resolver.resolve(host, kind)
            found += [str(record) for record in answer.records]
        usable = [each for each in found if self._allow_private or is_public(each)]
        if found and not usable:
            raise HttpsFailure(f"{host} has no public address")
        return usable


class _Endpoints:
    """Where an agent's connections go (`IAgentEndpointFactory`)."""

    def __init__(self, https: Https) -> None:
        self._https = https

    def endpointForURI(self, uri: Any) -> IStreamClientEndpoint:
        if uri.scheme != b"https":
            raise HttpsFailure("only https is spoken")
        endpoint: IStreamClientEndpoint = _Endpoint(self._https, uri.host.decode("ascii"), uri.port)
        return endpoint


@implementer(IStreamClientEndpoint)
class _Endpoint:
    def __init__(self, https: Https, host: str, port: int) -> None:
        self._https = https
        self._host = host
        self._port = port

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        return Deferred.fromCoroutine(self._https.connect(self._host, self._port, protocolFactory))


class _Unread(Protocol):
    """A body that nobody wants: without one who takes it the connection would stay open, at the other's pleasure."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()


class _Text(Protocol):
    """A body up to a size."""

    def __init__(self) -> None:
        self.whole: Deferred[bytes] = Deferred()
        self._octets = b""

    def dataReceived(self, data: bytes) -> None:
        self._octets += data
        if len(self._octets) > LARGEST and not self.whole.called:
            self.whole.errback(HttpsFailure(f"more than {LARGEST} octets"))
            assert self.transport is not None
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        from twisted.web.client import ResponseDone

        if self.whole.called:
            return
        if isinstance(reason.value, ResponseDone):
            self.whole.callback(self._octets)
        else:
            self.whole.errback(HttpsFailure("the answer broke off"))


def _too_late(_: object, timeout: float) -> Any:
    raise HttpsFailure(f"not done within {timeout:g} seconds")


def _one_line(failure: Failure) -> Any:
    """Whatever went wrong, in one line."""
    reasons = getattr(failure.value, "reasons", None)
    if reasons:  # of several attempts the last
        failure = reasons[-1]
    if isinstance(failure.value, HttpsFailure):
        raise failure.value
    raise HttpsFailure((failure.getErrorMessage() or repr(failure.value)).splitlines()[0])
