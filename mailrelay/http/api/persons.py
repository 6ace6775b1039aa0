"""Persons who are to be forgotten, and the receipts of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ...manage import persons, plain
from ..members import Id, Instant, Members, Name, Owned
from ..operation import Asked, Nothing, Operation, operation
from .owners import owners

TAG = "people"
READ, WRITE = "messages:read", "messages:write"
Plain = plain.Plain


class Erase(Members):
    """Who is forgotten."""

    address: Annotated[str, Field(min_length=1, max_length=320, examples=["ann@example.net"])]
    account: Annotated[Name, Field(description="that forgets; may be left out where there is one")] = ""


class Receipt(Members):
    """What was erased."""

    id: Id
    at: Instant
    account: str
    person: Annotated[str, Field(description="a keyed hash of the address")]
    counts: Annotated[
        dict[str, int],
        Field(
            description="how many of what; `in_flight` and `bodies_waiting` could not be erased yet: ask again later"
        ),
    ]


@operation("POST", "/persons/erase", TAG, WRITE, Receipt, body=Erase)
async def person_erase(asked: Asked[Nothing, Erase]) -> Plain:
    """Let an account forget an address for good; what became of its mail is still counted.

    What waits for it ends, a pseudonym stands in its place in the history, and sources, transcripts and what its
    reader did are deleted. A suppression holds on under a keyed hash.
    """
    found = await persons.erase(asked.installation, asked.body.account, asked.body.address)
    return plain.receipt(found, await owners(asked.installation))


@operation("GET", "/persons/receipts", TAG, READ, list[Receipt], query=Owned)
async def person_receipts(asked: Asked[Owned, None]) -> list[Plain]:
    """What was erased, the newest first."""
    named = await owners(asked.installation)
    return [plain.receipt(each, named) for each in await persons.receipts(asked.installation, asked.query.account)]


OPERATIONS: tuple[Operation, ...] = (person_erase, person_receipts)
