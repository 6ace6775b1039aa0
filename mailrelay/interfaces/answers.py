"""What is kept so that a request under an idempotency key is carried out once: who asked for what, and the answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from zope.interface import Interface

from ..mail.envelope import DAY

#: How long a key of a caller stands for the request that it was first used for, in microseconds.
LIFETIME = DAY


@dataclass(frozen=True, slots=True)
class Answered:
    """The request of a `caller` (an id) under a `key`: the `digest` of what was asked, since `at`; and what was
    answered: the `status` (0: it is being carried out, or nobody knows what came of it), the media type and the body,
    sealed ("": it is not kept)."""

    caller: str
    key: str
    digest: str
    at: int
    status: int = 0
    type: str = ""
    sealed: str = field(default="", repr=False)


class IAnswers(Interface):
    """Answers."""

    def begin(answered: Answered) -> Deferred[Answered | None]:
        """Keep that a request has begun; fires with None, or with what is kept under its key already, and then nothing
        is changed. What is older than `LIFETIME` is as if it were not there."""

    def end(answered: Answered) -> Deferred[None]:
        """Keep what was answered."""

    def drop(caller: str, key: str) -> Deferred[None]:
        """Forget a request that did nothing: the key is free again."""

    def forget(before: int) -> Deferred[int]:
        """Forget requests that began before an instant; fires with how many."""
