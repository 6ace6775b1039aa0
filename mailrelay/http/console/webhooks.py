"""Pages about webhooks: receivers of events, what each was sent lately, and sending it again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from klein import Klein
from twisted.web.iweb import IRequest
from twisted.web.server import Request

from ...interfaces.webhooks import Delivery, Webhook
from ...mail.event import Event
from ...manage import accounts, deliveries, spans, webhooks
from ...manage.errors import Forbidden, Invalid
from ...manage.webhooks import ENABLED, Wanted
from .. import query
from ..markup import Markup, join, tag
from ..problem import Problem
from . import faults, look
from .frame import Console
from .visit import Visit

HERE = "/console/webhooks"
#: Deliveries on a page.
SHOWN = 25
#: What a form gives.
_FIELDS = ("name", "url", "dialect", "account")
_EVERYBODY = "Everybody's events"


def add_routes(app: Klein, console: Console) -> None:
    """Serve the pages."""

    @app.route(HERE, methods=["GET"])
    async def console_webhooks(request: Request) -> bytes:
        visit = await console.visit(request)
        return console.page(request, visit, "Webhooks", *await _list(visit), here=HERE)

    @app.route(f"{HERE}/new", methods=["GET"])
    async def console_new_webhook(request: Request) -> bytes:
        visit = await console.visit(request)
        form = await _form(visit, f"{HERE}/new", {}, (), None)
        return console.page(request, visit, "Add a webhook", form, here=HERE, above=[(HERE, "Webhooks")])

    @app.route(f"{HERE}/new", methods=["POST"])
    async def console_add_webhook(request: Request) -> bytes:
        visit = await console.visit(request)
        given, events = _given(request)
        owner = visit.caller.bound or given["account"]
        wanted = Wanted(given["url"], given["name"], owner, events, given["dialect"])
        try:
            made = await webhooks.add(visit.installation, wanted)
        except Invalid as fault:
            request.setResponseCode(400)
            form = await _form(visit, f"{HERE}/new", given, events, fault)
            return console.page(request, visit, "Add a webhook", form, here=HERE, above=[(HERE, "Webhooks")])
        return console.go(request, f"{HERE}/{made.id}", f"{made.name} is told what happens from now on.")

    async def shown(
        request: Request, visit: Visit, found: Webhook, *, secret: str = "", fault: Invalid | None = None
    ) -> bytes:
        before = query.text(request, "before")
        body = await _page(visit, found, before, secret, fault)
        return console.page(request, visit, found.name, *body, here=HERE, above=[(HERE, "Webhooks")])

    @app.route(f"{HERE}/<string:id>", methods=["GET"])
    async def console_webhook(request: Request, id: str) -> bytes:
        visit = await console.visit(request)
        return await shown(request, visit, await webhooks.find(visit.installation, id))

    @app.route(f"{HERE}/<string:id>/change", methods=["GET"])
    async def console_webhook_form(request: Request, id: str) -> bytes:
        visit = await console.visit(request)
        found = await webhooks.find(visit.installation, id)
        given = {"name": found.name, "url": found.url, "dialect": found.dialect}
        form = await _form(visit, f"{HERE}/{found.id}/change", given, found.events, None, changes=True)
        return console.page(request, visit, f"Change {found.name}", form, here=HERE, above=_above(found))

    @app.route(f"{HERE}/<string:id>/change", methods=["POST"])
    async def console_change_webhook(request: Request, id: str) -> bytes:
        visit = await console.visit(request)
        found = await webhooks.find(visit.installation, id)
        given, events = _given(request)
        changes = {"name": given["name"], "url": given["url"], "dialect": given["dialect"], "events": events}
        try:
            await webhooks.change(visit.installation, found.id, changes)
        except Invalid as fault:
            request.setResponseCode(400)
            form = await _form(visit, f"{HERE}/{found.id}/change", given, events, fault, changes=True)
            return console.page(request, visit, f"Change {found.name}", form, here=HERE, above=_above(found))
        return console.go(request, f"{HERE}/{found.id}", "Changed.")

    @app.route(f"{HERE}/<string:id>/deliveries/<string:delivery>", methods=["GET"])
    async def console_delivery(request: Request, id: str, delivery: str) -> bytes:
        visit = await console.visit(request)
        found = await webhooks.find(visit.installation, id)
        one = await deliveries.find(visit.installation, found.id, delivery)
        body = await _delivery(visit, found, one)
        return console.page(request, visit, f"Event {one.event}", *body, here=HERE, above=_above(found))

    @app.route(f"{HERE}/<string:id>/<string:act>", methods=["POST"])
    async def console_webhook_act(request: Request, id: str, act: str) -> bytes:
        visit = await console.visit(request)
        found = await webhooks.find(visit.installation, id)
        if act in ("reveal", "new-secret"):
            if not visit.caller.sees_secrets or (act == "reveal" and not visit.installation.reveal_secrets):
                raise Forbidden("secrets are not shown here")
            if act == "new-secret":
                found = await webhooks.change(visit.installation, found.id, {"secret": ""})
            return await shown(request, visit, found, secret=webhooks.secret_of(visit.installation, found))
        try:
            said = await _act(visit, request, found, act)
        except Invalid as fault:
            request.setResponseCode(400)
            return await shown(request, visit, found, fault=fault)
        return console.go(request, HERE if act == "remove" else f"{HERE}/{found.id}", said)


async def _act(visit: Visit, request: IRequest, found: Webhook, act: str) -> str:
    """Carry out what a button says; gives the words for it."""
    place = visit.installation
    if act == "test":
        await webhooks.test(place, found.id)
        return "A test event is under way: it is listed below in a moment."
    if act == "pause":
        await webhooks.disable(place, found.id)
        return "Paused. Events gather for as long as they are kept."
    if act == "resume":
        await webhooks.enable(place, found.id)
        return "Resumed, from the event that was taken last."
    if act == "replay":
        since, until = query.text(request, "since"), query.text(request, "until")
        if not since:
            raise Invalid("since", "say from when")
        first = spans.instant("since", since, visit.zone)
        await webhooks.replay(place, found.id, "", first, spans.instant("until", until, visit.zone) if until else 0)
        return "What happened in that time is sent again, before anything new."
    if act == "again":
        number = query.number(request, "event", 0, 1 << 62)
        await webhooks.replay_one(place, found.id, number)
        return f"Event {number} is sent again."
    if act == "stop-replay":
        await webhooks.stop_replay(place, found.id)
        return "Nothing more is sent again."
    if act == "remove":
        await webhooks.remove(place, found.id)
        return f"{found.name} is told nothing any more."
    raise Problem(404)


def _given(request: IRequest) -> tuple[dict[str, str], tuple[str, ...]]:
    return {name: query.text(request, name).strip() for name in _FIELDS}, query.words(request, "events")


def _above(found: Webhook) -> list[tuple[str, str]]:
    return [(HERE, "Webhooks"), (f"{HERE}/{found.id}", found.name)]


async def _list(visit: Visit) -> list[Markup]:
    found = await webhooks.every(visit.installation)
    add = tag("p", tag("a", "Add a webhook", href=f"{HERE}/new", class_="button"))
    if not found:
        words = (
            "No program of yours is told yet when mail is delivered, bounces, is opened or clicked. "
            "Add the address of one, and each event is sent to it as signed JSON."
        )
        return [look.nothing(words, add)]
    owners = {each.id: each.name for each in await accounts.every(visit.installation)}
    heads, rows = ["Name", "Sent to", "Events", "Status", "Taken", "Last"], []
    for each in found:
        row = [tag("a", each.name, href=f"{HERE}/{each.id}"), each.url, _kinds(each), _status(each),
               str(each.delivered), _at(visit, each.delivered_at)]  # fmt: skip
        rows.append(row if visit.caller.bound else [row[0], owners.get(each.account, _EVERYBODY), *row[1:]])
    if not visit.caller.bound:
        heads.insert(1, "Account")
    return [add, look.table("Receivers of events", heads, rows)]


def _kinds(hook: Webhook) -> str:
    return ", ".join(hook.events).replace("_", " ") or "all"


def _status(hook: Webhook) -> Markup:
    if hook.status != ENABLED:
        return tag("span", "Paused", class_="status blocked")
    return tag("span", "Failing", class_="status not-activated") if hook.failures else look.status("active")


def _at(visit: Visit, at: int) -> str:
    return look.when(at, visit.now, visit.zone) if at else "never"


async def _form(
    visit: Visit, action: str, given: Mapping[str, str], events: Sequence[str], fault: Invalid | None,
    *, changes: bool = False,
) -> Markup:  # fmt: skip
    wrong = faults.beside(fault, {"webhook": "name"})
    dialects = [("", "Ours")] + [
        (each.name, f"{each.title}'s") for each in visit.installation.dialects if each.webhook is not None
    ]
    ticks = [
        tag("div", look.tick("events", each.value.replace("_", " "), each.value in events, each.value),
            tag("p", each.meaning, class_="hint"))
        for each in Event if each is not Event.WEBHOOK_TEST
    ]  # fmt: skip
    fields = [
        look.field("url", "Address", wrong.get("url", ""), "Each event is sent there by an HTTP POST.", type="url",
                   value=given.get("url", ""), required=True, placeholder="https://", autofocus=not changes),
        look.field("name", "Name", wrong.get("name", ""), "What you call it; left out, it gets an id.",
                   value=given.get("name", ""), required=changes),
        look.choice("dialect", "Payload", dialects, given.get("dialect", ""), wrong.get("dialect", ""),
                    "Ours has every fact; a service's serves a program that was written for it."),
        tag("fieldset", tag("legend", "Events"), tag("p", "None ticked means all.", class_="hint"),
            tag("div", *ticks, class_="ticks"), class_="events"),
    ]  # fmt: skip
    if not visit.caller.bound and not changes:
        owners = [("", _EVERYBODY), *((each.name, each.name) for each in await accounts.every(visit.installation))]
        fields.insert(0, look.choice("account", "Account", owners, given.get("account", ""), wrong.get("account", "")))
    return look.form(action, visit.key, *fields, look.button("Save" if changes else "Add"), stacked=True)


async def _page(visit: Visit, found: Webhook, before: str, secret: str, fault: Invalid | None) -> list[Markup]:
    path, key, place = f"{HERE}/{found.id}", visit.key, visit.installation
    shown = await deliveries.every(place, found.id, before=before, limit=SHOWN)
    beside = fault is not None and fault.field in ("since", "until")
    parts = [look.notice(str(fault), "fault")] if fault is not None and not beside else []
    if secret:
        words = "Give this secret to the receiver: it checks by it that requests come from here."
        parts.append(tag("div", tag("p", words), look.copied(secret), class_="note"))
    active = found.status == ENABLED
    buttons = [
        look.form(f"{path}/test", key, look.button("Send a test")) if active else "",
        look.form(f"{path}/pause", key, look.button("Pause", "quiet"))
        if active
        else look.form(f"{path}/resume", key, look.button("Resume")),
        tag("a", "Change", href=f"{path}/change", class_="button quiet"),
    ]
    if visit.caller.sees_secrets and not secret:
        if place.reveal_secrets:
            buttons.append(look.form(f"{path}/reveal", key, look.button("Show secret", "quiet")))
        renew = look.form(f"{path}/new-secret", key, look.button("Make a new secret", "danger"))
        buttons.append(
            look.confirm("New secret…", "From then on the receiver refuses what it is sent, until it knows it.", renew)
        )
    removal = look.form(f"{path}/remove", key, look.button("Remove", "danger"))
    buttons.append(look.confirm("Remove…", "It is told nothing any more, and what it was sent is forgotten.", removal))
    return [
        *parts,
        look.facts(_facts(visit, found)),
        tag("div", *buttons, class_="buttons"),
        _replay(visit, found, fault if beside else None),
        tag("h2", "Deliveries"),
        *_deliveries(visit, found, shown),
    ]


def _facts(visit: Visit, found: Webhook) -> list[tuple[str, str]]:
    dialects = visit.installation.dialects
    told = [
        ("Status", join(_status(found), f" {found.reason}" if found.status != ENABLED else "")),
        ("Sent to", tag("code", found.url)),
        ("Events", _kinds(found)),
        ("Payload", dialects.get(found.dialect).title if found.dialect in dialects else "ours"),
        ("Taken", join(f"{found.delivered} events, the last ", _at(visit, found.delivered_at))),
    ]
    if found.failures:
        since = look.when(found.failing_since, visit.now, visit.zone)
        told.append(("Failing", join(f"{found.failures} times in a row, since ", since, f": {found.last_error}")))
        if found.status == ENABLED:
            told.append(("Next try", look.when(found.next_at, visit.now, visit.zone)))
    return told


def _replay(visit: Visit, found: Webhook, fault: Invalid | None) -> Markup:
    """How far sending again is, or the form that begins it."""
    if found.replay_until:
        done = webhooks.replayed(found)
        bar = tag("label", "Sending again", tag("progress", value=str(done), max="100"))
        stop = look.form(f"{HERE}/{found.id}/stop-replay", visit.key, look.button("Stop", "quiet"))
        return look.followed("replay", tag("p", bar, f" {done} %", class_="progress"), stop, over=False)
    since, until = (fault.reason if fault and fault.field == each else "" for each in ("since", "until"))
    fields = [
        look.field("since", "From", since, type="datetime-local", required=True),
        look.field("until", "To", until, "Left out: now.", type="datetime-local"),
        look.button("Send again"),
    ]
    again = look.form(f"{HERE}/{found.id}/replay", visit.key, *fields, stacked=True)
    opened = tag("details", tag("summary", "Send a time again…"), again, class_="confirm", open=fault is not None)
    return look.followed("replay", opened, over=True)


def _deliveries(visit: Visit, found: Webhook, shown: Sequence[Delivery]) -> list[Markup]:
    if not shown:
        return [look.nothing("Nothing was sent there yet. A test shows at once whether the receiver is found.")]
    path = f"{HERE}/{found.id}/deliveries"
    rows = [
        (
            look.when(each.at, visit.now, visit.zone),
            join(tag("a", _event(each), href=f"{path}/{each.id}"), " (again)" if each.again else ""),
            _answer(each),
            f"{each.took / 1000:.0f} ms",
        )
        for each in shown
    ]
    parts = [look.table("What was sent lately, newest first", ("When", "Event", "Answer", "Took"), rows, 1)]
    if len(shown) == SHOWN:
        parts.append(look.older(f"{HERE}/{found.id}?before={shown[-1].id}"))
    return parts


def _event(each: Delivery) -> str:
    return f"{each.kind.replace('_', ' ')} {each.event}"


def _answer(each: Delivery) -> Markup:
    style = "active" if each.taken else "blocked"
    told = tag("span", str(each.status) if each.status else "no answer", class_=f"status {style}")
    return join(told, f" {each.answer[:100]}" if each.answer and not each.taken else "")


async def _delivery(visit: Visit, found: Webhook, one: Delivery) -> list[Markup]:
    body = await deliveries.preview(visit.installation, found.id, one)
    hidden = tag("input", type="hidden", name="event", value=str(one.event))
    told = [
        ("When", look.when(one.at, visit.now, visit.zone)),
        ("Answer", _answer(one)),
        ("Took", f"{one.took / 1000:.1f} ms"),
        ("Event", _event(one)),
    ]
    if one.taken and one.answer:
        told.insert(2, ("It said", one.answer))
    if body is None:
        words = "The event is not kept any more, so what was sent cannot be shown or sent again."
        return [look.facts(told), look.notice(words)]
    again = look.form(f"{HERE}/{found.id}/again", visit.key, hidden, look.button("Send it again"))
    text = json.dumps(body, indent=2, ensure_ascii=False)
    return [
        look.facts(told),
        tag("div", again, class_="buttons"),
        tag("h2", "Body"),
        tag("pre", text, class_="source", tabindex="0", role="region", aria_label="Body"),
    ]
