"""``POST /api/v1/messages`` and ``POST /api/v1/preflight``: sending without SMTP, and trying it without sending.

202 comes after the commit, with the verdict on each recipient; when nobody was accepted the answer is a problem in the
dialect's words that names the member: 422 for good, 503 for now, 429 when too much came at once, the last two with
Retry-After. What cannot be read is 400. A preflight is 200 whatever it finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import Any

from twisted.web.server import Request

from ...interfaces.posting import Answer
from ...interfaces.posting import Posted as Found
from ...interfaces.submission import Peer
from ...manage import plain_posts, sending
from ...policy.vocabulary import HEADER_REPLIES
from ..once import HEADER, key_of
from ..operation import Asked, Nothing, Operation, operation
from ..peer import address_of
from ..problem import Problem
from .sending_answers import Posted, PostedBatch, Rehearsed, RehearsedPost
from .sending_models import Outgoing

TAG = "messages"
SEND = "messages:send"
Plain = dict[str, Any]

#: Octets of a body: a message of the largest size that any dialect takes, in base64 within JSON.
MAX_BODY = 40 << 20
#: Seconds after which a program may try again what failed for now.
AGAIN = 30

#: Which member a refusal is about, by its reply key; headers by what they set.
_REFUSED = {
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


_ALSO = {
    422: "Nobody was accepted, for good: `detail` is in the words of the dialect, `field` the member that it is about.",
    503: "Nobody was accepted, for now.",
}


@operation(
    "POST", "/messages", TAG, SEND, Posted | PostedBatch, 202, body=Outgoing, most=MAX_BODY, also=_ALSO, keyed=True,
)  # fmt: skip
async def message_send(asked: Asked[Nothing, Outgoing]) -> Plain:
    """Send a message, or a batch with something of its own for each recipient.

    It takes the path of mail by SMTP, and 202 comes after it has been kept for good. With `batch` the answer has
    `messages`, one for each recipient of it. An idempotency key in the header is the same as `idempotency_key` in the
    body, and holds for the connection.
    """
    found = await sending.send(asked.installation, _keyed(asked), _peer(asked.request))
    if not any(each.id for each in found):
        raise _problem(found)
    return _several(asked.body, [plain_posts.posted(each) for each in found])


@operation("POST", "/preflight", TAG, SEND, RehearsedPost | Rehearsed, body=Outgoing, most=MAX_BODY)
async def preflight(asked: Asked[Nothing, Outgoing]) -> Plain:
    """Try a message without sending it, and see what would come of it.

    The answer has the verdict on each recipient, the message as it would leave, its links, size and signatures, how
    they align with its author, and what it would cost. It is 200 whatever is found.
    """
    found = await sending.preflight(asked.installation, asked.body.wanted, _peer(asked.request))
    return _several(asked.body, [plain_posts.rehearsed(each) for each in found])


def _keyed(asked: Asked[Nothing, Outgoing]) -> sending.Wanted:
    """What is wanted, with the key that stands in the header."""
    wanted, key = asked.body.wanted, key_of(asked.request)
    if not key or key == wanted.options.idempotency_key:
        return wanted
    if wanted.options.idempotency_key:
        raise Problem(400, f"idempotency_key: is another one than in the header {HEADER}", "idempotency_key")
    return replace(wanted, options=replace(wanted.options, idempotency_key=key))


def _several(asked: Outgoing, told: list[dict[str, Any]]) -> dict[str, Any]:
    return {"messages": told} if asked.batch else told[0]


def _peer(request: Request) -> Peer:
    return Peer(address_of(request), "http", "", esmtp=True, via="HTTP")


def _problem(found: Sequence[Found]) -> Problem:
    """Nobody was accepted: what was said of the first."""
    refusal = next(each.refusal for each in found if each.refusal is not None)
    reply = refusal.reply
    detail = f"{reply.status} {reply.text}" if reply.status else reply.text
    member = _REFUSED.get(refusal.key, "")
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


OPERATIONS: tuple[Operation, ...] = (message_send, preflight)
