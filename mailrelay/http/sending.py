"""``POST /api/v1/messages`` and ``POST /api/v1/preflight``: sending without SMTP, and trying it without sending.

202 comes after the commit, with the verdict on each recipient; when nobody was accepted the answer is a problem in the
dialect's words that names the member: 422 for good, 503 for now, 429 when too much came at once, the last two with
Retry-After. What cannot be read is 400. A preflight is 200 whatever it finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any, TypeVar

from klein import Klein
from pydantic import BaseModel, ValidationError
from twisted.web.server import Request

from ..interfaces.posting import Answer, Posted
from ..interfaces.submission import Peer
from ..manage import plain_posts, sending
from ..manage.installation import Installation
from ..policy.vocabulary import HEADER_REPLIES
from . import query
from .problem import Problem
from .sending_models import Outgoing

PATHS = (b"/api/v1/messages", b"/api/v1/preflight")
#: Octets of a body: a message of the largest size that any dialect takes, in base64 within JSON.
MAX_BODY = 40 << 20
#: Octets from which a body is taken apart in a thread.
LARGE = 64 * 1024
#: Seconds after which a program may try again what failed for now.
AGAIN = 30

M = TypeVar("M", bound=BaseModel)

#: Which member a refusal is about, by its reply key; headers by what they set.
_MEMBERS = {
    **{key: sending.CALLED.get(sets, sets) for sets, key in HEADER_REPLIES.items()},
    "domain_unknown": "from",
    "domain_unverified": "from",
    "sender_disallowed": "from",
    "from_disallowed": "from",
    "from_missing": "from",
    "from_unreadable": "from",
    "from_ambiguous": "from",
    "recipient_suppressed": "to",
    "mailbox_limit": "to",
    "too_many_recipients": "to",
    "connection_inactive": "connection",
    "auth_failed": "connection",
    "subject_missing": "subject",
    "attachment_refused": "attachments",
    "virus_found": "attachments",
    "file_key_unknown": "files",
    "template_unknown": "template",
    "template_failed": "template",
    "tags_missing": "html",
    "body_unreadable": "text",
    "message_unreadable": "raw",
    "header_too_big": "headers",
    "route_required": "route",
    "route_unknown": "route",
    "tag_limit": "tag",
    "idempotency_conflict": "idempotency_key",
}


def add_routes(app: Klein, installation: Installation) -> None:
    """Serve both."""

    @app.route("/api/v1/messages", methods=["POST"])
    async def message_send(request: Request) -> bytes:
        asked = await _read(request, installation)
        found = await sending.send(installation, asked.wanted, _peer(request))
        if not any(each.id for each in found):
            raise _problem(found)
        request.setResponseCode(202)
        return query.send_json(request, _several(asked, [plain_posts.posted(each) for each in found]))

    @app.route("/api/v1/preflight", methods=["POST"])
    async def preflight(request: Request) -> bytes:
        asked = await _read(request, installation)
        found = await sending.preflight(installation, asked.wanted, _peer(request))
        return query.send_json(request, _several(asked, [plain_posts.rehearsed(each) for each in found]))


def _several(asked: Outgoing, told: list[dict[str, Any]]) -> dict[str, Any]:
    return {"messages": told} if asked.batch else told[0]


def _peer(request: Request) -> Peer:
    address = getattr(request.getClientAddress(), "host", "")
    return Peer(address, "http", "", esmtp=True, via="HTTP")


async def _read(request: Request, installation: Installation) -> Outgoing:
    content = request.content
    assert content is not None, "a request that is rendered has a body, if an empty one"
    octets = content.read()
    if len(octets) < LARGE:
        return read(Outgoing, octets)
    found: Outgoing = await installation.aside(read, Outgoing, octets)
    return found


def read(model: type[M], octets: bytes) -> M:
    """A body as an object of a model; a `Problem` names the member that is wrong."""
    try:
        return model.model_validate_json(octets or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        reason = first["msg"].removeprefix("Value error, ")
        member = _member(first["loc"])
        if not member and ": " in reason:
            member, _, reason = reason.partition(": ")
        if first["type"] == "json_invalid":
            raise Problem(400, "the body is not JSON in UTF-8") from None
        raise Problem(400, f"{member}: {reason}" if member else reason, member) from None


def _member(place: tuple[int | str, ...]) -> str:
    """``batch[3].to`` for where something is."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).lstrip(".")


def _problem(found: Sequence[Posted]) -> Problem:
    """Nobody was accepted: what was said of the first."""
    refusal = next(each.refusal for each in found if each.refusal is not None)
    reply = refusal.reply
    detail = f"{reply.status} {reply.text}" if reply.status else reply.text
    member = _MEMBERS.get(refusal.key, "")
    if reply.positive:
        return Problem(422, "the message says that it is a preflight: POST it to /api/v1/preflight", "raw")
    if not reply.transient:
        return Problem(422, detail, member)
    if refusal.key == "rate_limited":
        return Problem(429, detail, member, {"Retry-After": str(_wait(refusal))})
    return Problem(503, detail, member, {"Retry-After": str(AGAIN)})


def _wait(refusal: Answer) -> int:
    wait = refusal.facts.get("wait", 1)
    return max(1, ceil(wait)) if isinstance(wait, (int, float)) else 1
