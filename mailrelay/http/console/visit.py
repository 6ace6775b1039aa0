"""One visit of a signed-in person: the cookie of the session, who it is, and the key that forms must carry.

Cookies do not tell the ports of a host apart, but every installation knows only its own sessions. The key of forms is
derived from the session's token, so no other site, and no other session, can send one. Nothing here logs.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from hashlib import sha256
from zoneinfo import ZoneInfo

from twisted.web.iweb import IRequest
from twisted.web.server import Request

from ...manage import names, sessions
from ...manage.caller import Caller
from ...manage.installation import Installation
from .. import query
from ..peer import address_of, is_secure
from ..problem import Problem

COOKIE = b"mailrelay_session"
PATH = b"/console"


@dataclass(frozen=True, slots=True)
class Visit:
    """`installation` is asked by `caller`; `key` goes into every form; times are told in `zone`, that of the caller's
    account, seen from `now` in microseconds since 1970. `acting` is the name of the account that an administrator acts
    for, "" for none."""

    installation: Installation
    caller: Caller
    key: str
    zone: tzinfo
    now: int
    acting: str = ""

    def with_key(self, key: str) -> Visit:
        """The same visit in a session that has just taken the place of another."""
        return replace(self, key=key)


class SignInFirst(Exception):
    """Nobody is signed in: whoever comes is shown the form for it."""


async def visit(request: IRequest, installation: Installation) -> Visit:
    """The visit that a request belongs to; fails with `SignInFirst`, and with a `Problem` for a form that is not
    ours."""
    token = (request.getCookie(COOKIE) or b"").decode("ascii", "replace")
    caller = await sessions.find(installation, token, address_of(request)) if token else None
    if caller is None:
        raise SignInFirst
    key = form_key(token)
    if request.method == b"POST" and not hmac.compare_digest(query.text(request, "key").encode("utf-8"), key.encode()):
        raise Problem(403, "this form is not ours, or older than the session: go back, reload and try again")
    own = installation.asked_by(caller)
    account = await names.account(own.registry, caller.bound) if caller.bound else None
    zone = ZoneInfo(account.zone) if account else UTC
    return Visit(own, caller, key, zone, own.now(), account.name if account and caller.acting else "")


def form_key(token: str) -> str:
    """The key that forms of a session carry."""
    return hmac.new(token.encode("utf-8"), b"form", sha256).hexdigest()


def keep(request: Request, token: str) -> None:
    """Give the browser its session, until it closes; "" takes it back."""
    request.addCookie(
        COOKIE,
        token.encode("ascii"),
        path=PATH,
        max_age=None if token else b"0",
        secure=is_secure(request),
        httpOnly=True,
        sameSite=b"strict",
    )


def token_of(request: IRequest) -> str:
    """The token that a request brought along."""
    return (request.getCookie(COOKIE) or b"").decode("ascii", "replace")
