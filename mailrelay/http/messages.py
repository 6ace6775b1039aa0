"""``GET /api/v1/messages``: what became of messages, one JSON object for each recipient, newest first, and
``GET /api/v1/messages/ID/explain``: every decision about one, with `to` about one recipient of it.

The objects are those of the command line's ``message list --json``. What may be asked for: `id` (of the final 250, or
of one recipient), `to`, `account`, `connection`, `state` (several times, or with commas), `limit`. An unknown id,
account or connection is 404; a value that cannot be read is 400.
"""

from __future__ import annotations

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.web.iweb import IRequest

from ..manage import explain, messages, plain
from ..manage.installation import Installation
from ..manage.queue import Which
from . import query

DEFAULT_LIMIT = 1000


def add_routes(app: Klein, installation: Installation) -> None:
    """Serve the send history."""

    @app.route("/api/v1/messages", methods=["GET"])
    def message_list(request: IRequest) -> Deferred[bytes]:
        which = Which(
            id=query.text(request, "id").strip(),
            account=query.text(request, "account"),
            connection=query.text(request, "connection"),
            to=query.address(request, "to"),
        )
        limit = query.number(request, "limit", DEFAULT_LIMIT, messages.MAX_PASSAGES)
        found = messages.every(installation, which, query.words(request, "state"), limit)
        return found.addCallback(
            lambda passages: query.send_json(request, [plain.passage(each, installation.dialects) for each in passages])
        )

    @app.route("/api/v1/messages/<id>/explain", methods=["GET"])
    def message_explain(request: IRequest, id: str) -> Deferred[bytes]:
        found = explain.message(installation, id, query.address(request, "to"))
        return found.addCallback(
            lambda explanation: query.send_json(request, plain.explanation(explanation, installation.dialects))
        )
