"""What all pages of the console stand on: the visit behind a request, the page that goes back, and what it says once.

What has just been done is told by the page that a form leads to: `Console.go` leaves the words in a cookie, which the
next page shows and takes away. The theme is a cookie, too, so that no page flashes in the wrong one.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, unquote

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.web.iweb import IRequest
from twisted.web.server import Request

from ...manage.installation import Installation
from ..peer import is_secure
from . import layout
from .visit import PATH, Visit, visit

POLICY = (
    b"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; frame-src 'self'; "
    b"connect-src 'self'; "
    b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
THEME, SAID = b"mailrelay_theme", b"mailrelay_said"
_YEAR = 365 * 86_400
_LONGEST = 500


class Console:
    """The console of one installation."""

    def __init__(self, installation: Installation, clock: IReactorTime, sandbox: bool = False) -> None:
        self.installation = installation
        self.sandbox = sandbox
        self._clock = clock

    async def pause(self, seconds: float) -> None:
        """Let time pass, so that a daemon gives back what it has in hand."""
        await deferLater(self._clock, seconds)

    async def visit(self, request: IRequest) -> Visit:
        """Who comes; fails with `SignInFirst`."""
        return await visit(request, self.installation)

    def page(
        self,
        request: Request,
        visit: Visit,
        title: str,
        *body: str,
        here: str = "",
        above: Sequence[tuple[str, str]] = (),
    ) -> bytes:
        """Put a page into the response."""
        path = request.path.decode("latin-1")
        frame = layout.Frame(visit.caller, visit.key, _theme(request), path, _said(request), self.sandbox, visit.acting)
        return send(request, layout.page(title, *body, frame=frame, here=here, above=above))

    def go(self, request: Request, path: str, said: str = "") -> bytes:
        """Send the browser on, after a form; the page there tells what was done."""
        if said:
            _cookie(request, SAID, quote(said[:_LONGEST]).encode("ascii"), 60)
        request.setResponseCode(303)
        request.setHeader(b"Location", path.encode("ascii"))
        return b""


def bare(request: Request, title: str, *body: str) -> bytes:
    """Put a page into the response that nobody needs to be signed in for."""
    return send(request, layout.page(title, *body, frame=layout.Frame(theme=_theme(request))))


def keep_theme(request: Request, theme: str) -> None:
    """Remember a theme; one that there is not is none."""
    known = theme in dict(layout.THEMES)
    _cookie(request, THEME, theme.encode("ascii") if known else b"", _YEAR if known and theme else 0)


def send(request: IRequest, body: bytes) -> bytes:
    """Put octets of a page into the response."""
    request.setHeader(b"Content-Type", b"text/html; charset=utf-8")
    request.setHeader(b"Content-Security-Policy", POLICY)
    request.setHeader(b"Content-Length", b"%d" % len(body))
    return body


def _theme(request: IRequest) -> str:
    found = (request.getCookie(THEME) or b"").decode("ascii", "replace")
    return found if found in dict(layout.THEMES) else ""


def _said(request: Request) -> str:
    found = request.getCookie(SAID)
    if not found:
        return ""
    _cookie(request, SAID, b"", 0)
    return unquote(found.decode("ascii", "replace"))[:_LONGEST]


def _cookie(request: Request, name: bytes, value: bytes, seconds: int) -> None:
    request.addCookie(
        name, value, path=PATH, max_age=b"%d" % seconds, secure=is_secure(request), httpOnly=True, sameSite=b"strict"
    )
