"""The web site of one installation, made of plain arguments and interfaces.

`make_site` puts the routes together and says how what goes wrong is shown: JSON for programs (RFC 9457), a page for
people below ``/sandbox``. A failure inside is logged once with its cause and shown as a bare 500. Klein imports the
reactor, so this module is imported only by whoever serves HTTP, and late.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from klein import Klein
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource
from twisted.web.server import Request, Site
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from ..interfaces.sandbox import IInbox
from ..manage.caller import TOKEN, Caller
from ..manage.errors import Forbidden, Invalid, Unknown
from ..manage.installation import Installation
from . import (
    described,
    dispatch,
    front,
    pages,
    uploads,
)
from .api import table
from .callers import ICallers, Known
from .console import routes as console
from .console.card import Outside
from .console.visit import SignInFirst
from .guard import Guard
from .health import Obstacles, health, readiness
from .operation import Operation
from .pace import ANY, Pace
from .peer import Proxies
from .problem import Problem

log = Logger()


async def _no_obstacles() -> Sequence[str]:
    return ()


def make_site(
    *,
    api_token: str,
    installation: Installation,
    clock: IReactorTime,
    obstacles: Obstacles = _no_obstacles,
    inbox: IInbox | None = None,
    first_mail: str = "",
    outside: Outside | None = None,
    callers: ICallers | None = None,
    pace: Pace = ANY,
    trusted_proxies: Sequence[str] = (),
) -> Site:
    """The site: the API, and with an `inbox` the sandbox's routes and pages.

    `first_mail` is a shell line that sends a mail, shown while the inbox is empty; `obstacles` tells why no mail can be
    taken; `outside` is where applications connect and whom to turn to, as the console tells them; `callers` knows the
    tokens of the API, which are the `api_token` and those that are kept if left out; `pace` is how many requests each
    may send; proxies in `trusted_proxies` are believed about who asks.
    """
    guard = Guard(api_token)
    installation = installation.asked_by(Caller(TOKEN, "api_token"))
    app = Klein()
    # A redirect to a tidier address would be built from the Host header.
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = False
    operations = table.operations(inbox)
    _add_errors(app, operations)
    dispatch.add_routes(app, operations, installation, clock)
    described.add_routes(app, operations, installation)
    uploads.add_routes(app, installation)
    enter = guard.sign_in if inbox is not None else None
    console.add_routes(app, installation, clock, outside or Outside(), enter)
    if inbox is not None:
        pages.add_routes(app, guard, inbox, first_mail)

    @app.route("/healthz", methods=["GET"])
    def healthz(request: IRequest) -> IResource:
        return health()

    @app.route("/readyz", methods=["GET"])
    def readyz(request: IRequest) -> IResource:
        return readiness(obstacles)

    async def keep(caller: Caller, request: IRequest) -> None:
        await pace.keep(installation.counters, caller, request)

    bounds = uploads.bounds(installation.dialects) | dispatch.bounds(operations) | console.BOUNDS
    root = front.Front(app.resource(), callers or Known(api_token, installation), _show, described.OPEN, keep)
    return front.site(root, clock, bounds, Proxies(trusted_proxies))


def _show(request: IRequest, problem: Problem) -> bytes:
    """A problem in the form that its reader expects."""
    if request.path == b"/console" or request.path.startswith(b"/console/"):
        return console.show_problem(cast(Request, request), problem)
    if request.path == b"/sandbox" or request.path.startswith(b"/sandbox/"):
        return pages.show_problem(request, problem)
    return problem.answer(request)


def _add_errors(app: Klein, operations: Sequence[Operation]) -> None:
    """Turn whatever a route raises into a problem; the first that fits is taken."""

    @app.handle_errors(SignInFirst)
    def sign_in_first(request: IRequest, failure: Failure) -> bytes:
        request.setResponseCode(303)
        request.setHeader(b"Location", b"/console/sign-in")
        return b""

    @app.handle_errors(Problem)
    def problem(request: IRequest, failure: Failure) -> bytes:
        return _show(request, cast(Problem, failure.value))

    @app.handle_errors(Invalid)
    def invalid(request: IRequest, failure: Failure) -> bytes:
        error = cast(Invalid, failure.value)
        return _show(request, Problem(400, str(error), error.field))

    @app.handle_errors(Unknown)
    def unknown(request: IRequest, failure: Failure) -> bytes:
        return _show(request, Problem(404, str(failure.value)))

    @app.handle_errors(Forbidden)
    def forbidden(request: IRequest, failure: Failure) -> bytes:
        return _show(request, Problem(403, str(failure.value)))

    @app.handle_errors(HTTPException)
    def unrouted(request: IRequest, failure: Failure) -> bytes:
        error = cast(HTTPException, failure.value)
        headers = {}
        if isinstance(error, MethodNotAllowed):
            usual = ", ".join(sorted(error.valid_methods or ()))
            path = request.path.decode("ascii", "replace")
            headers["Allow"] = (path.startswith(dispatch.ROOT) and dispatch.methods(operations, path)) or usual
        return _show(request, Problem(error.code or 500, headers=headers))

    @app.handle_errors(Exception)
    def unexpected(request: IRequest, failure: Failure) -> bytes:
        log.failure("request to {path} failed", failure, path=request.path.decode("ascii", "backslashreplace"))
        return _show(request, Problem(500))
