"""The console's routes: assets, signing in and out, and the pages; how what goes wrong is shown below ``/console``."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import resources

from klein import Klein
from twisted.internet.interfaces import IReactorTime
from twisted.web.iweb import IRequest
from twisted.web.server import Request

from ...manage import sessions
from ...manage.errors import Invalid
from ...manage.files import MAX_FILE
from ...manage.imports import MOST_OCTETS
from ...manage.installation import Installation
from ...manage.rights import require_administrator
from .. import query
from ..api.templates import MAX_BODY as FORM
from ..markup import Markup, tag
from ..peer import address_of
from ..problem import Problem
from . import (
    balance,
    changes,
    connection_settings,
    connections,
    domains,
    events,
    files,
    history,
    home,
    look,
    message,
    people,
    prices,
    queue,
    relay,
    senders,
    settings,
    shaping,
    statistics,
    suppressions,
    templates,
    tokens,
    ways,
    webhooks,
)
from .card import Outside
from .frame import Console, bare, keep_theme
from .jobs import Jobs
from .previews import Previews
from .visit import keep, token_of

#: Pages of the console, to which a form may lead back.
_OURS = re.compile(r"/console(?:/[A-Za-z0-9_.@-]+)*")
_ASSETS = {"console.css": b"text/css; charset=utf-8", "console.js": b"text/javascript; charset=utf-8"}

#: Below which paths a form may be larger than usual, with how many octets.
BOUNDS = {
    b"/console/template": FORM,
    b"/console/templates/new": FORM,
    b"/console/suppressions/import": MOST_OCTETS + FORM,
    b"/console/files/add": MAX_FILE + FORM,
}


def add_routes(
    app: Klein,
    installation: Installation,
    clock: IReactorTime,
    outside: Outside,
    enter_sandbox: Callable[[Request], None] | None = None,
) -> None:
    """Serve the console; `enter_sandbox` opens the sandbox's inbox to a browser, where there is one."""
    folder = resources.files("mailrelay.http") / "assets"
    assets = {name: (folder / name).read_bytes() for name in _ASSETS}
    console = Console(installation, clock, enter_sandbox is not None)

    @app.route("/console/assets/<string:name>", methods=["GET"])
    def console_asset(request: IRequest, name: str) -> bytes:
        if name not in assets:
            raise Problem(404)
        request.setHeader(b"Content-Type", _ASSETS[name])
        return assets[name]

    @app.route("/console/sign-in", methods=["GET"])
    def console_sign_in(request: Request) -> bytes:
        return sign_in(request)

    @app.route("/console/sign-in", methods=["POST"])
    async def console_signed_in(request: Request) -> bytes:
        name, password, code = (query.text(request, each) for each in ("name", "password", "code"))
        agent = (request.getHeader(b"User-Agent") or b"").decode("latin-1")
        try:
            signed = await sessions.sign_in(installation, name, password, code, address_of(request), agent)
        except sessions.Throttled as fault:
            request.setResponseCode(429)
            request.setHeader(b"Retry-After", b"%d" % fault.seconds)
            return sign_in(request, name, fault)
        except Invalid as fault:
            request.setResponseCode(403)
            return sign_in(request, name, fault)
        keep(request, signed.token)
        return console.go(request, "/console")

    @app.route("/console/sign-out", methods=["POST"])
    async def console_signed_out(request: Request) -> bytes:
        await console.visit(request)
        await sessions.sign_out(installation, token_of(request))
        keep(request, "")
        return console.go(request, "/console/sign-in")

    @app.route("/console/sandbox", methods=["GET"])
    async def console_sandbox(request: Request) -> bytes:
        visit = await console.visit(request)
        if enter_sandbox is None:
            raise Problem(404)
        require_administrator(visit.caller, "see the mail of all accounts")
        enter_sandbox(request)
        return console.go(request, "/sandbox")

    @app.route("/console/theme", methods=["POST"])
    async def console_theme(request: Request) -> bytes:
        await console.visit(request)
        keep_theme(request, query.text(request, "theme"))
        back = query.text(request, "back")
        return console.go(request, back if _OURS.fullmatch(back) else "/console")

    home.add_routes(app, console)
    connections.add_routes(app, console, outside)
    connection_settings.add_routes(app, console)
    statistics.add_routes(app, console)
    going = Jobs()
    history.add_routes(app, console, going)
    message.add_routes(app, console)
    domains.add_routes(app, console)
    senders.add_routes(app, console)
    webhooks.add_routes(app, console)
    previews = Previews()
    previews.add_routes(app, console)
    templates.add_routes(app, console, previews)
    queue.add_routes(app, console)
    prices.add_routes(app, console)
    balance.add_routes(app, console)
    changes.add_routes(app, console)
    settings.add_routes(app, console)
    people.add_routes(app, console)
    ways.add_routes(app, console)
    suppressions.add_routes(app, console, Jobs(), going)
    files.add_routes(app, console)
    tokens.add_routes(app, console)
    events.add_routes(app, console)
    relay.add_routes(app, console)
    shaping.add_routes(app, console)


def sign_in(request: Request, name: str = "", fault: Invalid | None = None) -> bytes:
    """The form that asks who comes; the code only of whom it was asked for."""
    about, words = (fault.field, fault.reason) if fault is not None else ("", "")
    needs_code = isinstance(fault, sessions.CodeNeeded)
    fields = [
        look.field("name", "Name", value=name, autocomplete="username", required=True, autofocus=not name),
        look.field(
            "password", "Password", words if about == "password" else "", type="password",
            autocomplete="current-password", required=True, autofocus=bool(name),
        ),
        look.field("code", "One-time code", words if needs_code else "", "Where your sign-in asks for one.",
                   autocomplete="one-time-code", inputmode="numeric"),
        look.button("Sign in"),
    ]  # fmt: skip
    made: Markup = tag("form", *fields, method="post", action="/console/sign-in", class_="stacked")
    return bare(request, "Sign in", made)


def show_problem(request: Request, problem: Problem) -> bytes:
    """A problem as a page."""
    problem.head(request)
    told = look.notice(problem.detail or "There is nothing here.")
    return bare(request, problem.title, told, tag("p", tag("a", "To the console", href="/console")))
