"""Who a token belongs to: `ICallers` turns what a request bears into the `Caller` that use cases know."""

from __future__ import annotations

import hmac

from twisted.internet.defer import Deferred, succeed
from zope.interface import Interface, implementer

from ..manage.caller import TOKEN, Caller


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
