"""Who may see the sandbox's pages: who shows the token of the configuration, by a cookie that is derived from it.

The cookie proves that its browser once knew the token; the token itself is never put into one. Cookies do not tell the
ports of a host apart, so the cookie's name is derived from the token, too. Comparisons take the same time whatever
they find. Nothing here logs.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

from twisted.web.iweb import IRequest
from twisted.web.server import Request

from .peer import is_secure
from .problem import Problem

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="mailrelay"'}


def bearer(request: IRequest) -> str:
    """The token that a request bears (RFC 6750 2.1), "" for none."""
    scheme, _, token = (request.getHeader(b"Authorization") or b"").partition(b" ")
    return token.strip().decode("utf-8", "surrogateescape") if scheme.lower() == b"bearer" else ""


class Guard:
    """Knows the API token of an installation."""

    def __init__(self, token: str) -> None:
        if not token:
            raise ValueError("an empty token would let everybody in")
        self._token = token.encode("utf-8")
        self._cookie_name = b"mailrelay_" + self._derive(b"cookie name")[:8]
        self._cookie = self._derive(b"cookie")
        #: what a form of a page must carry, so that no other site can send it
        self.form_key = self._derive(b"form").decode("ascii")

    def _derive(self, purpose: bytes) -> bytes:
        return hmac.new(self._token, b"mailrelay " + purpose, sha256).hexdigest().encode("ascii")

    def knows(self, token: str) -> bool:
        """Is this the token?"""
        return hmac.compare_digest(token.encode("utf-8", "surrogateescape"), self._token)

    def bears(self, request: IRequest) -> bool:
        """Does the request carry the token as a bearer?"""
        return self.knows(bearer(request))

    def admits(self, request: IRequest) -> bool:
        """May this request see the pages: by its cookie, or as a bearer?"""
        cookie = request.getCookie(self._cookie_name) or b""
        return hmac.compare_digest(cookie, self._cookie) or self.bears(request)

    def sign_in(self, request: Request) -> None:
        """Give the browser its cookie, until it closes."""
        self._set_cookie(request, self._cookie)

    def sign_out(self, request: Request) -> None:
        """Take the cookie back."""
        self._set_cookie(request, b"", max_age=0)

    def _set_cookie(self, request: Request, value: bytes, max_age: int | None = None) -> None:
        request.addCookie(
            self._cookie_name,
            value,
            path=b"/sandbox",
            max_age=None if max_age is None else b"%d" % max_age,
            secure=is_secure(request),
            httpOnly=True,
            sameSite=b"strict",
        )

    def require_form(self, request: IRequest) -> None:
        """Raise the `Problem` that a form without our key gets."""
        given = (request.args.get(b"key") or [b""])[0]
        if not hmac.compare_digest(given, self.form_key.encode("ascii")):
            raise Problem(403, "this form is not ours")
