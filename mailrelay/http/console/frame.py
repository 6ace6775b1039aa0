"""What all pages of the console stand on: the visit behind a request, and the page that goes back."""

from __future__ import annotations

from twisted.web.iweb import IRequest

from ...manage.installation import Installation
from . import look
from .visit import Visit, visit

POLICY = (
    b"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; "
    b"base-uri 'none'; frame-ancestors 'none'"
)


class Console:
    """The console of one installation."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation

    async def visit(self, request: IRequest) -> Visit:
        """Who comes; fails with `SignInFirst`."""
        return await visit(request, self.installation)

    def page(self, request: IRequest, visit: Visit, title: str, *body: str, here: str = "") -> bytes:
        """Put a page into the response."""
        return send(request, look.page(title, *body, caller=visit.caller, key=visit.key, here=here))

    def go(self, request: IRequest, path: str) -> bytes:
        """Send the browser on, after a form."""
        request.setResponseCode(303)
        request.setHeader(b"Location", path.encode("ascii"))
        return b""


def send(request: IRequest, body: bytes) -> bytes:
    """Put octets of a page into the response."""
    request.setHeader(b"Content-Type", b"text/html; charset=utf-8")
    request.setHeader(b"Content-Security-Policy", POLICY)
    request.setHeader(b"Content-Length", b"%d" % len(body))
    return body
