"""The front of the web server: what every request meets before and behind the routes.

It bounds bodies before they are read, refuses paths that are no text, finds out who bears the token that everything
below ``/api`` asks for, puts security headers on every answer, and logs changes and failures without the query, since a
query may hold a token. It knows no route.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, ITCPTransport
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from ..manage.caller import Caller
from .callers import ICallers
from .guard import CHALLENGE, bearer
from .operation import MAX_BODY
from .peer import NONE, Proxies, address_of
from .problem import CONTENT_TYPE, Problem

MAX_DISCARDED = (
    1024 * 1024
)  #: octets of a refused body that are taken off the wire, so that its sender reads the refusal
IDLE = 60  #: seconds a connection may stand still

HEADERS = {
    b"Server": b"mailrelay",
    b"Cache-Control": b"no-store",
    b"Content-Security-Policy": b"default-src 'none'; frame-ancestors 'none'",
    b"Cross-Origin-Opener-Policy": b"same-origin",
    b"Cross-Origin-Resource-Policy": b"same-origin",
    b"Referrer-Policy": b"no-referrer",
    b"X-Content-Type-Options": b"nosniff",
    b"X-Frame-Options": b"DENY",
}

log = Logger()

#: How a problem is shown; gives the body.
Show = Callable[[IRequest, Problem], bytes]


#: Lets a caller's request pass, or fails with a `Problem`.
Keep = Callable[[Caller, IRequest], Awaitable[None]]


class BoundedRequest(Request):
    """A request whose body is refused, not read, when it is too big."""

    _received = 0
    _discarded = 0
    _refused = False

    _most = MAX_BODY

    def gotLength(self, length: int | None) -> None:
        # the request line is known to the channel alone at this time
        path = getattr(self.channel, "_path", b"").partition(b"?")[0]
        if getattr(self.channel, "_command", b"") in (b"POST", b"PUT"):
            uploads: Mapping[bytes, int] = getattr(getattr(self.channel, "site", None), "uploads", {})
            self._most = uploads.get(b"/".join(path.split(b"/")[:4]), MAX_BODY)
            # a large form would be taken apart at once, in seconds in which nothing else happens
            self._parsePOSTFormSubmission = length is not None and length <= MAX_BODY
        # a body that is not small, or whose length is not said, goes to a temporary file
        super().gotLength(min(self._most if length is None else length, self._most))
        if length is not None and length > self._most:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:
        self._received += len(data)
        if not self._refused and self._received <= self._most:
            super().handleContentChunk(data)
        elif not self._refused:
            self._refuse()
        elif (discarded := self._discarded + len(data)) <= MAX_DISCARDED:
            self._discarded = discarded
        else:
            cast(ITCPTransport, self.channel.transport).abortConnection()

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        if self._refused:
            self.channel.loseConnection()
        else:
            super().requestReceived(command, path, version)

    def _refuse(self) -> None:
        """Answer at once, before the body is here; the request itself is never processed."""
        self._refused = True
        if self.content is not None:
            self.content.close()  # nobody will come to the end of it
        # no "100 Continue" behind the refusal
        self.requestHeaders.removeHeader(b"Expect")
        body = Problem(413, f"a request's body may have at most {self._most} octets here").encode()
        headers = {
            **HEADERS,
            b"Content-Type": CONTENT_TYPE,
            b"Content-Length": b"%d" % len(body),
            b"Connection": b"close",
        }
        lines = [b"HTTP/1.1 413 Content Too Large", *(b": ".join(header) for header in headers.items())]
        self.channel.write(b"\r\n".join([*lines, b"", body]))

    def getRequestHostname(self) -> bytes:
        # No answer depends on the Host header; routing must not fail on one that is no host name.
        return b"localhost"


class Front(Resource):
    """The root resource: everything goes to `routes` once it may; without `callers` there is nothing to guard. Below
    ``/api`` only the paths in `open` are for everybody; `keep` lets a caller's request pass."""

    isLeaf = True

    def __init__(
        self,
        routes: IResource,
        callers: ICallers | None,
        show: Show,
        open: Collection[str] = frozenset(),
        keep: Keep | None = None,
    ) -> None:
        super().__init__()
        self._routes = routes
        self._callers = callers
        self._show = show
        self._open = open
        self._keep = keep

    def render(self, request: Request) -> bytes | int:
        for name, value in HEADERS.items():
            request.setHeader(name, value)
        try:
            segments = _segments(request)
            if self._callers is not None and segments[:1] == ["api"] and "/".join(segments) not in self._open:
                Deferred.fromCoroutine(self._enter(request, self._callers)).addErrback(self._failed, request)
            else:
                self._routes.render(request)
        except Problem as problem:
            return self._show(request, problem)
        except Exception:
            log.failure("request to {path} failed", path=_path(request))
            return self._show(request, Problem(500))
        return NOT_DONE_YET

    async def _enter(self, request: Request, callers: ICallers) -> None:
        """Let in who bears a token."""
        found = await callers.find(bearer(request), address_of(request))
        if found is None:
            raise Problem(401, "send the header Authorization: Bearer <token>", headers=CHALLENGE)
        if self._keep is not None:
            await self._keep(found, request)
        if not request._disconnected:
            request.caller = found  # type: ignore[attr-defined]
            self._routes.render(request)

    def _failed(self, failure: Failure, request: Request) -> None:
        problem = failure.value
        if not isinstance(problem, Problem):
            log.failure("request to {path} failed", failure, path=_path(request))
            problem = Problem(500)
        if not request._disconnected:
            body = self._show(request, problem)
            request.setHeader(b"Content-Length", b"%d" % len(body))
            request.write(body)
            request.finish()


def _segments(request: Request) -> list[str]:
    """The path without its percent signs, of which there is only one reading."""
    try:
        segments = [segment.decode("utf-8") for segment in request.postpath or ()]
    except UnicodeDecodeError:
        raise Problem(400, "the path is not UTF-8") from None
    # Routing joins the segments again and drops leading slashes: "//api" and "/%2Fapi" would pass as "/api", unguarded.
    if not all(segments[:-1]) or any("/" in segment for segment in segments):
        raise Problem(404)
    return segments


def _path(request: http.Request) -> str:
    return request.path.decode("ascii", "backslashreplace")


class QuietSite(Site):
    """A site that logs changes and failures, without the query; who only looks, as an open page does every two
    seconds, leaves no trace."""

    noisy = False
    #: below which paths a body may be larger, with how many octets
    uploads: Mapping[bytes, int] = {}
    #: that say where requests come from
    proxies = NONE

    def log(self, request: http.Request) -> None:
        if request.method in (b"GET", b"HEAD") and request.code < 400:
            return
        log.info(
            "{client} {method} {path} {code}",
            client=address_of(request),
            method=request.method.decode("ascii", "backslashreplace"),
            path=_path(request),
            code=request.code,
        )


def site(front: Front, clock: IReactorTime, uploads: Mapping[bytes, int], proxies: Proxies = NONE) -> Site:
    """The factory of the HTTP port; idle connections end by `clock`. Below the paths of `uploads` a body may have so
    many octets, and these proxies are believed."""
    made = QuietSite(front, BoundedRequest, timeout=IDLE, reactor=clock)
    made.uploads = uploads
    made.proxies = proxies
    return made
