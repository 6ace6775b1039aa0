"""``GET /api/v1/messages``: the send history, one JSON object for each recipient, the newest first; ``GET
/api/v1/messages/export``: the same as a file, CSV or NDJSON by `format`; and ``GET /api/v1/messages/ID/explain``: every
decision about one message, with `to` about one recipient of it. ``POST /api/v1/messages/ID/resend`` sends one again,
with ``{"to": […]}`` to others; the answer is the new one's id and recipients.

The objects are those of the command line's ``message list --json``. What may be asked for, in any combination: `id` (of
the final 250, or of one recipient), `to`, `domain`, `account`, `connection`, `state` (several times, or with commas),
`tag`, `ref`, `from` and `until` (ISO 8601, in the zone of the account that is meant, else in UTC), and `limit`. The
answer is a page; its `next` is the `before` of the following one, "" at the end. A page may be short, for no page looks
at more than so much of the history. An unknown id, account or connection is 404; a value that cannot be read is 400.
"""

from __future__ import annotations

import json

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.web.iweb import IRequest
from twisted.web.server import Request

from ..manage import explain, messages, plain, resend
from ..manage.installation import Installation
from ..manage.queue import Which
from . import query
from .exporting import send_export
from .problem import Problem

DEFAULT_LIMIT = 1000


def add_routes(app: Klein, installation: Installation) -> None:
    """Serve the send history."""

    @app.route("/api/v1/messages", methods=["GET"])
    async def message_list(request: IRequest) -> bytes:
        limit = query.number(request, "limit", DEFAULT_LIMIT, messages.MAX_PASSAGES)
        page = await messages.page(installation, _which(request), query.words(request, "state"), limit)
        rows = [plain.passage(each, installation.dialects) for each in page.passages]
        return query.send_json(request, {"messages": rows, "next": page.before})

    @app.route("/api/v1/messages/export", methods=["GET"])
    async def message_export(request: IRequest) -> bytes:
        format = query.text(request, "format") or "csv"
        return await send_export(request, installation, _which(request), query.words(request, "state"), format)

    @app.route("/api/v1/messages/<id>/resend", methods=["POST"])
    async def message_resend(request: Request, id: str) -> bytes:
        made = await resend.resend(installation, id, addresses(request))
        request.setResponseCode(201)
        rows = [plain.passage(each, installation.dialects) for each in made.passages]
        return query.send_json(request, {"id": made.id, "of": id, "recipients": rows})

    @app.route("/api/v1/messages/<id>/explain", methods=["GET"])
    def message_explain(request: IRequest, id: str) -> Deferred[bytes]:
        found = explain.message(installation, id, query.address(request, "to"))
        return found.addCallback(
            lambda explanation: query.send_json(request, plain.explanation(explanation, installation.dialects))
        )


def _which(request: IRequest) -> Which:
    return Which(
        id=query.text(request, "id").strip(),
        account=query.text(request, "account"),
        connection=query.text(request, "connection"),
        domain=query.text(request, "domain"),
        to=query.address(request, "to"),
        before=query.text(request, "before"),
        tag=query.text(request, "tag"),
        client_ref=query.text(request, "ref"),
        since=query.text(request, "from"),
        until=query.text(request, "until"),
    )


def addresses(request: Request) -> tuple[str, ...]:
    """The addresses of ``{"to": […]}``, none where there is no body."""
    body = b"" if request.content is None else request.content.read()
    try:
        given = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise Problem(400, "the body is not JSON in UTF-8") from None
    if not isinstance(given, dict) or given.keys() - {"to"}:
        raise Problem(400, "the body is not an object of to alone")
    to = given.get("to", [])
    if not (isinstance(to, list) and all(isinstance(each, str) for each in to)):
        raise Problem(400, "to: must be a list of addresses", "to")
    return tuple(to)
