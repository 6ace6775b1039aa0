"""``/api/v1/accounts``: accounts and what they may still send, in the objects that the command line prints.

``POST`` takes ``{"name": …, "balance": 0}``, ``PATCH …/NAME`` some of ``{"weight": 1, "zone": …}``; ``POST
…/NAME/topup`` adds ``{"sends": …, "note": …}`` to the balance, ``PUT …/NAME/balance`` makes it exactly that. NAME is a
name or an id.
"""

from __future__ import annotations

from klein import Klein
from twisted.web.iweb import IRequest
from twisted.web.server import Request

from ..interfaces.registry import Account
from ..manage import accounts, plain
from ..manage.installation import Installation
from . import query
from .body import json_object, needed, typed

PATH = "/api/v1/accounts"
_SENDS: dict[str, type] = {"sends": int, "note": str}


def add_routes(app: Klein, installation: Installation) -> None:
    """Serve the accounts."""

    def shown(request: IRequest, found: Account, code: int = 200) -> bytes:
        request.setResponseCode(code)
        return query.send_json(request, plain.account(found))

    @app.route(PATH, methods=["GET"])
    async def account_list(request: IRequest) -> bytes:
        return query.send_json(request, [plain.account(each) for each in await accounts.every(installation)])

    @app.route(PATH, methods=["POST"])
    async def account_create(request: Request) -> bytes:
        given = needed(typed(json_object(request), {"name": str, "balance": int}), "name")
        return shown(request, await accounts.create(installation, given["name"], given.get("balance", 0)), 201)

    @app.route(f"{PATH}/<string:name>", methods=["GET"])
    async def account_show(request: IRequest, name: str) -> bytes:
        return shown(request, await accounts.find(installation, name))

    @app.route(f"{PATH}/<string:name>", methods=["PATCH"])
    async def account_change(request: Request, name: str) -> bytes:
        given = typed(json_object(request), {"weight": int, "zone": str})
        settings = {option: str(value) for option, value in given.items()}
        return shown(request, await accounts.change(installation, name, settings))

    @app.route(f"{PATH}/<string:name>/topup", methods=["POST"])
    async def account_top_up(request: Request, name: str) -> bytes:
        given = needed(typed(json_object(request), _SENDS), "sends")
        return shown(request, await accounts.top_up(installation, name, given["sends"], given.get("note", "")))

    @app.route(f"{PATH}/<string:name>/balance", methods=["PUT"])
    async def account_balance(request: Request, name: str) -> bytes:
        given = needed(typed(json_object(request), _SENDS), "sends")
        return shown(request, await accounts.set_balance(installation, name, given["sends"], given.get("note", "")))
