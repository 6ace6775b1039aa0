"""Who may do what, whatever it is done to: administrators everything, members and tokens of an account what is theirs.

Whose the thing is needs no word here: what belongs to another account is not there (`tenant`). `docs/users.md` has the
list, which a test holds against the code.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from .caller import Caller
from .errors import Forbidden
from .installation import Installation

P = ParamSpec("P")
T = TypeVar("T")


def require_administrator(caller: Caller, what: str = "do this") -> None:
    """Fail with `Forbidden` unless an administrator asks."""
    if not caller.administrator:
        raise Forbidden(f"only an administrator may {what}")


def administrators_only(
    function: Callable[Concatenate[Installation, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Installation, P], Coroutine[Any, Any, T]]:
    """Under `use_case` or `audited`: nobody else may, whatever it is done to."""

    @wraps(function)
    async def guarded(installation: Installation, /, *args: P.args, **kwargs: P.kwargs) -> T:
        require_administrator(installation.caller)
        return await function(installation, *args, **kwargs)

    guarded.administrators_only = True  # type: ignore[attr-defined]
    return guarded
