"""What happened, in order, from a cursor on."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from ...interfaces.events import MOST as MOST_AT_ONCE
from ...manage import happened, plain
from ..members import MOST, Instant, Members, Name, Whole, Words
from ..operation import JSON, Asked, Operation, operation
from .owners import owners

TAG = "events"
READ = "events:read"
Plain = plain.Plain


class EventQuery(Members):
    """Which events."""

    after: Annotated[Whole, Field(ge=0, le=MOST, description="the last that was seen; 0: from the oldest kept")] = 0
    account: Name = ""
    connection: Name = ""
    type: Annotated[Words, Field(description="one of several", examples=[["bounced"]])] = []
    limit: Annotated[Whole, Field(ge=1, le=MOST_AT_ONCE)] = 100
    format: Annotated[Literal["json", "ndjson"], Field(description="ndjson: an event in each line")] = "json"


class Event(Members):
    """What happened. The members from `final` on are told of mail, `facts` of accounts."""

    id: int
    type: Annotated[str, Field(examples=["bounced"])]
    at: Instant
    account: str
    connection: str
    facts: dict[str, JsonValue] | None = None
    final: bool = False
    bounce_class: Annotated[str, Field(alias="class")] = ""
    dialect: str = ""
    message: str = ""
    recipient: str = ""
    sender: Annotated[str, Field(alias="from")] = ""
    to: str = ""
    subject: str = ""
    tag: str = ""
    client_ref: str = ""
    metadata: dict[str, str] = {}
    accepted_at: str = ""
    attempt: int = 0
    next_try_at: str = ""
    route: str = ""
    host: str = ""
    tls: str = ""
    reply: str = ""
    machine: str = ""
    url: str = ""
    ip: str = ""
    user_agent: str = ""


class EventPage(Members):
    """Some events."""

    events: list[Event]
    cursor: Annotated[int, Field(description="the `after` of the following page")]
    more: Annotated[bool, Field(description="may others follow at once?")]


@operation(
    "GET", "/events", TAG, READ, EventPage, query=EventQuery, answers=(JSON, "application/x-ndjson"),
    members={"since": "after"},
)  # fmt: skip
async def event_list(asked: Asked[EventQuery, None]) -> Plain | bytes:
    """What happened, in order, from a cursor on.

    With `format=ndjson` an event stands in each line, and the cursor in the header `Next-Cursor`.
    """
    query = asked.query
    wanted = happened.Wanted(
        account=query.account,
        connection=query.connection,
        types=tuple(query.type),
        since=query.after,
        limit=query.limit,
    )
    page = await happened.page(asked.installation, wanted)
    named = await owners(asked.installation)
    events = [happened.plain(each, named) for each in page.events]
    if query.format == "json":
        return {"events": events, "cursor": page.cursor, "more": page.more}
    asked.request.setHeader(b"Content-Type", b"application/x-ndjson")
    asked.request.setHeader(b"Next-Cursor", b"%d" % page.cursor)
    return b"".join(json.dumps(each).encode("ascii") + b"\n" for each in events)


OPERATIONS: tuple[Operation, ...] = (event_list,)
