"""Carries operations out: finds who asks, reads and checks what is asked, calls, and writes down what comes back.

The order is the same for all: the token (401, by `http.front`, before any route is looked for), what it may (403), the
form of the body (415) and what stands in query and body (400), then the use case, of whose own errors `Unknown` is 404,
`Taken` 409 and `Invalid` 400. Each names the member that the caller gave.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from klein import Klein
from pydantic import BaseModel
from twisted.internet.interfaces import IReactorTime
from twisted.web.server import Request

from ..manage.caller import Caller
from ..manage.errors import Invalid, Taken
from ..manage.installation import Installation
from . import query
from .operation import MAX_BODY, Asked, Operation
from .problem import Problem
from .reading import query_of, read, require_json, require_plain

ROOT = "/api/v1"
#: Octets from which a body is taken apart in a thread.
LARGE = 64 * 1024
_HOLE = re.compile(r"\{(\w+)\}")


def add_routes(app: Klein, operations: Iterable[Operation], installation: Installation, clock: IReactorTime) -> None:
    """Serve operations."""
    for each in operations:
        _add(app, each, installation, clock)


def bounds(operations: Iterable[Operation]) -> dict[bytes, int]:
    """Below which paths larger bodies are taken than usual, with how many octets."""
    found: dict[bytes, int] = {}
    for each in operations:
        if each.most > MAX_BODY:
            place = f"{ROOT}/{each.path.split('/')[1]}".encode("ascii")
            found[place] = max(each.most, found.get(place, 0))
    return found


def _add(app: Klein, operation: Operation, installation: Installation, clock: IReactorTime) -> None:
    place = ROOT + _HOLE.sub(r"<string:\1>", operation.path)

    @app.route(place, methods=[operation.method], endpoint=operation.id)
    async def run(request: Request, **path: str) -> bytes:
        return await _answer(operation, installation, clock, request, path)


def caller_of(request: Request) -> Caller:
    """Who asks, as `http.front` found out."""
    found = getattr(request, "caller", None)
    assert isinstance(found, Caller), "nothing below /api is reached without a caller"
    return found


async def _answer(
    operation: Operation, installation: Installation, clock: IReactorTime, request: Request, path: dict[str, str]
) -> bytes:
    caller = caller_of(request)
    _require(operation, caller)
    asking = installation.asked_by(caller)
    wanted, body = query_of(request, operation.query), await _body(operation, asking, request)
    asked = Asked(asking, request, path, wanted, body, clock)
    try:
        found = await operation.act(asked)
    except Invalid as error:
        member = operation.members.get(error.field, error.field)
        raise Problem(409 if isinstance(error, Taken) else 400, f"{member}: {error.reason}", member) from error
    request.setResponseCode(operation.status)
    if found is None:
        return b""
    return found if isinstance(found, bytes) else query.send_json(request, found)


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
