"""``/api/v1/webhooks``: receivers of events, in the objects that the command line prints.

POST makes one from a JSON object with `url` and perhaps `name`, `account`, `events`, `dialect`, `secret`, and answers
with its secret. ``…/NAME`` (or id) is shown by GET, forgotten by DELETE; POST to ``…/NAME/test``, ``/enable``,
``/disable`` and ``/replay`` (with `since` and perhaps `until` in the query: ISO 8601 or seconds) does what the commands
do; PATCH changes, ``…/deliveries`` lists what was sent lately (`limit`, `before`), and POST to
``…/events/NUMBER/replay`` sends one event again. `account` in the query tells whose it is where several have one of
that name.
"""

from __future__ import annotations

from klein import Klein
from twisted.web.iweb import IRequest
from twisted.web.server import Request

from ..interfaces.webhooks import KEPT, Webhook
from ..manage import accounts, deliveries, webhooks
from ..manage.installation import Installation
from . import query
from .body import json_object, typed
from .problem import Problem

_KINDS: dict[str, type] = {"url": str, "name": str, "account": str, "events": list, "dialect": str, "secret": str}


def add_routes(app: Klein, installation: Installation) -> None:
    """Serve the webhooks."""

    async def shown(request: IRequest, found: Webhook, secret: bool = False) -> bytes:
        owners = {each.id: each.name for each in await accounts.every(installation)}
        beside = {"secret": webhooks.secret_of(installation, found)} if secret else {}
        return query.send_json(request, webhooks.plain(found, owners) | beside)

    def whose(request: IRequest) -> str:
        return query.text(request, "account")

    @app.route("/api/v1/webhooks", methods=["GET"])
    async def webhook_list(request: IRequest) -> bytes:
        found = await webhooks.every(installation, whose(request))
        owners = {each.id: each.name for each in await accounts.every(installation)}
        return query.send_json(request, [webhooks.plain(each, owners) for each in found])

    @app.route("/api/v1/webhooks", methods=["POST"])
    async def webhook_add(request: Request) -> bytes:
        fields = typed(json_object(request), _KINDS)
        if "url" not in fields:
            raise Problem(400, "url: must be given", "url")
        made = await webhooks.add(installation, webhooks.Wanted(**fields))
        request.setResponseCode(201)
        return await shown(request, made, secret=True)

    @app.route("/api/v1/webhooks/<string:name>", methods=["GET"])
    async def webhook_show(request: IRequest, name: str) -> bytes:
        return await shown(request, await webhooks.find(installation, name, whose(request)))

    @app.route("/api/v1/webhooks/<string:name>", methods=["PATCH"])
    async def webhook_change(request: Request, name: str) -> bytes:
        fields = typed(json_object(request), {key: kind for key, kind in _KINDS.items() if key != "account"})
        made = await webhooks.change(installation, name, fields, whose(request))
        return await shown(request, made, secret="secret" in fields)

    @app.route("/api/v1/webhooks/<string:name>/deliveries", methods=["GET"])
    async def webhook_deliveries(request: IRequest, name: str) -> bytes:
        limit, before = query.number(request, "limit", 50, KEPT), query.text(request, "before")
        found = await deliveries.every(installation, name, whose(request), before, limit)
        following = found[-1].id if len(found) == limit else ""
        return query.send_json(request, {"deliveries": [deliveries.plain(each) for each in found], "next": following})

    @app.route("/api/v1/webhooks/<string:name>/events/<int:number>/replay", methods=["POST"])
    async def webhook_replay_one(request: IRequest, name: str, number: int) -> bytes:
        return await shown(request, await webhooks.replay_one(installation, name, number, whose(request)))

    @app.route("/api/v1/webhooks/<string:name>", methods=["DELETE"])
    async def webhook_remove(request: IRequest, name: str) -> bytes:
        await webhooks.remove(installation, name, whose(request))
        request.setResponseCode(204)
        return b""

    @app.route("/api/v1/webhooks/<string:name>/test", methods=["POST"])
    async def webhook_test(request: IRequest, name: str) -> bytes:
        return await shown(request, await webhooks.test(installation, name, whose(request)))

    @app.route("/api/v1/webhooks/<string:name>/enable", methods=["POST"])
    async def webhook_enable(request: IRequest, name: str) -> bytes:
        return await shown(request, await webhooks.enable(installation, name, whose(request)))

    @app.route("/api/v1/webhooks/<string:name>/disable", methods=["POST"])
    async def webhook_disable(request: IRequest, name: str) -> bytes:
        return await shown(request, await webhooks.disable(installation, name, whose(request)))

    @app.route("/api/v1/webhooks/<string:name>/replay", methods=["POST"])
    async def webhook_replay(request: IRequest, name: str) -> bytes:
        since, until = query.text(request, "since"), query.text(request, "until")
        if not since:
            raise Problem(400, "since: must be given", "since")
        first, last = query.instant("since", since), query.instant("until", until) if until else 0
        return await shown(request, await webhooks.replay(installation, name, whose(request), first, last))
