"""``/healthz`` and ``/readyz``: whether the process answers, and whether it can take mail.

They ask nobody who they are and tell no more than that. This module knows no store.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from .front import HEADERS

log = Logger()

#: Why no mail can be taken, one line each; none: it can.
Obstacles = Callable[[], Awaitable[Sequence[str]]]


class Page(Resource):
    """One page that is made when it is asked for."""

    isLeaf = True

    def __init__(self, make: Callable[[Request], Awaitable[bytes]]) -> None:
        super().__init__()
        self._make = make

    def render_GET(self, request: Request) -> int:
        for name, value in HEADERS.items():
            request.setHeader(name, value)
        request.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
        gone: list[object] = []
        request.notifyFinish().addBoth(gone.append)
        making = Deferred.fromCoroutine(self._made(request))
        making.addCallback(lambda body: None if gone else (request.write(body), request.finish()))
        return NOT_DONE_YET

    async def _made(self, request: Request) -> bytes:
        try:
            return await self._make(request)
        except Exception:
            log.failure("{path} could not be made", path=request.path.decode("ascii", "backslashreplace"))
            request.setResponseCode(500)
            return b"failure inside\n"


def health() -> Page:
    """``/healthz``: the process answers."""

    async def make(request: Request) -> bytes:
        return b"ok\n"

    return Page(make)


def readiness(obstacles: Obstacles) -> Page:
    """``/readyz``: 200, or 503 with each reason on a line of its own."""

    async def make(request: Request) -> bytes:
        found = await obstacles()
        if not found:
            return b"ready\n"
        request.setResponseCode(503)
        request.setHeader(b"Retry-After", b"5")
        return "".join(f"{each}\n" for each in found).encode("utf-8")

    return Page(make)
