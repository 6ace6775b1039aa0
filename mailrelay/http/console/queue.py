"""The page of the queue: what waits for each destination as a picture, after which replies, and what can be done."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from klein import Klein
from twisted.web.iweb import IRequest
from twisted.web.server import Request

from ...interfaces.history import Passage, Waiting
from ...mail.envelope import PRIORITIES
from ...manage import accounts, connections, queue
from ...manage.errors import Invalid, Unknown
from ...manage.queue import Which
from ...policy.bounce import shipped
from .. import query
from ..markup import Markup, join, tag
from ..problem import Problem
from . import faults, history, look
from .frame import Console
from .visit import Visit

HERE = "/console/queue"
#: Destinations in the picture, and recipients on a page.
DRAWN, SHOWN = 30, 25
#: What is drawn of a destination: the class in the style sheet, and its name.
_PARTS = (("queued", "waiting for its first attempt"), ("deferred", "tried, and due later"), ("expired", "held"))
_FIELDS = ("to", "class", "older", "priority", "route", "connection", "account")


def add_routes(app: Klein, console: Console) -> None:
    """Serve the page."""

    @app.route(HERE, methods=["GET"])
    async def console_queue(request: Request) -> bytes:
        return await shown(request, await console.visit(request))

    async def shown(request: Request, visit: Visit, fault: Invalid | Unknown | None = None) -> bytes:
        given = _given(request)
        form = await _form(visit, given, fault)
        try:
            body = await _body(visit, given, query.text(request, "before"), fault)
        except (Invalid, Unknown) as wrong:
            request.setResponseCode(400)
            body, form = [], await _form(visit, given, wrong)
        return console.page(request, visit, "Queue", form, *body, here=HERE)

    @app.route(f"{HERE}/<string:act>", methods=["POST"])
    async def console_queue_act(request: Request, act: str) -> bytes:
        visit = await console.visit(request)
        given = _given(request)
        try:
            said = await _act(console, visit, request, act, which(given))
        except (Invalid, Unknown) as fault:
            request.setResponseCode(400)
            return await shown(request, visit, fault)
        return console.go(request, _path(given), said)


def which(given: dict[str, str]) -> Which:
    """The waiting mail that the fields of the form mean; all, where they are empty."""
    to = given["to"]
    meant = Which(
        account=given["account"],
        connection=given["connection"],
        to=to if "@" in to else "",
        domain="" if "@" in to else to,
        route=given["route"],
        older=given["older"],
        reply_class=given["class"],
        priority=given["priority"],
    )
    return Which(all=True) if meant == Which() else meant


async def _act(console: Console, visit: Visit, request: IRequest, act: str, meant: Which) -> str:
    place, reason = visit.installation, query.text(request, "reason")
    if act == "retry":
        return f"{await queue.retry(place, meant)} made due now."
    if act == "hold":
        return f"{await queue.hold(place, meant)} held back."
    if act == "release":
        return f"{await queue.release(place, meant)} let go."
    if act == "drop":
        return f"{await queue.drop(place, meant, reason, console.pause)} dropped."
    if act == "expire":
        return f"{await queue.expire(place, meant, reason, console.pause)} expired."
    if act == "reroute":
        by = query.text(request, "by")
        return f"{await queue.reroute(place, meant, by, console.pause)} leave by {by} now."
    raise Problem(404)


def _given(request: IRequest) -> dict[str, str]:
    return {name: query.text(request, name).strip() for name in _FIELDS} | {"to": query.address(request, "to")}


def _path(given: dict[str, str], **changed: str) -> str:
    asked = urlencode({name: value for name, value in (given | changed).items() if value})
    return f"{HERE}?{asked}" if asked else HERE


async def _form(visit: Visit, given: dict[str, str], fault: Invalid | Unknown | None) -> Markup:
    wrong = faults.beside(fault, {"domain": "to"})
    mine = [("", "All"), *((each.id, each.name) for each in await connections.every(visit.installation))]
    classes = [("", "Any"), *((each.name, each.name) for each in shipped().every)]
    priorities = [("", "Any"), *((each, each) for each in PRIORITIES)]
    fields = [
        look.field("to", "Recipient or domain", wrong.get("to", ""), value=given["to"], type="search"),
        look.choice("class", "Class of the last reply", classes, given["class"], wrong.get("class", "")),
        look.field("older", "Older than", wrong.get("older", ""), value=given["older"], placeholder="30m, 12h, 2d",
                   size="10"),
        look.choice("priority", "Priority", priorities, given["priority"], wrong.get("priority", "")),
        look.field("route", "Route", value=given["route"], size="10"),
        look.choice("connection", "Connection", mine, given["connection"], wrong.get("connection", "")),
    ]  # fmt: skip
    if not visit.caller.bound:
        owners = [("", "All"), *((each.name, each.name) for each in await accounts.every(visit.installation))]
        fields.append(look.choice("account", "Account", owners, given["account"], wrong.get("account", "")))
    return look.filters(HERE, *fields)


async def _body(visit: Visit, given: dict[str, str], before: str, fault: Invalid | Unknown | None) -> list[Markup]:
    place, meant = visit.installation, which(given)
    listed = Which(**{name: getattr(meant, name) for name in Which.__dataclass_fields__} | {"before": before})
    waiting = await queue.destinations(place, meant)
    if not waiting:
        if any(given.values()):
            return [look.nothing("Nothing that waits fits.", tag("a", "Show all", href=HERE, class_="button quiet"))]
        return [look.nothing("Nothing waits: all mail that was accepted is delivered, or at its end.")]
    found = await queue.passages(place, listed, SHOWN)
    parts = [
        _picture(visit, given, waiting),
        *await _classes(visit, given, meant),
        tag("h2", "What shall be done?"),
        _actions(visit, given, sum(each.count for each in waiting), fault),
        tag("h2", "Recipients"),
        _recipients(visit, found),
    ]
    if len(found) == SHOWN:
        parts.append(look.older(_path(given | {"before": found[-1].recipient})))
    return parts


def _picture(visit: Visit, given: dict[str, str], waiting: Sequence[Waiting]) -> Markup:
    most = max(each.count for each in waiting)
    rows = [
        (
            tag("a", each.destination, href=_path(given, to=each.destination)),
            _bar(each, most),
            str(each.count),
            str(each.deferred),
            str(each.held),
            look.when(each.oldest_at, visit.now, visit.zone),
            look.when(each.next_due_at, visit.now, visit.zone) if each.held < each.count else "held",
        )
        for each in waiting[:DRAWN]
    ]
    heads = ("Destination", "Picture", "Waiting", "Deferred", "Held", "Oldest", "Next try")
    left = len(waiting) - DRAWN
    marks = [tag("li", tag("i", class_=style), name) for style, name in _PARTS]
    return join(
        tag("ul", *marks, class_="legend"),
        tag("div", look.table("What waits by destination, the most first", heads, rows, 5), class_="destinations"),
        tag("p", f"And for {left} destinations more.") if left > 0 else "",
    )


def _bar(each: Waiting, most: int) -> Markup:
    """One destination beside the one for which most waits."""
    left, shapes = 0.0, []
    numbers = (each.fresh, each.deferred, each.held)
    for (style, _), number in zip(_PARTS, numbers, strict=True):
        wide = number / most * 100
        if wide:
            shapes.append(tag("rect", x=f"{left:.2f}", y="0", width=f"{wide:.2f}", height="10", class_=style))
        left += wide
    told = ", ".join(f"{number} {name}" for (_, name), number in zip(_PARTS, numbers, strict=True) if number)
    return tag("svg", *shapes, viewBox="0 0 100 10", preserveAspectRatio="none", role="img", aria_label=told,
               class_="share", xmlns="http://www.w3.org/2000/svg")  # fmt: skip


async def _classes(visit: Visit, given: dict[str, str], meant: Which) -> list[Markup]:
    found = await queue.classes(visit.installation, meant)
    rows = [
        (tag("a", name or "(none yet)", href=_path(given, **{"class": name})) if name else "no reply yet", str(number))
        for name, number in found.items()
    ]
    if len(rows) < 2 and "" in found:
        return []
    return [tag("div", look.table("By class of the last reply", ("Class", "Waiting"), rows, 1), class_="narrow")]


def _actions(visit: Visit, given: dict[str, str], number: int, fault: Invalid | Unknown | None) -> Markup:
    told = f"{number} recipient{'' if number == 1 else 's'}"
    kept = [tag("input", type="hidden", name=name, value=value) for name, value in given.items() if value]

    def form(act: str, *fields: str) -> Markup:
        return look.form(f"{HERE}/{act}", visit.key, *kept, *fields, stacked=len(fields) > 1)

    wrong = faults.beside(fault)
    words = {
        "drop": ("Drop…", f"{told} end as failed with this reason, and what was reserved for them is released.",
                 "It cannot be undone.", "danger"),
        "expire": ("Expire…", f"{told} end as if their deadline had passed.", "It cannot be undone.", "danger"),
    }  # fmt: skip
    made = [
        form("retry", look.button("Try now")),
        look.confirm("Hold…", f"{told} are kept back until they are released, or their deadline passes.",
                     form("hold", look.button("Hold"))),
        form("release", look.button("Release", "quiet")),
    ]  # fmt: skip
    for act, (summary, text, end, style) in words.items():
        field = look.field("reason", "Reason", wrong.get("reason", ""), id=f"{act}-reason")
        made.append(look.confirm(summary, f"{text} {end}", form(act, field, look.button(act.title(), style))))
    if visit.caller.administrator and not visit.caller.bound:
        by = look.field("by", "Route", wrong.get("route", ""), "One of the configuration, or stored.")
        text = f"{told} leave by another route, now."
        made.append(look.confirm("Another route…", text, form("reroute", by, look.button("Send by it")),
                                 open="route" in wrong))  # fmt: skip
    whole = "Everything that waits" if not any(given.values()) else "What fits the filters"
    return tag("div", tag("p", f"{whole}: {told}."), tag("div", *made, class_="buttons"))


def _recipients(visit: Visit, found: Sequence[Passage]) -> Markup:
    rows = [
        (
            look.when(each.accepted_at, visit.now, visit.zone),
            tag("a", tag("bdi", each.rcpt), href=f"{history.MESSAGES}/{each.recipient}"),
            look.status("held" if each.held else each.state.value),
            look.when(each.due_at, visit.now, visit.zone),
            each.last_reply[:160],
        )
        for each in found
    ]
    return look.table("The newest", ("Accepted", "To", "Status", "Next try", "Last reply"), rows)
