"""One thing that the API can do, as data: what is asked, by whom, what comes back, and the coroutine that does it.

Of a table of operations are made the routes and the checks of a request (`dispatch`) and the document that describes
the API (`openapi`). An operation is written as a coroutine function under `operation`, whose name is its id and whose
docstring tells its readers what it does: the first line in short. It knows the use cases of `manage` and nothing of
HTTP but what is said here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from inspect import cleandoc
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.web.server import Request

from ..manage.installation import Installation
from .members import Members
from .problem import Problem

Q = TypeVar("Q", bound=BaseModel)
B = TypeVar("B", bound=BaseModel | None)

#: Octets of a body that are read where an operation says nothing else.
MAX_BODY = 64 * 1024
JSON = "application/json"


class Nothing(Members):
    """No parameters are known."""


@dataclass(frozen=True, slots=True)
class Asked(Generic[Q, B]):
    """One request for an operation, read and checked: the `installation` as it is for the caller, what stands in the
    `path` by name, the `query`, and the `body`, None where the operation reads it from the `request` by itself."""

    installation: Installation
    request: Request
    path: Mapping[str, str]
    query: Q
    body: B
    clock: IReactorTime

    def number(self, name: str) -> int:
        """A number in the path; where there is something else there is nothing."""
        text = self.path[name]
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            raise Problem(404)
        return int(text)

    async def pause(self, seconds: float) -> None:
        """Wait by the clock."""
        await deferLater(self.clock, seconds)


Act = Callable[[Asked[Any, Any]], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Operation:
    """What the API can do.

    `path` stands below ``/api/v1``, with ``{name}`` for what a caller fills in. `scope` is what a token must be allowed
    ("domains:write"); with `administrator` nobody else may, whatever the scope. `answer` is the type of what comes back
    with `status`, None where nothing does. `answers` are the media types that may be answered with, the usual one
    first, `takes` that of a body which is no JSON; a body has at most `most` octets. `also` tells which further
    statuses there are, and when. With `keyed` it holds idempotency keys by
    itself. `members` says under which name the caller knows what a use case calls something else.
    """

    method: str
    path: str
    id: str
    about: str
    tag: str
    scope: str
    act: Act
    answer: Any = None
    status: int = 200
    query: type[BaseModel] = Nothing
    body: type[BaseModel] | None = None
    administrator: bool = False
    takes: str = ""
    answers: tuple[str, ...] = (JSON,)
    most: int = MAX_BODY
    keyed: bool = False
    also: Mapping[int, str] = field(default_factory=dict)
    members: Mapping[str, str] = field(default_factory=dict)

    @property
    def tagged(self) -> bool:
        """Do its answers have entity tags?"""
        return self.method == "GET" and self.answers == (JSON,)

    @property
    def summary(self) -> str:
        """What it does, in one line."""
        return self.about.partition("\n")[0].rstrip(".")

    @property
    def description(self) -> str:
        """The rest of what is told about it."""
        return self.about.partition("\n")[2].strip()


def operation(
    method: str, path: str, tag: str, scope: str, answer: Any = None, status: int = 200, **more: Any
) -> Callable[[Act], Operation]:
    """Make an operation of a coroutine function; `more` are the other fields, by their names."""

    def made(act: Act) -> Operation:
        name, about = act.__name__, cleandoc(act.__doc__ or "")
        return Operation(method, path, name, about, tag, scope, act, answer, status, **more)

    return made
