"""``/api/v1/connections``: the SMTP logins of accounts, in the objects that the command line prints.

``POST`` takes the fields of `manage.connections.Wanted` but for those that are taken over from elsewhere by standard
input there: here `password` and `key` stand in the body. A secret is in the answer to what made it, and of ``GET
…/NAME?reveal=true`` while it is kept sealed. ``PATCH …/NAME`` takes some of ``{"networks": […], "sender": …, "options":
{…}, "rate": 0, "rate_period": 60, "rate_burst": 1}``. NAME is a name that only one has, or an id.
"""

from __future__ import annotations

from typing import Any

from klein import Klein
from twisted.web.iweb import IRequest
from twisted.web.server import Request

from ..interfaces.registry import Connection
from ..manage import accounts, connections, plain
from ..manage.connections import Wanted
from ..manage.credentials import Issued
from ..manage.installation import Installation
from . import query
from .body import json_object, needed, typed
from .problem import Problem

PATH = "/api/v1/connections"
_NEW: dict[str, type] = {
    "account": str,
    "name": str,
    "dialect": str,
    "sender": str,
    "username": str,
    "password": str,
    "networks": list,
    "active": bool,
    "api_key": bool,
    "key": str,
    "short_password": bool,
}
_RATE: dict[str, type] = {"rate": int, "rate_period": int, "rate_burst": int}
_CHANGES: dict[str, type] = {"networks": list, "sender": str, "options": dict, **_RATE}


def add_routes(app: Klein, installation: Installation) -> None:
    """Serve the connections."""

    async def shown(request: IRequest, found: Connection | Issued, code: int = 200) -> bytes:
        owners = {each.id: each.name for each in await accounts.every(installation)}
        secret = isinstance(found, Issued)
        card = plain.issued(found, owners) if isinstance(found, Issued) else plain.connection(found, owners)
        connection = found.connection if isinstance(found, Issued) else found
        options = installation.dialects.options(connection.dialect, connection.options)
        request.setResponseCode(code)
        if secret:
            request.setHeader(b"Cache-Control", b"no-store")
        return query.send_json(request, card | {"options": dict(options)})

    @app.route(PATH, methods=["GET"])
    async def connection_list(request: IRequest) -> bytes:
        owners = {each.id: each.name for each in await accounts.every(installation)}
        found = await connections.every(installation, query.text(request, "account"))
        return query.send_json(request, [plain.connection(each, owners) for each in found])

    @app.route(PATH, methods=["POST"])
    async def connection_create(request: Request) -> bytes:
        given = needed(typed(json_object(request), _NEW), "name", "dialect", "sender")
        wanted = Wanted(**{"account": "", **given, "networks": tuple(given.get("networks", ()))})
        return await shown(request, await connections.create(installation, wanted), 201)

    @app.route(f"{PATH}/<string:name>", methods=["GET"])
    async def connection_show(request: IRequest, name: str) -> bytes:
        if query.text(request, "reveal") == "true":
            return await shown(request, await connections.reveal(installation, name))
        return await shown(request, await connections.find(installation, name))

    @app.route(f"{PATH}/<string:name>", methods=["PATCH"])
    async def connection_change(request: Request, name: str) -> bytes:
        given = typed(json_object(request), _CHANGES)
        options = given.get("options", {})
        if not all(isinstance(each, str) for each in options.values()):
            raise Problem(400, "options: each must be a text, an empty one for what the dialect sets", "options")
        return await shown(request, await _changed(installation, name, given))

    @app.route(f"{PATH}/<string:name>/<string:verb>", methods=["POST"])
    async def connection_act(request: Request, name: str, verb: str) -> bytes:
        if verb == "activate":
            return await shown(request, await connections.activate(installation, name))
        if verb == "block":
            given = typed(json_object(request), {"reason": str})
            return await shown(request, await connections.block(installation, name, given.get("reason", "")))
        if verb == "new-password":
            given = typed(json_object(request), {"password": str})
            found = await connections.new_password(installation, name, given.get("password", ""))
            return await shown(request, found)
        if verb == "new-api-key":
            given = typed(json_object(request), {"key": str})
            return await shown(request, await connections.new_api_key(installation, name, given.get("key", "")))
        if verb == "short-password":
            return await shown(request, await connections.short_password(installation, name))
        raise Problem(404)


async def _changed(installation: Installation, name: str, given: dict[str, Any]) -> Connection:
    """Each change in turn; the first that is refused ends it."""
    found = await connections.find(installation, name)
    if "networks" in given:
        found = await connections.set_networks(installation, found.id, given["networks"])
    if "sender" in given:
        found = await connections.set_sender(installation, found.id, given["sender"])
    if "options" in given:
        found = await connections.set_options(installation, found.id, given["options"])
    if _RATE.keys() & given.keys():
        rate = [given.get(field, getattr(found, field)) for field in _RATE]
        found = await connections.set_rate(installation, found.id, *rate)
    return found
