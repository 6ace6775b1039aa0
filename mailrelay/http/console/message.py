"""Pages of one message: what happened to it on a time line, what stands in it, and every decision about it.

A path holds the id of a message or of one of its recipients. What strangers wrote is shown as text; the HTML of a
message is a document apart, in a frame that can run nothing and load nothing.
"""

from __future__ import annotations

from klein import Klein
from twisted.web.server import Request

from ...mail import looked_through
from ...mail.event import Event
from ...mail.message import Message
from ...manage import content, explain, queue, resend
from ...manage.errors import Invalid
from ...manage.explain import Explanation, Story
from ...manage.queue import Which
from .. import letter, query, views
from ..markup import Markup, join, tag
from ..pages import send_framed
from . import history, look, story
from .frame import Console
from .visit import Visit

HERE = history.MESSAGES
LINKS = 100  #: of a message that are shown
_ABOVE = ((history.HERE, "History"),)


def add_routes(app: Klein, console: Console) -> None:
    """Serve the pages."""

    @app.route(f"{HERE}/<string:id>", methods=["GET"])
    async def console_message(request: Request, id: str) -> bytes:
        return await shown(request, id)

    async def shown(request: Request, id: str, to: str = "", fault: Invalid | None = None) -> bytes:
        visit = await console.visit(request)
        told = await explain.message(visit.installation, id)
        body = [_tabs(id, f"{HERE}/{id}"), _about(told)]
        if len(told.stories) == 1 and not told.left_out:
            body += story.line(visit, told.stories[0], told)
        else:
            body += _recipients(visit, told)
        body += _actions(visit, id, told, to, fault)
        return console.page(request, visit, _title(told), *body, here=history.HERE, above=_ABOVE)

    @app.route(f"{HERE}/<string:id>/decisions", methods=["GET"])
    async def console_message_decisions(request: Request, id: str) -> bytes:
        visit = await console.visit(request)
        told = await explain.message(visit.installation, id)
        rows = [
            (each.stage, each.rule, "allowed" if each.allowed else f"refused: {each.reply}", story.facts(each.facts))
            for each in told.decisions
        ]
        body = look.table("Decisions, in order", ("Stage", "Rule", "Decision", "What was seen"), rows)
        tabs = _tabs(id, f"{HERE}/{id}/decisions")
        return console.page(request, visit, _title(told), tabs, body, here=history.HERE, above=_ABOVE)

    @app.route(f"{HERE}/<string:id>/content", methods=["GET"])
    async def console_message_content(request: Request, id: str) -> bytes:
        visit = await console.visit(request)
        told = await explain.message(visit.installation, id)
        body = [_tabs(id, f"{HERE}/{id}/content"), *await _content(visit, told)]
        return console.page(request, visit, _title(told), *body, here=history.HERE, above=_ABOVE)

    @app.route(f"{HERE}/<string:id>/body.html", methods=["GET"])
    async def console_message_body(request: Request, id: str) -> bytes:
        visit = await console.visit(request)
        found = await content.rendered(visit.installation, id)
        return send_framed(request, views.framed(found.text if found.html else ""))

    @app.route(f"{HERE}/<string:id>/source.eml", methods=["GET"])
    async def console_message_source(request: Request, id: str) -> bytes:
        visit = await console.visit(request)
        octets = await content.source(visit.installation, id)
        request.setHeader(b"Content-Type", b"message/rfc822")
        request.setHeader(b"Content-Disposition", b'attachment; filename="message.eml"')
        return octets

    @app.route(f"{HERE}/<string:id>/resend", methods=["POST"])
    async def console_message_resend(request: Request, id: str) -> bytes:
        visit = await console.visit(request)
        given = query.text(request, "to")
        try:
            made = await resend.resend(visit.installation, id, tuple(given.replace(",", " ").split()))
        except Invalid as fault:
            request.setResponseCode(400)
            return await shown(request, id, given, fault)
        return console.go(request, f"{HERE}/{made.id}", "Sent again: this is the new message.")

    @app.route(f"{HERE}/<string:id>/cancel", methods=["POST"])
    async def console_message_cancel(request: Request, id: str) -> bytes:
        visit = await console.visit(request)
        count = await queue.drop(visit.installation, Which(id=id), "cancelled in the console", console.pause)
        ended = "Nothing waited any more." if not count else f"Cancelled for {count} recipient{'s' * (count > 1)}."
        return console.go(request, f"{HERE}/{id}", ended)


def _title(told: Explanation) -> str:
    return told.stories[0].passage.subject or "(no subject)"


