"""Who a token belongs to: `ICallers` turns what a request bears into the `Caller` that use cases know.

There is the one token of the configuration, and those that are kept (`manage.tokens`)."""

from __future__ import annotations

import hmac

from twisted.internet.defer import Deferred, succeed
from zope.interface import Interface, implementer

from ..manage import tokens
from ..manage.caller import TOKEN, Caller
from ..manage.installation import Installation
from .problem import Problem


class ICallers(Interface):
    """Knows tokens."""

    def find(token: str, address: str) -> Deferred[Caller | None]:
        """Who bears this token and asks from this address; None for nobody, which looks the same whatever is wrong."""


@implementer(ICallers)
class Configured:
    """Knows the one token of the configuration, which is an administrator's."""

    def __init__(self, token: str) -> None:
        if not token:
            raise ValueError("an empty token would let everybody in")
        self._token = token.encode("utf-8")

    def find(self, token: str, address: str) -> Deferred[Caller | None]:
        if not hmac.compare_digest(token.encode("utf-8", "surrogateescape"), self._token):
            return succeed(None)
        return succeed(Caller(TOKEN, "api_token", address=address))


@implementer(ICallers)
class Known:
    """Knows the token of the configuration, and those that an installation keeps."""

    def __init__(self, token: str, installation: Installation) -> None:
        self._configured = Configured(token)
        self._installation = installation

    def find(self, token: str, address: str) -> Deferred[Caller | None]:
        return Deferred.fromCoroutine(self._find(token, address))

    async def _find(self, token: str, address: str) -> Caller | None:
        found = await self._configured.find(token, address)
        if found is not None or not token:
            return found
        try:
            return await tokens.bearer(self._installation, token, address)
        except tokens.TooMany as error:
            raise Problem(429, str(error), headers={"Retry-After": str(error.seconds)}) from error
