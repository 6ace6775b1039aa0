"""Argon2 off the reactor, bounded: a flood of guesses never costs a good client its login.

One hash is in flight per user name, at most `waiting` wait in all; beyond that a login is put off at once with
`auth_throttled`. A secret once found right is remembered as a keyed digest, so that it is hashed once per process
and not once per session. Secrets themselves are never kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from twisted.internet.defer import Deferred, DeferredLock

from ..mail.reply import Refusal

_REMEMBERED = 10_000


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
        self._under_way = 0
        self._locks: dict[str, DeferredLock] = {}
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def matches(self, username: str, digest: str, secret: str) -> bool:
        """Is this the secret? Refuses with `auth_throttled` when too many wait."""
        proof = (digest, self._digest(secret))
        if proof in self._known:
            self._known.move_to_end(proof)
            return True
        if not await self._hash(username.casefold(), digest, secret):
            return False
        self._known[proof] = None
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return True

    async def matches_nothing(self, username: str, secret: str) -> None:
        """Spend the time that `matches` would."""
        await self._hash(username.casefold(), self._nothing, secret)

    async def _hash(self, name: str, digest: str, secret: str) -> bool:
        if self._under_way >= self._waiting:
            raise Refusal("auth_throttled", rule="hash_queue", facts={"waiting": self._under_way})
        self._under_way += 1
        lock = self._locks.setdefault(name, DeferredLock())
        await lock.acquire()
        try:
            return await self._defer(self._verify, digest, secret)
        finally:
            self._under_way -= 1
            lock.release()
            if not lock.locked and not lock.waiting:
                self._locks.pop(name, None)
