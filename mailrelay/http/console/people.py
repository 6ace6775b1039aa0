"""Pages about accounts and users: who sends, who signs in, and acting for an account.

A member sees the own account and its members. An administrator makes accounts and users, changes what they are, and
acts for an account: from then on every page shows what its members see, under a banner with the way back.
"""

from __future__ import annotations

from klein import Klein
from twisted.web.server import Request

from ...manage import accounts, sessions, users
from ...manage.errors import Forbidden, Invalid, Unknown
from .. import query
from ..problem import Problem
from . import people_view as view
from .frame import Console
from .people_view import HERE, USERS
from .visit import Visit, token_of

_ABOVE = [(HERE, "Accounts and users")]
#: What an account is made and changed by.
_FIELDS = ("name", "zone", "weight", "balance")


def add_routes(app: Klein, console: Console) -> None:
    """Serve the pages."""

    @app.route(HERE, methods=["GET"])
    async def console_accounts(request: Request) -> bytes:
        visit = await console.visit(request)
        if visit.caller.bound:
            return await account(request, visit, visit.caller.bound)
        everybody = await users.every(visit.installation)
        body = view.overview(visit, await accounts.every(visit.installation), everybody)
        return console.page(request, visit, "Accounts and users", *body, here=HERE)

    def form(request: Request, visit: Visit, fault: Invalid | Unknown | None = None) -> bytes:
        _for_administrators(visit)
        given = {name: query.text(request, name) for name in _FIELDS}
        body = view.new_account(visit, given, fault)
        return console.page(request, visit, "Make an account", body, here=HERE, above=_ABOVE)

    @app.route(f"{HERE}/new", methods=["GET"])
    async def console_new_account(request: Request) -> bytes:
        return form(request, await console.visit(request))

    @app.route(f"{HERE}/new", methods=["POST"])
    async def console_make_account(request: Request) -> bytes:
        visit = await console.visit(request)
        name, zone, _, balance = (query.text(request, each).strip() for each in _FIELDS)
        try:
            made = await view.make(visit.installation, name, zone, balance)
        except (Invalid, Unknown) as fault:
            request.setResponseCode(400)
            return form(request, visit, fault)
        return console.go(request, f"{HERE}/{made.id}", f"{made.name} is there. Now add somebody who signs in for it.")

    async def account(request: Request, visit: Visit, id: str, fault: Invalid | Unknown | None = None) -> bytes:
        found = await accounts.find(visit.installation, id)
        members = await users.every(visit.installation, found.id)
        given = {name: query.text(request, name) for name in (*_FIELDS, "user")}
        body = view.account(visit, found, members, given, fault)
        above = [] if visit.caller.bound else _ABOVE
        return console.page(request, visit, found.name, *body, here=HERE, above=above)

    @app.route(f"{HERE}/<string:id>", methods=["GET"])
    async def console_account(request: Request, id: str) -> bytes:
        return await account(request, await console.visit(request), id)

    @app.route(f"{HERE}/<string:id>", methods=["POST"])
    async def console_change_account(request: Request, id: str) -> bytes:
        visit = await console.visit(request)
        asked = {name: query.text(request, name).strip() for name in ("zone", "weight")}
        try:
            wanted = {name: text for name, text in asked.items() if text}
            changed = await accounts.change(visit.installation, id, wanted)
        except Invalid as fault:
            request.setResponseCode(400)
            return await account(request, visit, id, fault)
        return console.go(request, f"{HERE}/{changed.id}", "Changed.")

    @app.route("/console/act", methods=["POST"])
    async def console_act(request: Request) -> bytes:
        visit = await console.visit(request)
        _for_administrators(visit)
        chosen, before = query.text(request, "account"), visit.caller.acting
        await sessions.act_for(console.installation, token_of(request), chosen)
        return console.go(request, "/console" if chosen else f"{HERE}/{before}" if before else HERE)

    async def user(
        request: Request, visit: Visit, id: str, fault: Invalid | Unknown | None = None, password: str = ""
    ) -> bytes:
        place = visit.installation
        found = await users.find(place, id)
        own = visit.caller.administrator or found.id == visit.caller.id
        body = view.user(
            visit,
            found,
            await accounts.every(place),
            await sessions.every(place, found.id) if own else (),
            fault,
            password,
        )
        return console.page(request, visit, found.name, *body, here=HERE, above=_ABOVE)

    @app.route(USERS, methods=["POST"])
    async def console_add_user(request: Request) -> bytes:
        visit = await console.visit(request)
        name, owner = query.text(request, "user").strip(), query.text(request, "account")
        try:
            made = await users.add(visit.installation, name, owner)
        except (Invalid, Unknown) as fault:
            request.setResponseCode(400)
            if owner:
                return await account(request, visit, owner, fault)
            body = view.overview(
                visit, await accounts.every(visit.installation), await users.every(visit.installation), name, fault
            )
            return console.page(request, visit, "Accounts and users", *body, here=HERE)
        return await user(request, visit, made.user.id, password=made.password)

    @app.route(f"{USERS}/<string:id>", methods=["GET"])
    async def console_user(request: Request, id: str) -> bytes:
        return await user(request, await console.visit(request), id)

    @app.route(f"{USERS}/<string:id>/<string:act>", methods=["POST"])
    async def console_user_act(request: Request, id: str, act: str) -> bytes:
        visit = await console.visit(request)
        _for_administrators(visit)
        place = visit.installation
        found = await users.find(place, id)
        try:
            if act == "password":
                made = await users.set_password(place, found.id)
                return await user(request, visit, found.id, password=made.password)
            said = await _act(visit, request, found.id, act)
        except (Invalid, Unknown) as fault:
            request.setResponseCode(400)
            return await user(request, visit, found.id, fault)
        back = f"{HERE}/{found.account}" if found.account else HERE
        return console.go(request, back if act == "remove" else f"{USERS}/{found.id}", said)


async def _act(visit: Visit, request: Request, id: str, act: str) -> str:
    """Carry out what a button says; gives the words for it."""
    place = visit.installation
    if act == "block":
        return f"{(await users.block(place, id)).name} signs in no more."
    if act == "activate":
        return f"{(await users.activate(place, id)).name} may sign in again."
    if act == "totp":
        return f"{(await users.remove_totp(place, id)).name} is asked for no one-time code any more."
    if act == "role":
        found = await users.set_role(place, id, query.text(request, "account"))
        return f"{found.name} is {'a member' if found.account else 'an administrator'} now, and signs in anew."
    if act == "sessions":
        await sessions.end_all(place, id)
        return "Every session is ended."
    if act == "remove":
        return f"{(await users.remove(place, id)).name} is removed."
    raise Problem(404)


def _for_administrators(visit: Visit) -> None:
    if not visit.caller.administrator:
        raise Forbidden("only an administrator may do this")
