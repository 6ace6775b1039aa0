"""What all narrowed interfaces share: the account, the whole interface behind it, and a door that is closed by default.

A class of this package says for each method of its interface how one account sees it. What it does not say is in
`CLOSED` with the reason, or was forgotten: both fail with `Forbidden`, so that a new method is closed until somebody
has thought about it. The tests walk over every interface and ask for one of the three.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from functools import wraps
from typing import Any, ClassVar, Concatenate, Generic, ParamSpec, TypeVar

from twisted.internet.defer import Deferred, fail

from ..errors import Forbidden

P = ParamSpec("P")
T = TypeVar("T")
N = TypeVar("N", bound="Narrowed[Any]")
Whole = TypeVar("Whole")


class Narrowed(Generic[Whole]):
    """An interface as one account sees it."""

    #: Methods that nobody who is bound to an account may call, and why.
    CLOSED: ClassVar[Mapping[str, str]] = {}

    def __init__(self, whole: Whole, account: str) -> None:
        self._whole = whole
        self._account = account

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        reason = self.CLOSED.get(name, "is not open to one account")

        def refused(*_: object, **__: object) -> Deferred[Any]:
            return fail(Forbidden(reason))

        return refused

    def _own(self, account: str) -> bool:
        """Is the account that a caller names the one there is? "" means any."""
        return account in ("", self._account)

    def _require(self, account: str) -> None:
        """Fail as for an account that there is not."""
        if account != self._account:
            raise KeyError(account)


def answers(
    method: Callable[Concatenate[N, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[N, P], Deferred[T]]:
    """Let a coroutine method give a Deferred, as interfaces ask."""

    @wraps(method)
    def started(self: N, /, *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        return Deferred.fromCoroutine(method(self, *args, **kwargs))

    return started
