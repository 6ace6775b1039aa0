"""The resolver: asks the servers in turn, follows aliases over several responses, and remembers.

Each server that is silent or cannot be reached is asked again in the next round; one that says SERVFAIL or REFUSED is
not, but the next may know. Questions that are under way are shared. What was answered is kept by its TTL
(RFC 1035, RFC 2308), a failure for a few seconds (RFC 9520). It promises to fail with `ResolverFailure` only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ...interfaces.resolver import IResolver, ResolverFailure
from ...mail.answer import Answer, Kind
from .cache import Cache
from .exchange import NO_RESPONSE, Exchange
from .message import ALIASES, Question, Response, read
from .servers import Server

KEPT = 10_000  #: answers
LONGEST = 86_400  #: seconds for which an answer is believed at most
LONGEST_NOTHING = 3600  #: the same where there is nothing
FAILURE = 5  #: seconds for which a question that nobody could answer is not asked again

_Key: TypeAlias = tuple[str, Kind]

log = Logger()


@implementer(IResolver)
class Resolver:
    """Asks `servers`, each `tries` times for `timeout` seconds; `random(n)` gives octets for ids."""

    def __init__(
        self,
        servers: Sequence[Server],
        exchange: Exchange,
        clock: IReactorTime,
        random: Callable[[int], bytes],
        *,
        timeout: float = 5,
        tries: int = 2,
    ) -> None:
        self._servers = tuple(servers)
        self._exchange = exchange
        self._random = random
        self._timeout = timeout
        self._tries = tries
        self._kept: Cache[_Key, Answer | ResolverFailure] = Cache(clock, KEPT)
        self._waiting: dict[_Key, list[Deferred[Answer]]] = {}
        self._asking: dict[_Key, Deferred[None]] = {}

    def resolve(self, name: str, kind: Kind) -> Deferred[Answer]:
        key = name.lower().removesuffix("."), kind
        kept = self._kept.get(key)
        if kept is not None:
            return succeed(kept) if isinstance(kept, Answer) else fail(kept)
        result: Deferred[Answer] = Deferred()
        if key in self._waiting:
            self._waiting[key].append(result)
            return result
        self._waiting[key] = [result]
        asking = Deferred.fromCoroutine(self._follow(*key))
        ended = asking.addCallbacks(self._answered, self._failed, (key,), {}, (key,), {})
        if key in self._waiting:
            self._asking[key] = ended
        return result

    def close(self) -> None:
        """Give up on every question that is under way."""
        for asking in tuple(self._asking.values()):
            asking.cancel()

    # -- how a question ends

    def _answered(self, answer: Answer, key: _Key) -> None:
        if not answer.known:
            longest = life = FAILURE
        else:
            longest, life = LONGEST if answer.records else LONGEST_NOTHING, answer.ttl
        self._kept.put(key, answer, min(life, longest))
        for waiting in self._end(key):
            waiting.callback(answer)

    def _failed(self, failure: Failure, key: _Key) -> None:
        reason = failure.value
        if isinstance(reason, CancelledError):
            reason = ResolverFailure("shutting down")
        elif not isinstance(reason, ResolverFailure):
            log.failure("{name} {kind} could not be looked up", failure, name=key[0], kind=key[1])
            reason = ResolverFailure("a failure here")
        else:
            self._kept.put(key, reason, FAILURE)
        for waiting in self._end(key):
            waiting.errback(reason)

    def _end(self, key: _Key) -> list[Deferred[Answer]]:
        self._asking.pop(key, None)
        return self._waiting.pop(key)

    # -- asking

    async def _follow(self, name: str, kind: Kind) -> Answer:
        """The answer at the end of all aliases; it holds as long, and is as authentic, as every part of the way."""
        authenticated, ttl, end = True, LONGEST, ""
        for _ in range(ALIASES):
            response = await self._ask(name, kind)
            authenticated, ttl = authenticated and response.answer.authenticated, min(ttl, response.answer.ttl)
            if not response.alias:
                return replace(response.answer, authenticated=authenticated, ttl=ttl, name=response.answer.name or end)
            name = end = response.alias
        raise ResolverFailure(f"too many aliases, the last one to {name}")

    async def _ask(self, name: str, kind: Kind) -> Response:
        """The first response that knows something; else one that does not."""
        silent = list(self._servers)
        ignorant: Response | None = None
        reason = ResolverFailure("there is no name server to ask")
        for _ in range(self._tries):
            for server in tuple(silent):
                try:
                    response = await self._ask_one(server, name, kind)
                except ResolverFailure as failure:
                    reason = failure
                    continue
                if response.answer.known:
                    return response
                ignorant = response
                silent.remove(server)
        if ignorant is None:
            raise reason
        return ignorant

    async def _ask_one(self, server: Server, name: str, kind: Kind) -> Response:
        question = Question(name, kind, int.from_bytes(self._random(2), "big"))
        try:
            query = question.encode()
        except ValueError as error:
            raise ResolverFailure(f"not a name: {error}") from None

        def response(octets: bytes) -> Response | None:
            return read(question, octets)

        try:
            found = await self._exchange(server, query, response, self._timeout, False)
            if found.truncated:
                found = await self._exchange(server, query, response, self._timeout, True)
        except NO_RESPONSE as error:
            raise ResolverFailure(f"{server}: {str(error) or type(error).__name__}") from error
        if found.truncated or found.referral:
            raise ResolverFailure(f"{server}: {'a truncated response' if found.truncated else 'it does not know'}")
        return found
