"""The send history: searching it, one message and every decision about it, sending it again, cancelling it."""

from __future__ import annotations

from ...manage import explain, messages, plain, plain_mail, queue, resend
from ...manage.queue import Which
from ..exporting import send_export
from ..operation import Asked, Nothing, Operation, operation
from .message_models import (
    Cancel,
    Count,
    ExplainQuery,
    Explanation,
    ExportQuery,
    Filters,
    Message,
    MessagePage,
    MessageQuery,
    Refusals,
    Refused,
    Resend,
    Resent,
)

TAG = "messages"
READ, SEND, WRITE = "messages:read", "messages:send", "messages:write"
Plain = plain.Plain


def which(asked: Filters) -> Which:
    """The filters as the use case knows them."""
    return Which(
        id=asked.id.strip(),
        account=asked.account,
        connection=asked.connection,
        domain=asked.domain,
        to=asked.to,
        before=asked.before,
        tag=asked.tag,
        client_ref=asked.ref,
        since=asked.since,
        until=asked.until,
    )


@operation("GET", "/messages", TAG, READ, MessagePage, query=MessageQuery, members={"since": "from"})
async def message_list(asked: Asked[MessageQuery, None]) -> Plain:
    """The send history by any filters, one object for each recipient, the newest first.

    `from` and `until` are in the time zone of the account that is meant, else in UTC.
    """
    query = asked.query
    page = await messages.page(asked.installation, which(query), query.state, query.limit)
    rows = [plain_mail.passage(each, asked.installation.dialects) for each in page.passages]
    return {"messages": rows, "next": page.before}


@operation(
    "GET", "/messages/export", TAG, READ, str, query=ExportQuery, answers=("text/csv", "application/x-ndjson"),
    members={"since": "from"},
)  # fmt: skip
async def message_export(asked: Asked[ExportQuery, None]) -> bytes:
    """All of the send history that fits, as a file.

    A file that is cut off by a failure ends its connection, so that nobody takes a part for the whole.
    """
    query = asked.query
    return await send_export(asked.request, asked.installation, which(query), query.state, query.format)


@operation("GET", "/messages/refused", TAG, READ, list[Refused], query=Refusals)
async def message_refused(asked: Asked[Refusals, None]) -> list[Plain]:
    """What was not accepted, the newest first, with the decisions up to it."""
    found = await explain.refusals(asked.installation, asked.query.connection, asked.query.last)
    return [plain_mail.refused(each) for each in found]


@operation("GET", "/messages/{id}", TAG, READ, Message)
async def message_show(asked: Asked[Nothing, None]) -> Plain:
    """One message with its recipients, by its id or that of a recipient."""
    found = await messages.find(asked.installation, asked.path["id"])
    return {
        "id": found.id,
        "recipients": [plain_mail.passage(each, asked.installation.dialects) for each in found.passages],
        "attempts": [{"rcpt": rcpt, **plain_mail.attempt(each)} for rcpt, each in found.attempts],
        "verdicts": [dict(each) for each in found.verdicts],
    }


@operation("GET", "/messages/{id}/explain", TAG, READ, Explanation, query=ExplainQuery)
async def message_explain(asked: Asked[ExplainQuery, None]) -> Plain:
    """Every decision about a message: its client, each check, each attempt with its transcript, and what is next."""
    found = await explain.message(asked.installation, asked.path["id"], asked.query.to)
    return plain_mail.explanation(found, asked.installation.dialects)


@operation(
    "POST", "/messages/{id}/resend", TAG, SEND, Resent, 201, body=Resend, members={"to": "to"},
    also={422: "It is refused as a new one would be."},
)  # fmt: skip
async def message_resend(asked: Asked[Nothing, Resend]) -> Plain:
    """Send a message again, as a new one, to its recipients or to others.

    It is paid for as a new one, and refused where a new one would be.
    """
    id = asked.path["id"]
    made = await resend.resend(asked.installation, id, tuple(asked.body.to))
    rows = [plain_mail.passage(each, asked.installation.dialects) for each in made.passages]
    return {"id": made.id, "of": id, "recipients": rows}


@operation("POST", "/messages/{id}/cancel", TAG, SEND, Count, body=Cancel)
async def message_cancel(asked: Asked[Nothing, Cancel]) -> Plain:
    """Give up what still waits of a message, or of one recipient: it ends as failed, and costs nothing.

    What has been delivered stays so.
    """
    reason = asked.body.reason or "cancelled"
    return {"count": await queue.drop(asked.installation, Which(id=asked.path["id"]), reason, asked.pause)}


OPERATIONS: tuple[Operation, ...] = (
    message_list,
    message_export,
    message_refused,
    message_show,
    message_explain,
    message_resend,
    message_cancel,
)
