"""Argon2 off the reactor, bounded: a flood of guesses never costs a good client its login.

One hash is in flight per user name, `at_once` in all, and at most `waiting` are asked for; beyond that a login is put
off at once with `auth_throttled`. Addresses take turns, and the last third of the places is kept: one sixth for
addresses that have nothing waiting, another for names that logged in of late; so nobody who guesses keeps others out.
Who asks what is being asked already shares the answer, so that an application whose connections all log in at once is
one question. A secret once found right is remembered as a keyed digest, so that it is hashed once per process and not
once per session. Secrets themselves are kept only while they wait.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from typing import TypeAlias, TypeVar

from twisted.internet.defer import Deferred, fail, maybeDeferred
from twisted.python.failure import Failure

from ..mail.reply import Refusal

_REMEMBERED = 10_000

#: Different secrets for one user name that may be asked for at a time; twice as many if several addresses ask.
_PER_NAME = 4

#: Argon2 text and keyed digest of the secret
Proof: TypeAlias = tuple[str, str]
#: folded user name, and what is to be proved
Question: TypeAlias = tuple[str, Proof]
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
        at_once: int = 2,
    ) -> None:
        self._verify = verify
        self._defer = defer
        self._digest = digest
        self._nothing = nothing
        self._waiting = waiting
        self._at_once = at_once
        self._asked: dict[Question, list[Deferred[bool]]] = {}
        self._per_name: Counter[str] = Counter()
        #: what waits, with its secret, by address; the address whose turn it is first
        self._lines: OrderedDict[str, deque[tuple[Question, str]]] = OrderedDict()
        self._in_flight: set[str] = set()
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
        if not self._has_room(name, address):
            return fail(Refusal("auth_throttled", rule="hash_queue", facts={"waiting": len(self._asked)}))
        self._asked[question] = [answer]
        self._per_name[name] += 1
        self._lines.setdefault(address, deque()).append((question, secret))
        self._go_on()
        return answer

    def _has_room(self, name: str, address: str) -> bool:
        """Is there a place, as far as this one may take it?"""
        first, kept = address not in self._lines, self._waiting // 6
        places = self._waiting if name in self._of_late else self._waiting - (kept if first else 2 * kept)
        return len(self._asked) < places and self._per_name[name] < (2 * _PER_NAME if first else _PER_NAME)

    def _go_on(self) -> None:
        while len(self._in_flight) < self._at_once and (turn := self._next()) is not None:
            question, secret = turn
            name, (digest, _) = question
            self._in_flight.add(name)
            maybeDeferred(self._defer, self._verify, digest, secret).addBoth(self._tell, question)

    def _next(self) -> tuple[Question, str] | None:
        """The first, of the address whose turn it is, for whose name nothing is in flight."""
        for address, line in self._lines.items():
            for place, (question, secret) in enumerate(line):
                if question[0] not in self._in_flight:
                    del line[place]
                    self._lines.move_to_end(address)
                    if not line:
                        del self._lines[address]
                    return question, secret
        return None

    def _tell(self, result: bool | Failure, question: Question) -> None:
        name = question[0]
        self._in_flight.discard(name)
        self._per_name[name] -= 1
        if not self._per_name[name]:
            del self._per_name[name]
        asking = self._asked.pop(question)
        self._go_on()
        for waiting in asking:
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
