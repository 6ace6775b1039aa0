"""Addresses that are not sent to."""

from __future__ import annotations

import csv
import io
from typing import Annotated, Literal

from pydantic import Field
from twisted.web.server import Request

from ...manage import imports, plain, plain_suppressions, suppressions
from ..members import Instant, Members, Owned
from ..operation import JSON, Asked, Operation, operation
from ..problem import Problem
from .owners import owners

TAG = "suppressions"
READ, WRITE = "suppressions:read", "suppressions:write"
MAX_BODY = 8 << 20  #: octets of a list
Plain = plain.Plain

Why = Literal["unsubscribe", "complaint", "hard_bounce", "manual"]
Origin = Annotated[str, Field(max_length=200, description="whence it comes, in words of the caller")]
When = Annotated[str, Field(max_length=64, examples=["2026-01-31"])]


class Suppression(Members):
    """An address that is not sent to."""

    address: Annotated[str, Field(examples=["bob@example.net"])]
    account: str
    reason: Why
    origin: str
    created_at: Instant
    expires_at: Instant


class NewSuppression(Members):
    """An address not to be sent to."""

    address: Annotated[str, Field(min_length=1, max_length=320, examples=["bob@example.net"])]
    reason: Why = "manual"
    origin: Origin = "api"
    days: Annotated[int, Field(ge=0, le=suppressions.MAX_DAYS, description="for how long; 0: for ever")] = 0


class SuppressionQuery(Owned):
    """Which addresses, and how they are told."""

    reason: Literal["", "unsubscribe", "complaint", "hard_bounce", "manual"] = ""
    search: Annotated[str, Field(max_length=320, description="a part of the address")] = ""
    origin: Origin = ""
    format: Literal["json", "csv"] = "json"


class Import(Owned):
    """What is said of a list."""

    reason: Why = "manual"
    origin: Origin = "import"


class Bring(Owned):
    """What is said of a list that is taken line by line."""

    reason: Why = "manual"
    name: Annotated[str, Field(max_length=100, description="becomes a part of the origin")] = ""


class Line(Members):
    """A line that was refused."""

    line: int
    words: str


class Brought(Members):
    """What came of a list."""

    origin: Annotated[str, Field(description="of all that it suppressed, and of nothing else")]
    rows: int
    added: int
    known: Annotated[int, Field(description="suppressed already, which stay as they were")]
    refused: int
    lines: Annotated[list[Line], Field(description="the first of those that were refused")]


class ImportedList(Members):
    """A list that came in, and how many addresses of it are left."""

    origin: str
    account: str
    count: int
    at: Instant


class Cause(Members):
    """Which suppressions are taken back: each member that is not empty must fit."""

    reason: Literal["", "unsubscribe", "complaint", "hard_bounce", "manual"] = ""
    origin: Annotated[Origin, Field(examples=["import"])] = ""
    since: When = ""
    until: When = ""


class Rows(Members):
    """How many rows the list had."""

    rows: int


class Undone(Members):
    """How many were taken back."""

    undone: int


@operation("GET", "/suppressions", TAG, READ, list[Suppression], query=SuppressionQuery, answers=(JSON, "text/csv"))
async def suppression_list(asked: Asked[SuppressionQuery, None]) -> list[Plain] | bytes:
    """The addresses that are not sent to, as JSON or CSV."""
    query = asked.query
    page = await suppressions.search(
        asked.installation, query.account, query.search, query.reason, query.origin, limit=suppressions.MAX_ROWS
    )
    found = page.suppressions
    if asked.query.format == "json":
        named = await owners(asked.installation)
        return [plain.suppression(each, named) for each in found]
    written = io.StringIO()
    csv.writer(written).writerows(suppressions.written(found))
    asked.request.setHeader(b"Content-Type", b"text/csv; charset=utf-8")
    return written.getvalue().encode()


@operation("POST", "/suppressions", TAG, WRITE, Suppression, 201, query=Owned, body=NewSuppression)
async def suppression_add(asked: Asked[Owned, NewSuppression]) -> Plain:
    """Send to an address no more; one that is suppressed gets the new reason and end."""
    body = asked.body
    made = await suppressions.add(
        asked.installation, asked.query.account, [body.address], body.reason, body.origin, body.days
    )
    return plain.suppression(made[0], await owners(asked.installation))


@operation("POST", "/suppressions/import", TAG, WRITE, Rows, query=Import, takes="text/csv", most=MAX_BODY)
async def suppression_import(asked: Asked[Import, None]) -> Plain:
    """Take in a list in CSV, whole or not at all: an address in each line, perhaps with a reason and a time."""
    query, lines = asked.query, _list(asked.request).splitlines(keepends=True)
    return {"rows": await suppressions.take_in(asked.installation, query.account, lines, query.reason, query.origin)}


def _list(request: Request) -> str:
    """The list in a body."""
    assert request.content is not None, "a request that is rendered has a body, if an empty one"
    try:
        return str(request.content.read().decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Problem(400, "the list is not UTF-8") from None


@operation("POST", "/suppressions/imports", TAG, WRITE, Brought, query=Bring, takes="text/csv", most=MAX_BODY)
async def suppression_bring(asked: Asked[Bring, None]) -> Plain:
    """Take in what can be read of a list, CSV or an address in each line, and tell the rest.

    What is suppressed already stays as it is, so that the list is undone as a whole by its origin.
    """
    query = asked.query
    text = _list(asked.request)
    return plain_suppressions.brought(
        await imports.bring(asked.installation, query.account, text, query.reason, query.name)
    )


@operation("GET", "/suppressions/imports", TAG, READ, list[ImportedList], query=Owned)
async def suppression_imports(asked: Asked[Owned, None]) -> list[Plain]:
    """The lists that came in line by line and of which something is left, the newest first."""
    named = await owners(asked.installation)
    found = await imports.every(asked.installation, asked.query.account)
    return [plain_suppressions.imported(each, named) for each in found]


@operation("POST", "/suppressions/undo", TAG, WRITE, Undone, query=Owned, body=Cause)
async def suppression_undo(asked: Asked[Owned, Cause]) -> Plain:
    """Take suppressions back by what they came of, such as all of one import."""
    cause = suppressions.Cause(**asked.body.model_dump())
    return {"undone": await suppressions.undo(asked.installation, asked.query.account, cause)}


@operation("GET", "/suppressions/{address}", TAG, READ, Suppression, query=Owned)
async def suppression_show(asked: Asked[Owned, None]) -> Plain:
    """Is an address suppressed, and why?"""
    found = await suppressions.find(asked.installation, asked.query.account, asked.path["address"])
    return plain.suppression(found, await owners(asked.installation))


@operation("DELETE", "/suppressions/{address}", TAG, WRITE, None, 204, query=Owned)
async def suppression_remove(asked: Asked[Owned, None]) -> None:
    """Send to an address again."""
    await suppressions.remove(asked.installation, asked.query.account, [asked.path["address"]])


OPERATIONS: tuple[Operation, ...] = (
    suppression_list,
    suppression_add,
    suppression_import,
    suppression_bring,
    suppression_imports,
    suppression_undo,
    suppression_show,
    suppression_remove,
)
