"""``/api/v1/routes``: stored routes, in the objects that the command line prints; never with a password.

A body is a JSON object with some of the fields of `manage.routes.Wanted`; `account` in the query (or, of a new one, in
the body) names whose it is, left out it serves all (or, of one that exists, the only one that can be meant). ``POST
…/test`` takes ``{"to": …, "from": …}`` and tries a route, one of the configuration too.
"""

from __future__ import annotations

from klein import Klein
from twisted.web.iweb import IRequest
from twisted.web.server import Request

from ..interfaces.routes import StoredRoute
from ..manage import accounts, plain, route_test, routes
from ..manage.installation import Installation
from . import query
from .body import json_object, typed

PATH = "/api/v1/routes"

#: What each field of a body has to be.
_KINDS: dict[str, type] = {
    "hosts": list,
    "tls": str,
    "username": str,
    "password": str,
    "fallback": str,
    "mx": bool,
    "port": int,
    "sources": list,
    "rotate": bool,
    "domains": list,
}


def add_routes(app: Klein, installation: Installation) -> None:
    """Serve the stored routes."""

    async def shown(request: IRequest, found: StoredRoute, code: int = 200) -> bytes:
        owners = {each.id: each.name for each in await accounts.every(installation)}
        request.setResponseCode(code)
        return query.send_json(request, plain.route(found, owners))

    @app.route(PATH, methods=["GET"])
    async def route_list(request: IRequest) -> bytes:
        owners = {each.id: each.name for each in await accounts.every(installation)}
        found = await routes.every(installation, query.text(request, "account"))
        return query.send_json(request, [plain.route(each, owners) for each in found])

    @app.route(PATH, methods=["POST"])
    async def route_create(request: Request) -> bytes:
        fields = typed(json_object(request), {**_KINDS, "id": str, "account": str})
        account = query.text(request, "account") or fields.pop("account", "")
        made = await routes.add(installation, routes.Wanted(**{**fields, "account": account}))
        return await shown(request, made, 201)

    @app.route(f"{PATH}/<string:id>", methods=["GET"])
    async def route_show(request: IRequest, id: str) -> bytes:
        return await shown(request, await routes.find(installation, query.text(request, "account"), id))

    @app.route(f"{PATH}/<string:id>", methods=["PATCH"])
    async def route_change(request: Request, id: str) -> bytes:
        changes = typed(json_object(request), _KINDS)
        return await shown(request, await routes.change(installation, query.text(request, "account"), id, changes))

    @app.route(f"{PATH}/<string:id>/test", methods=["POST"])
    async def route_try(request: Request, id: str) -> bytes:
        given = typed(json_object(request), {"to": str, "from": str})
        account, to, sender = query.text(request, "account"), given.get("to", ""), given.get("from", "")
        return query.send_json(request, route_test.plain(await route_test.test(installation, account, id, to, sender)))

    @app.route(f"{PATH}/<string:id>", methods=["DELETE"])
    async def route_remove(request: IRequest, id: str) -> bytes:
        await routes.remove(installation, query.text(request, "account"), id)
        request.setResponseCode(204)
        return b""
