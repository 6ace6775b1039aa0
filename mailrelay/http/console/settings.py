"""The page of one's own settings: password, one-time codes, and where one is signed in."""

from __future__ import annotations

import base64

from klein import Klein
from twisted.web.server import Request

from ...interfaces.people import User
from ...manage import own, users
from ...manage.errors import Invalid
from ...manage.one_time import Offered
from .. import query
from ..markup import Markup, tag
from ..problem import Problem
from . import look
from .frame import Console
from .visit import Visit, form_key, keep, token_of

HERE = "/console/settings"
_ABOVE = ((HERE, "Your settings"),)


def add_routes(app: Klein, console: Console) -> None:
    """Serve the pages."""
    place = console.installation

    async def shown(request: Request, visit: Visit, fault: Invalid | None = None, act: str = "") -> bytes:
        token = token_of(request)
        user = await own.show(place, token)
        wrong = {} if fault is None else {f"{act}-{fault.field}": fault.reason}
        body = [
            tag("p", "You are signed in as ", tag("b", user.name), "."),
            tag("h2", "Password"),
            _password(visit, wrong),
            tag("h2", "One-time codes"),
            _codes(visit, user, wrong),
            tag("h2", "Where you are signed in"),
            *await _sessions(console, visit, token),
        ]
        return console.page(request, visit, "Your settings", *body, here=HERE)

    async def offer(request: Request, visit: Visit, offered: Offered, fault: Invalid | None = None) -> bytes:
        request.setHeader(b"Cache-Control", b"no-store")
        body = _offered(visit, offered, fault)
        return console.page(request, visit, "Set up one-time codes", *body, here=HERE, above=_ABOVE)

    @app.route(HERE, methods=["GET"])
    async def console_settings(request: Request) -> bytes:
        return await shown(request, await console.visit(request))

    @app.route(f"{HERE}/codes", methods=["GET"])
    async def console_offered_codes(request: Request) -> bytes:
        visit = await console.visit(request)
        offered = await own.offered(place, token_of(request))
        return await offer(request, visit, offered) if offered is not None else console.go(request, HERE)

    @app.route(f"{HERE}/confirm", methods=["POST"])
    async def console_confirm_codes(request: Request) -> bytes:
        visit = await console.visit(request)
        token = token_of(request)
        try:
            made = await own.confirm_totp(place, token, query.text(request, "code"))
        except Invalid as fault:
            offered = await own.offered(place, token)
            if offered is None:
                return console.go(request, HERE, "There is nothing to confirm: begin again.")
            request.setResponseCode(400)
            return await offer(request, visit, offered, fault)
        keep(request, made.signed.token)
        fresh = visit.with_key(form_key(made.signed.token))
        request.setHeader(b"Cache-Control", b"no-store")
        body = _recovery(made.codes)
        return console.page(request, fresh, "Your recovery codes", *body, here=HERE, above=_ABOVE)

    @app.route(f"{HERE}/<string:act>", methods=["POST"])
    async def console_settings_act(request: Request, act: str) -> bytes:
        visit = await console.visit(request)
        try:
            path, said = await _act(console, request, act)
        except Invalid as fault:
            request.setResponseCode(400)
            return await shown(request, visit, fault, act)
        return console.go(request, path, said)


async def _act(console: Console, request: Request, act: str) -> tuple[str, str]:
    """Carry out what a form says; gives where to go, and the words for it."""
    place, token = console.installation, token_of(request)
    if act == "password":
        new = query.text(request, "new")
        if new != query.text(request, "repeated"):
            raise Invalid("repeated", "is not the same")
        keep(request, (await own.change_password(place, token, query.text(request, "old"), new)).token)
        return HERE, "Your password is another now, and all other sessions ended."
    if act == "begin-codes":
        await own.begin_totp(place, token, query.text(request, "password"))
        return f"{HERE}/codes", ""
    if act == "remove-codes":
        keep(request, (await own.remove_totp(place, token, query.text(request, "password"))).token)
        return HERE, "You are asked for no codes any more, and all other sessions ended."
    if act == "end":
        await own.end_session(place, token, query.text(request, "session"))
        return HERE, "Signed out there."
    if act == "end-others":
        number = await own.end_other_sessions(place, token)
        return HERE, f"Signed out of {number} other session{'' if number == 1 else 's'}."
    raise Problem(404)


