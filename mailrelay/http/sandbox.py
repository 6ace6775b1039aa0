"""The sandbox's mail for programs: list what arrived at the sink, fetch its octets, forget it all.

``GET /api/v1/sandbox/messages`` lists the newest first; `limit`, `to` (one whole address, in any case) and `since`
narrow it down: an instant in ISO 8601 or in seconds since 1970, itself included, or the id of a message, itself not.
What ``GET …/ID.eml`` gives is what came in, octet by octet.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest

from ..interfaces.sandbox import IInbox, Kept
from ..mail.address import AddressError, parse_mailbox
from . import query
from .problem import Problem

DEFAULT_LIMIT = 1000
MAX_LIMIT = 10_000

_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")


def plain(kept: Kept) -> dict[str, object]:
    """One message as it is listed."""
    return {
        "id": kept.id,
        "received_at": query.iso(kept.received_at),
        "mail_from": kept.mail_from,
        "rcpt_to": kept.rcpt_to,
        "subject": kept.subject,
        "size": kept.size,
    }


def listing(request: IRequest, inbox: IInbox, default: int = DEFAULT_LIMIT) -> Deferred[Sequence[Kept]]:
    """The messages that a request asks for."""
    limit = query.number(request, "limit", default, MAX_LIMIT)
    since = query.text(request, "since").strip()
    after = since if _ID.fullmatch(since) else ""
    at = query.instant("since", since) if since and not after else 0
    return inbox.messages(limit, _as_kept(query.address(request, "to")), at, after).addErrback(not_found)


def _as_kept(to: str) -> str:
    """An address as it stands on the wire, its domain in ASCII; what is no address is looked for as it is."""
    try:
        return parse_mailbox(to).address if to else ""
    except AddressError:
        return to


def not_found(failure: Failure) -> Failure:
    """Say that there is no such message, if that is what failed."""
    if failure.check(KeyError):
        raise Problem(404, "there is no such message") from failure.value
    return failure


def source(request: IRequest, inbox: IInbox, id: str) -> Deferred[bytes]:
    """Answer with the octets of a message."""

    def send(octets: bytes) -> bytes:
        request.setHeader(b"Content-Type", b"message/rfc822")
        request.setHeader(b"Content-Disposition", b'attachment; filename="%s.eml"' % id.encode("ascii"))
        request.setHeader(b"Content-Length", b"%d" % len(octets))
        return octets

    return inbox.source(id).addCallback(send).addErrback(not_found)


def add_routes(app: Klein, inbox: IInbox) -> None:
    """Serve the sink's mail."""

    @app.route("/api/v1/sandbox/messages", methods=["GET"])
    def sandbox_list(request: IRequest) -> Deferred[bytes]:
        return listing(request, inbox).addCallback(
            lambda found: query.send_json(request, [plain(kept) for kept in found])
        )

    @app.route("/api/v1/sandbox/messages/<string:id>.eml", methods=["GET"])
    def sandbox_source(request: IRequest, id: str) -> Deferred[bytes]:
        return source(request, inbox, id)

    @app.route("/api/v1/sandbox/messages", methods=["DELETE"])
    def sandbox_clear(request: IRequest) -> Deferred[bytes]:
        def cleared(_: int) -> bytes:
            request.setResponseCode(204)
            return b""

        return inbox.clear().addCallback(cleared)
