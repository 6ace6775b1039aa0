"""Argon2 off the reactor, bounded: a flood of guesses never costs a good client its login.

One hash is in flight per user name, and at most `waiting` are asked for in all; beyond that a login is put off at once
with `auth_throttled`. The last third of the places is kept: one sixth for addresses that have nothing waiting, another
for names that logged in of late, so that nobody who guesses keeps others out. Who asks what is being asked already
shares the answer, so that an application whose connections all log in at once is one question. A secret once found
right is remembered as a keyed digest, so that it is hashed once per process and not once per session. Secrets
themselves are never kept.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import TypeAlias, TypeVar

from twisted.internet.defer import Deferred, DeferredLock, fail
from twisted.python.failure import Failure

from ..mail.reply import Refusal

_REMEMBERED = 10_000

#: Different secrets for one user name that may wait at a time.
_PER_NAME = 4

#: Argon2 text and keyed digest of the secret
Proof: TypeAlias = tuple[str, str]
Remembered = TypeVar("Remembered")


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
        self._waiting_from: Counter[str] = Counter()
        self._asked: dict[tuple[str, Proof], list[Deferred[bool]]] = {}
        self._locks: dict[str, DeferredLock] = {}
        self._known: OrderedDict[Proof, None] = OrderedDict()
        self._of_late: OrderedDict[str, None] = OrderedDict()

    async def matches(self, username: str, digest: str, secret: str, address: str) -> bool:
        """Is this the secret? Refuses with `auth_throttled` when too many wait; `address` is where it is asked from."""
        name, proof = username.casefold(), (digest, self._digest(secret))
        if proof not in self._known and not await self._hash(name, proof, secret, address):
            return False
        _remember(self._known, proof)
        _remember(self._of_late, name)
        return True

    async def matches_nothing(self, username: str, secret: str, address: str) -> None:
        """Spend the time that `matches` would."""
        await self._hash(username.casefold(), (self._nothing, self._digest(secret)), secret, address)

    def _hash(self, name: str, proof: Proof, secret: str, address: str) -> Deferred[bool]:
        question = (name, proof)
        answer: Deferred[bool] = Deferred()
        if question in self._asked:
            self._asked[question].append(answer)
            return answer
        lock = self._locks.get(name)
        if len(self._asked) >= self._places(name, address) or (lock and len(lock.waiting) >= _PER_NAME):
            return fail(Refusal("auth_throttled", rule="hash_queue", facts={"waiting": len(self._asked)}))
        self._asked[question] = [answer]
        self._waiting_from[address] += 1
        lock = self._locks[name] = lock or DeferredLock()
        lock.run(self._defer, self._verify, proof[0], secret).addBoth(self._tell, question, address)
        return answer

    def _places(self, name: str, address: str) -> int:
        """How many places there are, as far as this one may take them."""
        if name in self._of_late:
            return self._waiting
        kept = self._waiting // 6
        return self._waiting - kept if not self._waiting_from[address] else self._waiting - 2 * kept

    def _tell(self, result: bool | Failure, question: tuple[str, Proof], address: str) -> None:
        name = question[0]
        if not self._locks[name].locked:
            del self._locks[name]
        self._waiting_from[address] -= 1
        if not self._waiting_from[address]:
            del self._waiting_from[address]
        for waiting in self._asked.pop(question):
            if isinstance(result, Failure):
                waiting.errback(result)
            else:
                waiting.callback(result)


def _remember(entries: OrderedDict[Remembered, None], entry: Remembered) -> None:
    """Put an entry last; beyond the bound the one that was used longest ago is forgotten."""
    entries[entry] = None
    entries.move_to_end(entry)
    if len(entries) > _REMEMBERED:
        entries.popitem(last=False)
