"""Pages about templates: the list, the editor with a preview, trying one by a mail, older versions.

A preview renders what stands in the form, saved or not, in the render children like all that is done with templates;
its HTML is shown in a frame that can run nothing. A version is saved by *Save* alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from klein import Klein
from twisted.web.server import Request

from ...interfaces.submission import Peer
from ...interfaces.templates import Template
from ...mail.letter import Letter, Named
from ...manage import checked, connections, sending, templates
from ...manage.errors import Invalid, Unknown
from .. import query
from ..markup import Markup, tag
from ..peer import address_of
from . import faults, look, owners, template_view, uploaded
from .frame import Console
from .previews import Previews
from .template_view import HERE, ONE
from .visit import Visit

_FIELDS = ("variables", "id", *templates.FIELDS)


def add_routes(app: Klein, console: Console, previews: Previews) -> None:
    """Serve the pages."""

    @app.route(HERE, methods=["GET"])
    async def console_templates(request: Request) -> bytes:
        visit = await console.visit(request)
        found = await templates.every(visit.installation, visit.caller.bound)
        shown = template_view.listed(visit, found, await owners.named(visit))
        return console.page(request, visit, "Templates", shown, here=HERE)

    @app.route(f"{HERE}/new", methods=["GET"])
    async def console_template_new(request: Request) -> bytes:
        visit = await console.visit(request)
        return await new(request, visit, {})

    @app.route(f"{HERE}/new", methods=["POST"])
    async def console_template_create(request: Request) -> bytes:
        await uploaded.read(request, console.installation)
        visit = await console.visit(request)
        given = _given(request)
        try:
            if query.text(request, "act") == "preview":
                return await new(request, visit, given, None, await tried(visit, given))
            made = await templates.create(visit.installation, owners.owned(visit, request), _wanted(given), given["id"])
        except (Invalid, Unknown) as fault:
            request.setResponseCode(400)
            return await new(request, visit, given, fault)
        return console.go(request, template_view.path_of(made), "The template is saved.")

    async def new(
        request: Request,
        visit: Visit,
        given: Mapping[str, str],
        fault: Invalid | Unknown | None = None,
        preview: tuple[str, ...] = (),
    ) -> bytes:
        wrong = faults.words(fault) if fault is not None and faults.about(fault) == "id" else ""
        first = [
            *await owners.field(visit, query.text(request, "account"), "everybody"),
            look.field("id", "Id", wrong, "What a message names it by; empty: made of the name.",
                       value=given.get("id", ""), autocomplete="off"),
        ]  # fmt: skip
        form = template_view.editor(visit, f"{HERE}/new", given, *first, fault=fault)
        return console.page(request, visit, "New template", *preview, form, here=HERE, above=((HERE, "Templates"),))

    @app.route(ONE, methods=["GET"])
    async def console_template(request: Request) -> bytes:
        visit = await console.visit(request)
        found = await find(request, visit)
        number = query.number(request, "version", found.version, 10**9)
        if number == found.version:
            names = await templates.variables(visit.installation, _wanted(template_view.given(found)))
            given = template_view.given(found) | {"variables": template_view.example(names, "")}
            return await shown(request, visit, found, given, tag("div", template_view.asked(names)))
        old = await templates.find(visit.installation, found.account, found.id, number)
        above = ((HERE, "Templates"), (template_view.path_of(found), found.name or found.id))
        body = template_view.older(visit, found, old)
        return console.page(request, visit, f"Version {number}", *body, here=HERE, above=above)

    @app.route(ONE, methods=["POST"])
    async def console_template_edit(request: Request) -> bytes:
        await uploaded.read(request, console.installation)
        visit = await console.visit(request)
        found = await find(request, visit)
        given = _given(request) | {"id": found.id}
        try:
            if query.text(request, "act") == "preview":
                return await shown(request, visit, found, given, *await tried(visit, given))
            saved = await templates.edit(visit.installation, found.account, found.id, _wanted(given))
        except (Invalid, Unknown) as fault:
            request.setResponseCode(400)
            return await shown(request, visit, found, given, fault=fault)
        same = saved.version == found.version
        said = "Nothing has changed." if same else f"Version {saved.version} is saved, and in use."
        return console.go(request, template_view.path_of(saved), said)

    @app.route(f"{ONE}/<string:act>", methods=["POST"])
    async def console_template_act(request: Request, act: str) -> bytes:
        visit = await console.visit(request)
        found = await find(request, visit)
        place = visit.installation
        match act:
            case "remove":
                await templates.remove(place, found.account, found.id)
                return console.go(request, HERE, f"{found.name or found.id} is removed.")
            case "restore":
                number = query.number(request, "version", 1, 10**9)
                saved = await templates.restore(place, found.account, found.id, number)
                said = f"Version {number} is in use again, as version {saved.version}."
                return console.go(request, template_view.path_of(saved), said)
            case "send":
                try:
                    said = await send(request, visit, found)
                except (Invalid, Unknown) as fault:
                    request.setResponseCode(400)
                    told = look.notice(faults.words(fault), "fault")
                    return await shown(request, visit, found, template_view.given(found), told)
                return console.go(request, template_view.path_of(found), said)
        raise Unknown("act", act)

    async def find(request: Request, visit: Visit) -> Template:
        owner, id = query.text(request, "account"), query.text(request, "id")
        found = [each for each in await templates.every(visit.installation, owner) if each.account == owner]
        for each in found:
            if each.id == id:
                return each
        raise Unknown("template", id)

    async def tried(visit: Visit, given: dict[str, str]) -> tuple[str, ...]:
        """What comes of the form, and what it asks for; example values grow in `given`."""
        names = await templates.variables(visit.installation, _wanted(given))
        given["variables"] = template_view.example(names, given["variables"])
        texts = await templates.try_out(visit.installation, _wanted(given), given["variables"])
        html = texts.get("html", "")
        frame = previews.frame(visit.installation.random(16).hex(), html) if html else ""
        return template_view.shown(texts, frame), template_view.asked(names)

    async def shown(
        request: Request,
        visit: Visit,
        found: Template,
        given: Mapping[str, str],
        *preview: str,
        fault: Invalid | Unknown | None = None,
    ) -> bytes:
        form = template_view.editor(visit, template_view.path_of(found), given, fault=fault)
        every = await templates.versions(visit.installation, found.account, found.id)
        body = (
            look.facts([("Id", look.copied(found.id)), ("In use", f"version {found.version}")]),
            *preview,
            form,
            await _sending(visit, found, given),
            template_view.versions(visit, found, every),
            tag("h2", "Remove the template"),
            _removing(visit, found),
        )
        return console.page(request, visit, found.name or found.id, *body, here=HERE, above=((HERE, "Templates"),))


async def send(request: Request, visit: Visit, found: Template) -> str:
    """Send a mail by a template; gives what is to be said."""
    connection = await connections.find(visit.installation, query.text(request, "connection"))
    to = checked.mailbox("to", query.text(request, "to").strip())
    given = query.text(request, "values") or "{}"
    letter = Letter(Named(connection.sender), (Named(to.address),), subject=found.name or found.id, text="-")
    options = sending.Options(template=found.id, variables=_object(given))
    wanted = sending.Wanted(connection.id, letter, options=options)
    (posted,) = await sending.send(visit.installation, wanted, Peer(address_of(request), "http", "", via="HTTP"))
    refusal = posted.refusal or next((each for each in posted.answers if not each.reply.positive), None)
    if refusal is not None:
        raise Invalid("to", f"the mail was refused: {refusal.reply.code} {refusal.reply.text}")
    return f"A mail is on its way to {to.address}: {posted.id}"


def _object(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid("variables", "the example values are not JSON") from None
    if not isinstance(found, dict):
        raise Invalid("variables", "the example values are not an object")
    return found


async def _sending(visit: Visit, found: Template, given: Mapping[str, str]) -> Markup:
    known = await connections.every(visit.installation)
    mine = [(each.id, each.name) for each in known if found.account in ("", each.account)]
    if not mine:
        return tag("p", "Create a connection to try the template by a mail.", class_="hint")
    fields = [
        template_view.hidden("account", found.account),
        template_view.hidden("id", found.id),
        look.choice("connection", "By the connection", mine),
        look.field("to", "To", type="text", inputmode="email", required=True, autocomplete="off"),
        look.area("values", "With the values", given.get("variables", "{}"), rows=3, spellcheck="false"),
        look.button("Send a test mail", "quiet"),
    ]
    return tag("section", tag("h2", "Try it"), look.form(f"{ONE}/send", visit.key, *fields, stacked=True))


def _removing(visit: Visit, found: Template) -> Markup:
    warning = "All its versions go. Messages that name it are refused then; those that were accepted keep their texts."
    fields = [template_view.hidden("account", found.account), template_view.hidden("id", found.id)]
    button = look.button("Remove", "danger")
    return look.confirm("Remove this template …", warning, look.form(f"{ONE}/remove", visit.key, *fields, button))


def _given(request: Request) -> dict[str, str]:
    """What stands in the form; lines end as everywhere else."""
    return {name: query.text(request, name).replace("\r\n", "\n") for name in _FIELDS}


def _wanted(given: Mapping[str, str]) -> dict[str, object]:
    """The fields of a template out of those of the form."""
    fields: dict[str, object] = {name: given.get(name, "") for name in templates.FIELDS if name != "strict"}
    return fields | {"strict": given.get("strict") == "true", "syntax": given.get("syntax") or "jinja"}
