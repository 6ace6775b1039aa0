"""``/api/v1/users``, ``/api/v1/plans`` and ``/api/v1/changes``: who signs in, what accounts are given each month, and
the audit log.

``POST /users`` takes ``{"name": …, "account": …, "password": …}``; without an account an administrator is made, without
a password one is, and shown once. ``POST /users/NAME/password`` sets another, and ends the sessions. ``PUT
/plans/ACCOUNT`` takes ``{"monthly": …}``. ``GET /changes`` takes `by`, `action`, `account`, `since`, `until` and
`limit`, and the id `before` which the page begins. People sign in to the console; programs have a token.
"""

from __future__ import annotations

from klein import Klein
from twisted.web.iweb import IRequest
from twisted.web.server import Request

from ..interfaces.changes import Wanted
from ..interfaces.people import User
from ..manage import accounts, changes, plain_people, plans, users
from ..manage.installation import Installation
from . import query
from .body import json_object, needed, typed

_USERS, _PLANS = "/api/v1/users", "/api/v1/plans"


def add_routes(app: Klein, installation: Installation) -> None:
    """Serve users, plans and the audit log."""

    async def owners() -> dict[str, str]:
        return {each.id: each.name for each in await accounts.every(installation)}

    async def told(request: IRequest, user: User, password: str = "", code: int = 200) -> bytes:
        request.setResponseCode(code)
        shown: dict[str, object] = {"password": password} if password else {}
        return query.send_json(request, plain_people.user(user, await owners()) | shown)

    @app.route(_USERS, methods=["GET"])
    async def user_list(request: IRequest) -> bytes:
        found, named = await users.every(installation, query.text(request, "account")), await owners()
        return query.send_json(request, [plain_people.user(each, named) for each in found])

    @app.route(_USERS, methods=["POST"])
    async def user_add(request: Request) -> bytes:
        given = needed(typed(json_object(request), {"name": str, "account": str, "password": str}), "name")
        made = await users.add(installation, **given)
        return await told(request, made.user, "" if given.get("password") else made.password, 201)

    @app.route(f"{_USERS}/<string:name>", methods=["GET"])
    async def user_show(request: IRequest, name: str) -> bytes:
        return await told(request, await users.find(installation, name))

    @app.route(f"{_USERS}/<string:name>", methods=["DELETE"])
    async def user_remove(request: IRequest, name: str) -> bytes:
        await users.remove(installation, name)
        request.setResponseCode(204)
        return b""

    @app.route(f"{_USERS}/<string:name>/password", methods=["POST"])
    async def user_password(request: Request, name: str) -> bytes:
        given = typed(json_object(request), {"password": str})
        made = await users.set_password(installation, name, **given)
        return await told(request, made.user, "" if given.get("password") else made.password)

    @app.route(f"{_USERS}/<string:name>/role", methods=["PUT"])
    async def user_role(request: Request, name: str) -> bytes:
        given = typed(json_object(request), {"account": str})
        return await told(request, await users.set_role(installation, name, **given))

    @app.route(f"{_USERS}/<string:name>/block", methods=["POST"])
    async def user_block(request: IRequest, name: str) -> bytes:
        return await told(request, await users.block(installation, name))

    @app.route(f"{_USERS}/<string:name>/activate", methods=["POST"])
    async def user_activate(request: IRequest, name: str) -> bytes:
        return await told(request, await users.activate(installation, name))

    @app.route(f"{_USERS}/<string:name>/totp", methods=["DELETE"])
    async def user_totp_remove(request: IRequest, name: str) -> bytes:
        return await told(request, await users.remove_totp(installation, name))

    @app.route(_PLANS, methods=["GET"])
    async def plan_list(request: IRequest) -> bytes:
        return query.send_json(request, [plans.plain(each) for each in await plans.every(installation)])

    @app.route(f"{_PLANS}/<string:account>", methods=["GET"])
    async def plan_show(request: IRequest, account: str) -> bytes:
        return query.send_json(request, plans.plain(await plans.show(installation, account)))

    @app.route(f"{_PLANS}/<string:account>", methods=["PUT"])
    async def plan_set(request: Request, account: str) -> bytes:
        given = needed(typed(json_object(request), {"monthly": int}), "monthly")
        return query.send_json(request, plans.plain(await plans.give(installation, account, given["monthly"])))

    @app.route("/api/v1/changes", methods=["GET"])
    async def change_list(request: IRequest) -> bytes:
        given = {name: query.text(request, name) for name in ("by", "action", "account", "before")}
        since, until = (
            query.instant(name, text) if (text := query.text(request, name)) else 0 for name in ("since", "until")
        )
        wanted = Wanted(given["by"], given["action"], given["account"], since, until, given["before"])
        found = await changes.page(installation, wanted, query.number(request, "limit", 50, changes.MOST))
        named = await owners()
        return query.send_json(request, [changes.plain(each, named) for each in found])
