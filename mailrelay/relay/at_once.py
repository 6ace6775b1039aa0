"""A coroutine as a Deferred, for nearly nothing where it has nothing to wait for.

What MAIL and RCPT ask is mostly known already, and then they are answered within the call. Twisted prepares each
coroutine for waiting before it takes its first step, which costs more than many a rule; here it does so at the first
Deferred that has not fired.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from functools import partial
from types import coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail, succeed

T = TypeVar("T")


def at_once(begun: Coroutine[Deferred[Any], Any, T]) -> Deferred[T]:
    """As `Deferred.fromCoroutine`, fired already where the coroutine ends without waiting."""
    try:
        waiting = begun.send(None)
    except StopIteration as ended:
        return succeed(ended.value)
    except Exception:
        return fail()
    return Deferred.fromCoroutine(_go_on(waiting, begun))


@coroutine
def _go_on(waiting: Deferred[Any], begun: Coroutine[Deferred[Any], Any, T]) -> Generator[Deferred[Any], Any, T]:
    """The rest of a coroutine that waits for its first Deferred."""
    resume: Callable[[], Deferred[Any]]
    while True:
        try:
            result = yield waiting
        except BaseException as error:
            resume = partial(begun.throw, error)
        else:
            resume = partial(begun.send, result)
        try:
            waiting = resume()
        except StopIteration as ended:
            return ended.value  # type: ignore[no-any-return]
