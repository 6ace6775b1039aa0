"""``/api/v1/queue``: what waits, as the command line's ``queue list --json`` has it, and what can be done about it.

``GET`` lists and counts, ``POST /api/v1/queue/VERB`` changes; both take the filters as parameters. A change
needs at least one filter, or ``all=true``. A filter that cannot be read is 400, a name of nothing 404.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.web.iweb import IRequest

from ..manage import plain
from ..manage import queue as waiting
from ..manage.installation import Installation
from ..manage.queue import Pause, Which
from . import query
from .problem import Problem

DEFAULT_LIMIT = 50


def add_routes(app: Klein, installation: Installation, clock: IReactorTime) -> None:
    """Serve the queue."""

    @app.route("/api/v1/queue", methods=["GET"])
    def queue_list(request: IRequest) -> Deferred[bytes]:
        return Deferred.fromCoroutine(_list(installation, request))

    @app.route("/api/v1/queue/count", methods=["GET"])
    def queue_count(request: IRequest) -> Deferred[bytes]:
        found = waiting.count(installation, _which(request))
        return found.addCallback(lambda count: query.send_json(request, {"count": count}))

    @app.route("/api/v1/queue/<verb>", methods=["POST"])
    def queue_change(request: IRequest, verb: str) -> Deferred[bytes]:
        act = _acts(installation, request, partial(_pause, clock)).get(verb)
        if act is None:
            raise Problem(404)
        return Deferred.fromCoroutine(_changed(request, act))


def _acts(installation: Installation, request: IRequest, pause: Pause) -> dict[str, Callable[[], Awaitable[int]]]:
    which = _which(request)
    reason, other = query.text(request, "reason"), query.text(request, "by")
    return {
        "retry": partial(waiting.retry, installation, which),
        "hold": partial(waiting.hold, installation, which),
        "release": partial(waiting.release, installation, which),
        "drop": partial(waiting.drop, installation, which, reason, pause),
        "expire": partial(waiting.expire, installation, which, reason, pause),
        "reroute": partial(waiting.reroute, installation, which, other, pause),
    }


async def _pause(clock: IReactorTime, seconds: float) -> None:
    await deferLater(clock, seconds)


async def _list(installation: Installation, request: IRequest) -> bytes:
    which = _which(request)
    limit = query.number(request, "limit", DEFAULT_LIMIT, waiting.MOST)
    found = await waiting.passages(installation, which, limit)
    told = {
        "waiting": [plain.waiting_passage(each, installation.dialects) for each in found],
        "destinations": [plain.waiting(each) for each in await waiting.destinations(installation, which)],
        "classes": dict(await waiting.classes(installation, which)),
        "next": found[-1].recipient if len(found) == limit else "",
    }
    return query.send_json(request, told)


async def _changed(request: IRequest, act: Callable[[], Awaitable[int]]) -> bytes:
    return query.send_json(request, {"count": await act()})


def _which(request: IRequest) -> Which:
    return Which(
        id=query.text(request, "id").strip(),
        account=query.text(request, "account"),
        connection=query.text(request, "connection"),
        domain=query.text(request, "domain"),
        to=query.address(request, "to"),
        all=query.text(request, "all") == "true",
        route=query.text(request, "route"),
        older=query.text(request, "older"),
        reply_class=query.text(request, "class"),
        priority=query.text(request, "priority"),
        before=query.text(request, "before"),
    )
