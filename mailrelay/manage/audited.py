"""The audit log: `audited` stands in place of `use_case` on whatever changes something, and notes it.

The entry is written in a commit of its own right after the change: use cases write through many interfaces, some of
them (a file in pieces, a key on the disk) in several commits. A process that dies between the two leaves a change
without entry; no entry tells of a change that was not made. Of what was given only the parameters in `_TOLD` are noted,
none of which ever holds a secret, and of options only the names. Addresses of recipients are not noted either: who was
erased must not live on here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import wraps
from inspect import Parameter, signature
from typing import Any, ParamSpec, TypeVar

from twisted.internet.defer import Deferred

from ..interfaces.changes import Change
from . import names
from .errors import Unknown
from .installation import Installation

P = ParamSpec("P")
T = TypeVar("T")

#: Parameters of use cases whose values are noted.
_TOLD = frozenset(
    {
        "account", "active", "balance", "currency", "days", "destination", "domain", "force", "id",
        "key_id", "name", "networks", "note", "number", "origin", "priority", "rate", "reason", "role", "route",
        "scopes", "sender", "sends", "status", "verified", "zone",
    }
)  # fmt: skip
#: Parameters whose names of fields are noted, and not what stands in them.
_NAMES_TOLD = frozenset({"settings", "changes", "options"})
#: Parameters that name the thing, the likeliest first.
_NAMING = ("name", "id", "domain", "number")
#: What a thing that was made may be wrapped in.
_WRAPPED = ("connection", "user", "domain", "token")
_LONGEST = 200


_actions: set[str] = set()


def kinds() -> list[str]:
    """What can be changed and is noted: the parts of actions before their points, of every use case that is loaded."""
    return sorted({each.partition(".")[0] for each in _actions})


def audited(action: str) -> Callable[[Callable[P, Coroutine[Any, Any, T]]], Callable[P, Deferred[T]]]:
    """A use case that changes something, under a word such as "connection.create"."""

    _actions.add(action)

    def decorate(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Deferred[T]]:
        parameters = signature(function)

        async def noted(*args: P.args, **kwargs: P.kwargs) -> T:
            result = await function(*args, **kwargs)
            if isinstance(result, int | list | tuple) and not result:
                return result  # there was nothing to change
            bound = parameters.bind(*args, **kwargs)
            installation, *_ = bound.arguments.values()
            assert isinstance(installation, Installation)
            await note(installation, action, _flat(bound.arguments, parameters.parameters), result)
            return result

        @wraps(function)
        def started(*args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
            return Deferred.fromCoroutine(noted(*args, **kwargs))

        started.action = action  # type: ignore[attr-defined]
        return started

    return decorate


async def note(installation: Installation, action: str, given: Mapping[str, object], result: object) -> None:
    """Write an entry: `given` are parameters by name, `result` what the use case came to."""
    thing = next((each for name in _WRAPPED if (each := getattr(result, name, None)) is not None), result)
    thing = result if isinstance(thing, str) else thing
    caller = installation.caller
    kind = action.partition(".")[0]
    named = next((str(given[each]) for each in _NAMING if isinstance(given.get(each), str | int)), "")
    name = _text(thing, "address") if kind == "sender" else _text(thing, "name") or named
    account = _text(thing, "id") if kind == "account" else _text(thing, "account") or str(given.get("account") or "")
    entry = Change(
        installation.new_id(),
        installation.now(),
        caller.kind,
        caller.name,
        caller.address,
        caller.acting,
        action,
        await _account_id(installation, account),
        _text(thing, "id"),
        name[:_LONGEST],
        json.dumps(_details(given), ensure_ascii=False, sort_keys=True),
    )
    await installation.changes.write(entry)


async def _account_id(installation: Installation, account: str) -> str:
    """The id of an account given by name or id; what is none stays as it is."""
    try:
        return (await names.account(installation.registry, account)).id if account else ""
    except Unknown:
        return account


def _flat(arguments: Mapping[str, Any], parameters: Mapping[str, Parameter]) -> dict[str, object]:
    """The arguments by name; those of a frozen value `wanted` stand among them."""
    found: dict[str, object] = {}
    for name, value in arguments.items():
        if parameters[name].kind is Parameter.VAR_KEYWORD:
            found |= value
        elif name in ("wanted", "which", "cause") and hasattr(type(value), "__dataclass_fields__"):
            found |= {each: getattr(value, each) for each in type(value).__dataclass_fields__}
        else:
            found[name] = value
    return found


def _details(given: Mapping[str, object]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in given.items():
        if name in _NAMES_TOLD and isinstance(value, Mapping):
            found[name] = sorted(map(str, value))
        elif name == "addresses" and isinstance(value, list | tuple):
            found[name] = len(value)
        elif name in _TOLD and isinstance(value, bool | int) and value:
            found[name] = value
        elif name in _TOLD and isinstance(value, str) and value:
            found[name] = value[:_LONGEST]
        elif name in _TOLD and isinstance(value, list | tuple | set | frozenset) and value:
            found[name] = _some(value)
    return found


def _some(values: Iterable[object]) -> list[str]:
    """The first twenty of many."""
    return [str(each)[:_LONGEST] for each, _ in zip(values, range(20), strict=False)]


def _text(value: object, name: str) -> str:
    found = getattr(value, name, "")
    return found if isinstance(found, str) else ""