def _tabs(id: str, here: str) -> Markup:
    pages = [(f"{HERE}/{id}", "Events"), (f"{HERE}/{id}/content", "Content"), (f"{HERE}/{id}/decisions", "Decisions")]
    return look.tabs("The message", pages, here)


def _about(told: Explanation) -> Markup:
    first = told.stories[0].passage
    named = [("Tag", first.tag), ("Client reference", first.client_ref), ("Template", first.template)]
    named += [(f"Metadata {name}", value) for name, value in first.metadata.items()]
    return look.facts(
        [
            ("From", tag("bdi", first.sender or "(nobody)")),
            ("Connection", join(first.connection_name, f" ({first.dialect})")),
            ("Size", f"{first.size:,} octets"),
            ("Id", look.copied(told.id)),
            *((name, tag("bdi", value)) for name, value in named if value),
        ]
    )


def _recipients(visit: Visit, told: Explanation) -> list[Markup]:
    rows = [
        (
            tag("a", tag("bdi", each.passage.rcpt), href=f"{HERE}/{each.passage.recipient}"),
            look.status("held" if each.passage.held else each.passage.state.value),
            str(each.passage.attempts),
            look.when(each.passage.last_at, visit.now, visit.zone) if each.passage.last_at else "",
        )
        for each in told.stories
    ]
    more = [look.notice(f"{told.left_out} further recipients are not shown here.")] if told.left_out else []
    return [look.table("Recipients", ("To", "Status", "Attempts", "Last"), rows), *more]


def _actions(visit: Visit, id: str, told: Explanation, to: str, fault: Invalid | None) -> list[Markup]:
    asked = look.field("to", "To other recipients", fault.reason if fault is not None else "",
                       "Addresses, with blanks between; empty for the same recipients.", value=to)  # fmt: skip
    again = look.form(f"{HERE}/{id}/resend", visit.key, asked, look.button("Send again"), stacked=True)
    told_again = "It is judged, and paid for, as a new message."
    made = [look.confirm("Send again …", told_again, again, open=fault is not None)]
    if any(not each.passage.state.final for each in told.stories):
        cancel = look.form(f"{HERE}/{id}/cancel", visit.key, look.button("Cancel delivery", "danger"))
        made.append(look.confirm("Cancel …", "What has not been delivered yet ends as failed.", cancel))
    return made


async def _content(visit: Visit, told: Explanation) -> list[Markup]:
    one: Story = told.stories[0]
    try:
        octets = await content.source(visit.installation, told.id)
    except Invalid as fault:
        return [look.notice(str(fault))]
    read = letter.read(octets)
    found = await content.rendered(visit.installation, one.passage.recipient)
    fields = [(name, tag("bdi", value)) for name, value in read.fields if name.lower() in _SHOWN]
    body = (
        tag("iframe", src=f"{HERE}/{one.passage.recipient}/body.html", title="What the recipient reads",
            sandbox=views.FRAME, class_="mail")
        if found.html
        else tag("pre", found.text[: views.SHOWN], class_="mail")
    )  # fmt: skip
    parts = [(each.name or "(no name)", each.type, f"{each.size:,}") for each in read.attachments]
    return [
        look.facts(fields),
        tag("h2", f"As {one.passage.rcpt} reads it"),
        tag("p", "Nothing from outside is loaded, so that looking here counts as no open.", class_="hint"),
        body,
        *_links(octets, one),
        *([look.table("Attachments", ("Name", "Type", "Octets"), parts, 1)] if parts else []),
        tag("p", tag("a", "Source as it was accepted", href=f"{HERE}/{told.id}/source.eml", download=True)),
        *(
            [tag("p", tag("a", "Web version", href=found.url), ": looking at it counts as an open.")]
            if found.url
            else []
        ),
    ]


def _links(octets: bytes, one: Story) -> list[Markup]:
    """Where the message leads, and how often its recipient followed."""
    targets = looked_through.links(Message.parse(octets))
    if not targets:
        return []
    clicks = [each for each in one.acts if each.act is Event.CLICKED]
    rows = [
        (
            tag("bdi", target),
            *(str(sum(each.target == target and bool(each.machine) is machine for each in clicks))
              for machine in (False, True)),
        )
        for target in targets[:LINKS]
    ]  # fmt: skip
    return [look.table("Links", ("Target", "Clicks by people", "By machines"), rows, 2)]


_SHOWN = frozenset({"from", "to", "cc", "reply-to", "subject", "date", "message-id", "list-unsubscribe"})
