"""Carries operations out: finds who asks, reads and checks what is asked, calls, and writes down what comes back.

The order is the same for all: the token (401, by `http.front`, before any route is looked for), what it may (403), the
form of the body (415) and what stands in query and body (400), which state of the thing is meant (412, `etag`), whether
it was asked before (`once`), then the use case, of whose own errors `Unknown` is 404, `Taken` 409, `Forbidden` 403 and
`Invalid` 400. Each names the member that the caller gave.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from klein import Klein
from pydantic import BaseModel
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.server import Request

from ..manage.caller import Caller
from ..manage.errors import Invalid, Taken
from ..manage.installation import Installation
from . import etag, paging, query
from .carried import carried_on
from .once import once
from .operation import MAX_BODY, Asked, Operation
from .problem import Problem
from .reading import query_of, read, require_json, require_plain

ROOT = "/api/v1"
#: Octets from which a body is taken apart in a thread.
LARGE = 64 * 1024
#: Methods that change what GET of the same place shows.
CHANGING = ("PATCH", "PUT", "DELETE")
_HOLE = re.compile(r"\{(\w+)\}")


def add_routes(app: Klein, operations: Iterable[Operation], installation: Installation, clock: IReactorTime) -> None:
    """Serve operations."""
    operations = tuple(operations)
    shown = {each.path: each for each in operations if each.method == "GET"}
    for each in operations:
        _add(app, each, shown.get(each.path), installation, clock)


def bounds(operations: Iterable[Operation]) -> dict[bytes, int]:
    """Below which paths larger bodies are taken than usual, with how many octets."""
    found: dict[bytes, int] = {}
    for each in operations:
        if each.most > MAX_BODY:
            place = f"{ROOT}/{each.path.split('/')[1]}".encode("ascii")
            found[place] = max(each.most, found.get(place, 0))
    return found


def methods(operations: Iterable[Operation], path: str) -> str:
    """The methods of a path, as the header Allow has them; of paths that fit, the one with fewest holes is meant."""
    path = path.removeprefix(ROOT)
    fitting = [(each.path.count("{"), each.method) for each in operations if _fits(each.path, path)]
    found = {method for holes, method in fitting if holes == min(fitting)[0]}
    return ", ".join(sorted(found | ({"HEAD"} if "GET" in found else set())))


def _fits(place: str, path: str) -> bool:
    ours, theirs = place.split("/"), path.split("/")
    return len(ours) == len(theirs) and all(a == b or "{" in a for a, b in zip(ours, theirs, strict=True))


def _add(
    app: Klein, operation: Operation, shows: Operation | None, installation: Installation, clock: IReactorTime
) -> None:
    place = ROOT + _HOLE.sub(r"<string:\1>", operation.path)

    @app.route(place, methods=[operation.method], endpoint=operation.id)
    async def run(request: Request, **path: str) -> bytes:
        answer = _answer(operation, shows, installation, clock, request, path)
        return await (answer if operation.method == "GET" else carried_on(Deferred.fromCoroutine(answer)))


def caller_of(request: Request) -> Caller:
    """Who asks, as `http.front` found out."""
    found = getattr(request, "caller", None)
    assert isinstance(found, Caller), "nothing below /api is reached without a caller"
    return found


async def _answer(
    operation: Operation,
    shows: Operation | None,
    installation: Installation,
    clock: IReactorTime,
    request: Request,
    path: dict[str, str],
) -> bytes:
    """The body of the answer; `shows` is the operation that shows what stands at the same place."""
    caller = caller_of(request)
    _require(operation, caller)
    asking = installation.asked_by(caller)
    wanted, body = query_of(request, operation.query), await _body(operation, asking, request)
    asked = Asked(asking, request, path, wanted, body, clock)
    if operation.method in CHANGING and etag.names_a_state(request):
        etag.require_match(request, await _shown(shows, asked))

    async def act() -> bytes:
        found = await _acted(operation, asked)
        request.setResponseCode(operation.status)
        if found is None:
            return b""
        paging.point_on(request, wanted, found)
        return found if isinstance(found, bytes) else query.send_json(request, found)

    if operation.method == "POST" and not operation.keyed:
        return await once(asking, caller, request, act)
    answer = await act()
    return etag.tagged(request, answer) if operation.tagged else answer


async def _acted(operation: Operation, asked: Asked[Any, Any]) -> object:
    try:
        return await operation.act(asked)
    except Invalid as error:
        member = operation.members.get(error.field, error.field)
        raise Problem(409 if isinstance(error, Taken) else 400, f"{member}: {error.reason}", member) from error


async def _shown(shows: Operation | None, asked: Asked[Any, Any]) -> bytes | None:
    """What GET of the same place would answer, None where it has no tags."""
    if shows is None or not shows.tagged:
        return None
    said = {
        name: getattr(asked.query, name) for name in type(asked.query).model_fields if name in shows.query.model_fields
    }
    return query.json_of(await _acted(shows, replace(asked, query=shows.query.model_construct(**said), body=None)))


def _require(operation: Operation, caller: Caller) -> None:
    if operation.administrator and not caller.administrator:
        raise Problem(403, "only an administrator may do this")
    if not caller.may(operation.scope):
        raise Problem(403, f"the token lacks the scope {operation.scope}", more={"scope": operation.scope})


async def _body(operation: Operation, installation: Installation, request: Request) -> BaseModel | None:
    if operation.body is None and not operation.takes:
        return None
    require_plain(request)
    if operation.body is None:
        return None
    content = request.content
    assert content is not None, "a request that is rendered has a body, if an empty one"
    octets = content.read()
    if octets:
        require_json(request)
    if len(octets) < LARGE:
        return read(operation.body, octets)
    found: BaseModel = await installation.aside(read, operation.body, octets)
    return found
