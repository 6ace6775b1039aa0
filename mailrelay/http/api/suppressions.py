"""Addresses that are not sent to."""

from __future__ import annotations

import csv
import io
from typing import Annotated, Literal

from pydantic import Field

from ...manage import plain, suppressions
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
    format: Literal["json", "csv"] = "json"


class Import(Owned):
    """What is said of a list."""

    reason: Why = "manual"
    origin: Origin = "import"


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
    found = await suppressions.every(asked.installation, asked.query.account, asked.query.reason)
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
    content = asked.request.content
    assert content is not None, "a request that is rendered has a body, if an empty one"
    try:
        text = content.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Problem(400, "the list is not UTF-8") from None
    query, lines = asked.query, text.splitlines(keepends=True)
    return {"rows": await suppressions.take_in(asked.installation, query.account, lines, query.reason, query.origin)}


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
    suppression_undo,
    suppression_show,
    suppression_remove,
)
