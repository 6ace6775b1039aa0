"""The sandbox's mail for people: ``/sandbox`` lists it, ``/sandbox/ID`` shows one message.

The API token opens the pages once, by a form or as ``/sandbox?token=…``, and a cookie keeps them open until the browser
closes. A message's own HTML is a document apart, in a frame that can run nothing and load nothing. Nothing here comes
from outside: style and script are files of this package.
"""

from __future__ import annotations

from importlib import resources

from klein import Klein
from twisted.web.iweb import IRequest
from twisted.web.server import Request

from ..interfaces.sandbox import IInbox
from . import letter, query, sandbox, views
from .guard import Guard
from .problem import Problem

SHOWN = 200  #: messages on a page unless asked otherwise

POLICY = (
    b"default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; frame-src 'self'; "
    b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
FRAME_POLICY = (
    f"sandbox {views.FRAME}; default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
).encode("ascii")

_ASSETS = {"page.css": b"text/css; charset=utf-8", "page.js": b"text/javascript; charset=utf-8"}


def send_page(request: IRequest, body: bytes) -> bytes:
    """Put a page into the response."""
    request.setHeader(b"Content-Type", b"text/html; charset=utf-8")
    request.setHeader(b"Content-Security-Policy", POLICY)
    request.setHeader(b"Content-Length", b"%d" % len(body))
    return body


def send_framed(request: IRequest, body: bytes) -> bytes:
    """Put a document of `views.framed` into the response, for a frame of our own pages and nothing else."""
    send_page(request, body)
    request.setHeader(b"Content-Security-Policy", FRAME_POLICY)
    request.setHeader(b"X-Frame-Options", b"SAMEORIGIN")
    return body


def show_problem(request: IRequest, problem: Problem) -> bytes:
    """A problem as a page; one that needs signing in becomes the form for it."""
    problem.head(request)
    if problem.status == 401:
        return send_page(request, views.sign_in(wrong=bool(problem.detail)))
    return send_page(request, views.problem(problem.title, problem.detail))


def _redirect(request: IRequest, path: bytes) -> bytes:
    request.setResponseCode(303)
    request.setHeader(b"Location", path)
    return b""


def add_routes(app: Klein, guard: Guard, inbox: IInbox, first_mail: str) -> None:
    """Serve the pages."""
    folder = resources.files(__package__) / "assets"
    assets = {name: (folder / name).read_bytes() for name in _ASSETS}

    def require_sign_in(request: IRequest) -> None:
        if not guard.admits(request):
            raise Problem(401)

    def enter(request: Request, token: str) -> bytes:
        if not guard.knows(token.strip()):
            raise Problem(401, "that is not the token")
        guard.sign_in(request)
        return _redirect(request, b"/sandbox")

    @app.route("/", methods=["GET"])
    def root(request: IRequest) -> bytes:
        return _redirect(request, b"/sandbox")

    @app.route("/sandbox/assets/<string:name>", methods=["GET"])
    def asset(request: IRequest, name: str) -> bytes:
        if name not in assets:
            raise Problem(404)
        request.setHeader(b"Content-Type", _ASSETS[name])
        return assets[name]

    @app.route("/sandbox", methods=["GET"])
    async def inbox_page(request: Request) -> bytes:
        if query.text(request, "token"):
            return enter(request, query.text(request, "token"))
        require_sign_in(request)
        limit = query.number(request, "limit", SHOWN, sandbox.MAX_LIMIT)
        found = await sandbox.listing(request, inbox, SHOWN)
        to = query.address(request, "to")
        return send_page(request, views.inbox(found, to, limit, guard.form_key, first_mail))

    @app.route("/sandbox/sign-in", methods=["POST"])
    def sign_in(request: Request) -> bytes:
        return enter(request, query.text(request, "token"))

    @app.route("/sandbox/sign-out", methods=["POST"])
    def sign_out(request: Request) -> bytes:
        guard.require_form(request)
        guard.sign_out(request)
        return _redirect(request, b"/sandbox")

    @app.route("/sandbox/clear", methods=["POST"])
    async def clear(request: IRequest) -> bytes:
        require_sign_in(request)
        guard.require_form(request)
        await inbox.clear()
        return _redirect(request, b"/sandbox")

    @app.route("/sandbox/<string:id>.eml", methods=["GET"])
    async def download(request: IRequest, id: str) -> bytes:
        require_sign_in(request)
        return await sandbox.source(request, inbox, id)

    @app.route("/sandbox/<string:id>", methods=["GET"])
    async def message_page(request: IRequest, id: str) -> bytes:
        require_sign_in(request)
        kept = await inbox.message(id).addErrback(sandbox.not_found)
        octets = await inbox.source(id).addErrback(sandbox.not_found)
        shown = octets[: views.SHOWN].decode("utf-8", "replace")
        return send_page(request, views.message(kept, letter.read(octets), shown, guard.form_key))

    @app.route("/sandbox/<string:id>/body.html", methods=["GET"])
    async def framed(request: IRequest, id: str) -> bytes:
        require_sign_in(request)
        octets = await inbox.source(id).addErrback(sandbox.not_found)
        return send_framed(request, views.framed(letter.read(octets).html))