def _password(visit: Visit, wrong: dict[str, str]) -> Markup:
    hint = f"At least {users.MIN_PASSWORD} characters; a sentence of your own is a good one."
    fields = [
        look.field("old", "The one that you have", wrong.get("password-old", ""), type="password",
                   autocomplete="current-password", required=True),
        look.field("new", "New password", wrong.get("password-new", ""), hint, type="password",
                   autocomplete="new-password", required=True, minlength=str(users.MIN_PASSWORD)),
        look.field("repeated", "The new one again", wrong.get("password-repeated", ""), type="password",
                   autocomplete="new-password", required=True),
        look.button("Change password"),
    ]  # fmt: skip
    return look.form(f"{HERE}/password", visit.key, *fields, stacked=True)


def _codes(visit: Visit, user: User, wrong: dict[str, str]) -> Markup:
    act = "remove-codes" if user.totp else "begin-codes"
    fault = wrong.get(f"{act}-password", "")
    field = look.field("password", "Your password", fault, type="password", autocomplete="current-password",
                       required=True)  # fmt: skip
    if user.totp:
        left = len(user.recovery)
        told = f"You are asked for a code whenever you sign in. Recovery codes left: {left} of 10."
        removal = look.form(f"{HERE}/{act}", visit.key, field, look.button("Remove", "danger"), stacked=True)
        asked = "From then on your password alone lets in whoever knows it."
        return tag("div", tag("p", told), look.confirm("Remove the codes…", asked, removal, open=bool(fault)))
    words = (
        "An application on your telephone shows a new code every half minute. When you sign in you are asked for it, "
        "so that a password that somebody found out is not enough."
    )
    begin = look.form(f"{HERE}/{act}", visit.key, field, look.button("Set up"), stacked=True)
    return tag("div", tag("p", words), begin)


def _offered(visit: Visit, offered: Offered, fault: Invalid | None) -> list[Markup]:
    picture = base64.b64encode(offered.picture.encode("ascii")).decode("ascii")
    grouped = " ".join(offered.secret[at : at + 4] for at in range(0, len(offered.secret), 4))
    code = look.field("code", "The code that it shows now", fault.reason if fault else "", inputmode="numeric",
                      autocomplete="one-time-code", required=True, autofocus=True)  # fmt: skip
    return [
        tag("p", "Scan this with an application for one-time codes, or type the key in."),
        tag("img", src=f"data:image/svg+xml;base64,{picture}", alt="The key as a QR code", class_="qr"),
        tag("p", "Key: ", look.copied(grouped)),
        look.form(f"{HERE}/confirm", visit.key, code, look.button("Confirm"), stacked=True),
    ]


def _recovery(codes: tuple[str, ...]) -> list[Markup]:
    words = (
        "From now on you are asked for a code when you sign in. Keep these somewhere safe, apart from your telephone: "
        "each lets you in once when it is lost. They are not shown again."
    )
    listed = tag("ul", *(tag("li", tag("code", each)) for each in codes), class_="recovery")
    copy = tag("button", "Copy all", type="button", class_="copy", data_copy="\n".join(codes))
    done = tag("a", "I have kept them", href=HERE, class_="button")
    return [look.notice(words, "said"), listed, tag("div", copy, done, class_="buttons")]


async def _sessions(console: Console, visit: Visit, token: str) -> list[Markup]:
    rows = []
    found = await own.every_session(console.installation, token)
    for named, each, here in found:
        hidden = tag("input", type="hidden", name="session", value=named)
        end = look.form(f"{HERE}/end", visit.key, hidden, look.button("Sign out", "quiet"))
        rows.append(
            (
                look.when(each.created_at, visit.now, visit.zone),
                look.when(each.seen_at, visit.now, visit.zone),
                each.address or "–",
                tag("bdi", _browser(each.agent)),
                tag("b", "this one") if here else end,
            )
        )
    parts = [look.table("Sessions, newest first", ("Since", "Last used", "From", "By", "End"), rows)]
    if len(found) > 1:
        others = look.form(f"{HERE}/end-others", visit.key, look.button("Sign out everywhere else", "danger"))
        parts.append(tag("div", others, class_="buttons"))
    return parts


def _browser(agent: str) -> str:
    """The browser and the system in the words of a User-Agent, as far as they are common; else its begin."""
    browsers = (
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    )
    systems = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
               ("Mac OS X", "macOS"), ("Linux", "Linux"))  # fmt: skip
    name = next((name for sign, name in browsers if sign in agent), "")
    system = next((name for sign, name in systems if sign in agent), "")
    return f"{name} on {system}" if name and system else agent[:60] or "unknown"
