"""The audit log."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue

from ...interfaces.changes import Wanted
from ...manage import changes, plain
from ..members import Id, Instant, Members, Name, Whole
from ..operation import Asked, Operation, operation
from ..query import instant
from .owners import owners

TAG = "changes"
READ = "changes:read"
Plain = plain.Plain

When = Annotated[str, Field(max_length=64, description="ISO 8601, or seconds", examples=["2026-01-31T12:00:00Z"])]


class ChangeQuery(Members):
    """Which changes."""

    by: Annotated[Name, Field(description="who made them")] = ""
    action: Annotated[Name, Field(description="or what stands before its point", examples=["connection"])] = ""
    account: Name = ""
    since: When = ""
    until: When = ""
    before: Annotated[str, Field(max_length=64, description="the id of the last that was seen")] = ""
    limit: Annotated[Whole, Field(ge=1, le=changes.MOST)] = 50


class Change(Members):
    """Who changed what, when, from where."""

    id: Id
    at: Instant
    by: str
    kind: Annotated[str, Field(description="of caller", examples=["token"])]
    address: Annotated[str, Field(description="empty for this machine")]
    acting_for: Annotated[str, Field(description="the account that an administrator acted for")]
    action: Annotated[str, Field(examples=["connection.create"])]
    account: str
    object: Annotated[str, Field(description="its id")]
    name: str
    details: dict[str, JsonValue]


@operation("GET", "/changes", TAG, READ, list[Change], query=ChangeQuery)
async def change_list(asked: Asked[ChangeQuery, None]) -> list[Plain]:
    """The audit log, the newest first; the id of the last one is the `before` of the next page."""
    query = asked.query
    since, until = (
        instant(name, text) if text else 0 for name, text in (("since", query.since), ("until", query.until))
    )
    wanted = Wanted(query.by, query.action, query.account, since, until, query.before)
    named = await owners(asked.installation)
    return [changes.plain(each, named) for each in await changes.page(asked.installation, wanted, query.limit)]


OPERATIONS: tuple[Operation, ...] = (change_list,)
