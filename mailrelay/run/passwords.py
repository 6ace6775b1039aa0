"""Judging the passwords of people: in a thread, one at a time and fair, apart from the questions of SMTP."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from ..relay.hashing import SlowHash
from ..vault import hash_password, verify_password


def judge(
    reactor: Any, pool: ThreadPool, digest: Callable[[str], str]
) -> Callable[[str, str, str, str], Deferred[bool]]:
    """What tells by name, Argon2id text ("" for nobody's), password and address whether the password is right; it takes
    as long where there is nobody, and fails with `Refusal` when too many wait. `digest` makes keyed digests."""
    nothing = hash_password(os.urandom(16).hex())
    slow = SlowHash(verify_password, partial(deferToThreadPool, reactor, pool), digest, nothing, at_once=1)

    async def right(name: str, kept: str, password: str, address: str) -> bool:
        if kept:
            return await slow.matches(name, kept, password, address)
        await slow.matches_nothing(name, password, address)
        return False

    return lambda *given: Deferred.fromCoroutine(right(*given))
