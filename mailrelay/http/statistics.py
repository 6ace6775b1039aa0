"""``GET /api/v1/statistics``: how many mails of an account or connection came to what, over a time.

The object is that of the command line's ``statistics --json``. What may be asked for: `account`, `connection`, `tag`
(empty for mail without one), `domain`, `period` or `from` and `to` (ISO 8601, in the zone of the account), `by`. An
unknown account or connection is 404; a value that cannot be read is 400.
"""

from __future__ import annotations

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.web.iweb import IRequest

from ..manage import plain, statistics
from ..manage.installation import Installation
from . import query


def add_routes(app: Klein, installation: Installation) -> None:
    """Serve statistics."""

    @app.route("/api/v1/statistics", methods=["GET"])
    def counted(request: IRequest) -> Deferred[bytes]:
        asked = statistics.Asked(
            account=query.text(request, "account"),
            connection=query.text(request, "connection"),
            tag=query.text(request, "tag") if b"tag" in request.args else None,
            domain=query.text(request, "domain"),
            period=query.text(request, "period"),
            since=query.text(request, "from"),
            until=query.text(request, "to"),
            by=query.text(request, "by"),
        )
        found = statistics.report(installation, asked)
        return found.addCallback(lambda report: query.send_json(request, plain.report(report)))
