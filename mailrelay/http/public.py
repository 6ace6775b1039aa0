"""The public pages, a site of their own: what the links in mail lead to.

``/o/TOKEN`` is the open pixel, ``/c/TOKEN`` sends a click to its target, ``/u/TOKEN`` unsubscribes, ``/w/TOKEN`` shows
a message, ``/confirm/TOKEN`` confirms a sender. A token says everything (`mail.token`); nothing else that comes in with
a request is believed, no cookie is set or read, and nothing depends on the Host header. Opens and clicks are answered
before anything is written, so they work while the store does not. Only POST unsubscribes (RFC 8058) and confirms, so
that no prefetcher can. A shown message is foreign HTML: it stands under a policy that lets it run nothing, submit
nothing, and load pictures alone. Klein imports the reactor, so this module is imported only by whoever serves these
pages, and late.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import Request as HttpRequest
from twisted.web.iweb import IRequest
from twisted.web.server import Request, Site
from werkzeug.exceptions import HTTPException

from ..interfaces.engagement import Engagement, IEngagement
from ..interfaces.web_version import IWebVersions
from ..mail.envelope import SECOND, made_at
from ..mail.event import Event
from ..mail.header import one_line
from ..mail.reply import Refusal
from ..mail.token import PATHS, BadToken, Purpose, Token, read
from ..policy.machines import machine
from . import front, public_views
from .acts import Acts
from .peer import NONE, Proxies, address_of
from .problem import Problem

#: Days for which a message can be read.
WEB_VERSION_DAYS = 90
#: Days for which a sender can be confirmed.
CONFIRMATION_DAYS = 7
_DAY = 86_400 * SECOND
#: Characters that are kept of what a program calls itself.
AGENT = 200
_RETRY_AFTER = b"60"

POLICY = (
    f"default-src 'none'; style-src {public_views.STYLE_SOURCE}; img-src data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
).encode("ascii")
#: What a message shown in the browser may do.
FOREIGN = b"default-src 'none'; img-src https:; style-src 'unsafe-inline'; sandbox"

#: One transparent pixel.
PIXEL = binascii.a2b_base64("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==")

_TARGET = re.compile(rb"https?://[!-~]+", re.I)
_ONE_CLICK = (b"List-Unsubscribe", b"One-Click")  #: RFC 8058 3.2
_CONFIRMED = (b"confirm", b"yes")
_PURPOSES = (b"Sec-Purpose", b"Purpose", b"X-Purpose", b"X-Moz")

log = Logger()


@dataclass(frozen=True, slots=True)
class Pages:
    """What the pages stand on: `confirm` makes an address of an account a confirmed sender, `secret` gives that of a
    link key that is believed, by number; `now` microseconds since 1970, `new_id` a fresh ULID."""

    engagement: IEngagement
    confirm: Callable[[str, str], Deferred[None]]
    web_versions: IWebVersions
    acts: Acts
    secret: Callable[[int], bytes | None]
    now: Callable[[], int]
    new_id: Callable[[], str]


def make_public_site(
    pages: Pages, public_url: str, clock: IReactorTime, *more: Callable[[Klein], None], proxies: Proxies = NONE
) -> Site:
    """The site under `public_url`, with `more` routes; `proxies` are believed about who comes.

    Where that has a path, the pages stand both with it and without, for a proxy may leave it out.
    """
    app = Klein()
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = False
    _add_errors(app)
    for prefix in {"", urlsplit(public_url).path.rstrip("/")}:
        _add_routes(app, pages, prefix)
    for add in more:
        add(app)
    root = front.Front(app.resource(), None, _show)
    made = PublicSite(root, front.BoundedRequest, timeout=front.IDLE, reactor=clock)
    made.proxies = proxies
    return made


class PublicSite(front.QuietSite):
    """A site that logs what was changed or failed, and no token."""

    def log(self, request: HttpRequest) -> None:
        if request.method == b"POST" or request.code >= 500:
            log.info(
                "{client} {method} {path} {code}",
                client=address_of(request),
                method=request.method.decode("ascii", "backslashreplace"),
                path=request.path.rpartition(b"/")[0].decode("ascii", "backslashreplace")[:40] + "/…",
                code=request.code,
            )


def _add_routes(app: Klein, pages: Pages, prefix: str) -> None:
    @app.route(f"{prefix}/robots.txt", methods=["GET"])
    def robots(request: IRequest) -> bytes:
        request.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
        return b"User-agent: *\nDisallow: /\n"

    @app.route(f"{prefix}/{PATHS[Purpose.OPEN]}/<string:token>", methods=["GET"])
    def opened(request: Request, token: str) -> bytes:
        said = _read(pages, token, Purpose.OPEN)
        pages.acts.add(_act(pages, request, said, Event.OPENED))
        request.setHeader(b"Content-Type", b"image/gif")
        request.setHeader(b"Content-Length", b"%d" % len(PIXEL))
        # a mail program or its proxy shows it in a page of its own
        request.setHeader(b"Cross-Origin-Resource-Policy", b"cross-origin")
        request.setHeader(b"Cache-Control", b"no-store, max-age=0")
        return PIXEL

    @app.route(f"{prefix}/{PATHS[Purpose.CLICK]}/<string:token>", methods=["GET"])
    def clicked(request: Request, token: str) -> bytes:
        said = _read(pages, token, Purpose.CLICK)
        if not _TARGET.fullmatch(said.target):
            raise Problem(404)
        pages.acts.add(_act(pages, request, said, Event.CLICKED))
        request.setResponseCode(302)
        request.setHeader(b"Location", said.target)
        return b""

    @app.route(f"{prefix}/{PATHS[Purpose.UNSUBSCRIBE]}/<string:token>", methods=["GET"])
    def unsubscribe_page(request: Request, token: str) -> bytes:
        said = _read(pages, token, Purpose.UNSUBSCRIBE)
        field, value = (each.decode("ascii") for each in _ONE_CLICK)
        return send(request, public_views.asking(language(request), "unsubscribe", said.mailbox, field, value))

    @app.route(f"{prefix}/{PATHS[Purpose.UNSUBSCRIBE]}/<string:token>", methods=["POST"])
    async def unsubscribe(request: Request, token: str) -> bytes:
        said = _read(pages, token, Purpose.UNSUBSCRIBE)
        if b"?" in request.uri or request.args != {_ONE_CLICK[0]: [_ONE_CLICK[1]]}:
            return notice(request, 400, "wrong_form")
        act = _act(pages, request, said, Event.UNSUBSCRIBED)
        try:
            await pages.engagement.unsubscribe(said.account, said.mailbox, act)
        except KeyError:
            pass  # an account that is gone sends nothing
        except Refusal as refusal:
            return _later(request, refusal)
        return send(request, public_views.told(language(request), "unsubscribed", said.mailbox))

    @app.route(f"{prefix}/{PATHS[Purpose.WEB_VERSION]}/<string:token>", methods=["GET"])
    async def web_version(request: Request, token: str) -> bytes:
        said = _read(pages, token, Purpose.WEB_VERSION)
        if _is_old(pages, said, WEB_VERSION_DAYS):
            return notice(request, 410, "gone", days=WEB_VERSION_DAYS)
        try:
            shown = await pages.web_versions.read(said.recipient)
        except KeyError:
            return notice(request, 410, "gone", days=WEB_VERSION_DAYS)
        if not shown.html:
            return send(request, public_views.plain_message(language(request), shown.text))
        body = send(request, shown.text.encode("utf-8", "replace"))
        request.setHeader(b"Content-Security-Policy", FOREIGN)
        return body

    @app.route(f"{prefix}/{PATHS[Purpose.CONFIRM]}/<string:token>", methods=["GET"])
    def confirmation_page(request: Request, token: str) -> bytes:
        said = _read(pages, token, Purpose.CONFIRM)
        if _is_old(pages, said, CONFIRMATION_DAYS):
            return notice(request, 410, "unconfirmed", days=CONFIRMATION_DAYS)
        field, value = (each.decode("ascii") for each in _CONFIRMED)
        return send(request, public_views.asking(language(request), "confirm", said.mailbox, field, value))

    @app.route(f"{prefix}/{PATHS[Purpose.CONFIRM]}/<string:token>", methods=["POST"])
    async def confirm(request: Request, token: str) -> bytes:
        said = _read(pages, token, Purpose.CONFIRM)
        if b"?" in request.uri or request.args != {_CONFIRMED[0]: [_CONFIRMED[1]]}:
            return notice(request, 400, "wrong_form")
        if _is_old(pages, said, CONFIRMATION_DAYS):
            return notice(request, 410, "unconfirmed", days=CONFIRMATION_DAYS)
        try:
            await pages.confirm(said.account, said.mailbox)
        except KeyError:  # nobody asks for it any more
            return notice(request, 410, "unconfirmed", days=CONFIRMATION_DAYS)
        except Refusal as refusal:
            return _later(request, refusal)
        return send(request, public_views.told(language(request), "confirmed", said.mailbox))


def _is_old(pages: Pages, said: Token, days: int) -> bool:
    return pages.now() - made_at(said.recipient) > days * _DAY


def _later(request: IRequest, refusal: Refusal) -> bytes:
    """What could not be written is not said to be done."""
    log.error("what a public page was asked for could not be written: {refusal}", refusal=refusal)
    request.setHeader(b"Retry-After", _RETRY_AFTER)
    return notice(request, 503, "later")


def _read(pages: Pages, token: str, purpose: Purpose) -> Token:
    try:
        return read(token, purpose, pages.secret)
    except BadToken:
        raise Problem(404) from None


def _act(pages: Pages, request: Request, said: Token, act: Event) -> Engagement:
    agent = one_line((request.getHeader(b"User-Agent") or b"").decode("utf-8", "replace"))[:AGENT]
    made_by = ""
    if act is not Event.UNSUBSCRIBED:
        purposes = [given.decode("latin-1") for name in _PURPOSES if (given := request.getHeader(name))]
        method = request.method.decode("ascii", "replace")
        made_by = machine(agent, click=act is Event.CLICKED, method=method, purposes=purposes)
    return Engagement(
        id=pages.new_id(),
        recipient=said.recipient,
        act=act,
        at=pages.now(),
        machine=made_by,
        target=said.target.decode("ascii"),
        address=address_of(request)[:64],
        agent=agent,
    )


def language(request: IRequest) -> str:
    """The language of a page for whoever asks."""
    return public_views.language((request.getHeader(b"Accept-Language") or b"").decode("latin-1"))


def send(request: IRequest, body: bytes) -> bytes:
    """Put a page into the response."""
    request.setHeader(b"Content-Type", b"text/html; charset=utf-8")
    request.setHeader(b"Content-Security-Policy", POLICY)
    request.setHeader(b"X-Robots-Tag", b"noindex, nofollow")
    request.setHeader(b"Vary", b"Accept-Language")
    request.setHeader(b"Content-Length", b"%d" % len(body))
    return body


def notice(request: IRequest, status: int, key: str, **fields: object) -> bytes:
    """Put a page that says one thing into the response."""
    request.setResponseCode(status)
    return send(request, public_views.notice(language(request), key, **fields))


def _show(request: IRequest, problem: Problem) -> bytes:
    problem.head(request)
    key = "unknown" if problem.status < 500 else "later"
    return send(request, public_views.notice(language(request), key))


def _add_errors(app: Klein) -> None:
    @app.handle_errors(Problem)
    def problem(request: IRequest, failure: Failure) -> bytes:
        return _show(request, cast(Problem, failure.value))

    @app.handle_errors(HTTPException)
    def unrouted(request: IRequest, failure: Failure) -> bytes:
        return _show(request, Problem(cast(HTTPException, failure.value).code or 500))

    @app.handle_errors(Exception)
    def unexpected(request: IRequest, failure: Failure) -> bytes:
        log.failure("a public page failed", failure)
        return _show(request, Problem(500))
