"""Argon2 off the reactor, bounded: a flood of guesses never costs a good client its login.

One hash is in flight per user name, and at most `waiting` are asked for in all; beyond that a login is put off at once
with `auth_throttled`. Who asks what is being asked already shares the answer, so that an application whose connections
all log in at once is one question. A secret once found right is remembered as a keyed digest, so that it is hashed once
per process and not once per session. Secrets themselves are never kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeAlias

from twisted.internet.defer import Deferred, DeferredLock, fail
from twisted.python.failure import Failure

from ..mail.reply import Refusal

_REMEMBERED = 10_000

#: Argon2 text and keyed digest of the secret
Proof: TypeAlias = tuple[str, str]


class SlowHash:
    """Verifies secrets against Argon2 texts in a pool of threads.

    `verify(digest, secret)` is the blocking check, `defer(function, *arguments)` runs it elsewhere, `digest` makes the
    keyed digest by which a success is remembered, `nothing` is an Argon2 text that no secret fits: it is hashed against
    for unknown names, so that they take as long as known ones.
    """

    def __init__(
        self,
        verify: Callable[[str, str], bool],
        defer: Callable[..., Deferred[bool]],
        digest: Callable[[str], str],
        nothing: str,
        waiting: int = 24,
    ) -> None:
        self._verify = verify
        self._defer = defer
        self._digest = digest
        self._nothing = nothing
        self._waiting = waiting
        self._asked: dict[tuple[str, Proof], list[Deferred[bool]]] = {}
        self._locks: dict[str, DeferredLock] = {}
        self._known: OrderedDict[Proof, None] = OrderedDict()

    async def matches(self, username: str, digest: str, secret: str) -> bool:
        """Is this the secret? Refuses with `auth_throttled` when too many wait."""
        proof = (digest, self._digest(secret))
        if proof in self._known:
            self._known.move_to_end(proof)
            return True
        if not await self._hash(username.casefold(), proof, secret):
            return False
        self._known[proof] = None
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return True

    async def matches_nothing(self, username: str, secret: str) -> None:
        """Spend the time that `matches` would."""
        await self._hash(username.casefold(), (self._nothing, self._digest(secret)), secret)

    def _hash(self, name: str, proof: Proof, secret: str) -> Deferred[bool]:
        question = (name, proof)
        answer: Deferred[bool] = Deferred()
        if question in self._asked:
            self._asked[question].append(answer)
            return answer
        if len(self._asked) >= self._waiting:
            return fail(Refusal("auth_throttled", rule="hash_queue", facts={"waiting": len(self._asked)}))
        self._asked[question] = [answer]
        lock = self._locks.setdefault(name, DeferredLock())
        lock.run(self._defer, self._verify, proof[0], secret).addBoth(self._tell, question)
        return answer

    def _tell(self, result: bool | Failure, question: tuple[str, Proof]) -> None:
        name = question[0]
        if not self._locks[name].locked:
            del self._locks[name]
        for waiting in self._asked.pop(question):
            if isinstance(result, Failure):
                waiting.errback(result)
            else:
                waiting.callback(result)
