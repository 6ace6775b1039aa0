"""``GET /api/v1/events``: what happened, in order, from a cursor on.

``after`` is the cursor: the id of the last event that was seen (0 or left out: the oldest that is kept). `account`,
`connection` and `type` (several times, or with commas) narrow; `limit` is 100 where it is not given. The answer holds
the events, the `cursor` to go on from, and whether `more` may follow at once; with ``format=ndjson`` it is an event in
each line, and the cursor stands in the header ``Next-Cursor``.
"""

from __future__ import annotations

import json

from klein import Klein
from twisted.web.iweb import IRequest

from ..interfaces.events import MOST
from ..manage import accounts, happened
from ..manage.installation import Installation
from . import query
from .problem import Problem

DEFAULT_LIMIT = 100


def add_routes(app: Klein, installation: Installation) -> None:
    """Serve the events."""

    @app.route("/api/v1/events", methods=["GET"])
    async def event_list(request: IRequest) -> bytes:
        form = query.text(request, "format") or "json"
        if form not in ("json", "ndjson"):
            raise Problem(400, "format: must be json or ndjson", "format")
        wanted = happened.Wanted(
            account=query.text(request, "account"),
            connection=query.text(request, "connection"),
            types=query.words(request, "type"),
            since=_cursor(query.text(request, "after")),
            limit=query.number(request, "limit", DEFAULT_LIMIT, MOST),
        )
        page = await happened.page(installation, wanted)
        owners = {each.id: each.name for each in await accounts.every(installation)}
        events = [happened.plain(each, owners) for each in page.events]
        if form == "json":
            return query.send_json(request, {"events": events, "cursor": page.cursor, "more": page.more})
        request.setHeader(b"Content-Type", b"application/x-ndjson")
        request.setHeader(b"Next-Cursor", b"%d" % page.cursor)
        return b"".join(json.dumps(each).encode("ascii") + b"\n" for each in events)


def _cursor(given: str) -> int:
    if given and not (given.isascii() and given.isdigit() and len(given) <= 18):
        raise Problem(400, "after: must be the id of an event", "after")
    return int(given or 0)
