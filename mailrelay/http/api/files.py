"""The cache of files. What is added goes into the store piece by piece, so a large one is never in memory."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ...manage import files, plain
from ...manage.files import MAX_FILE
from ..members import Instant, Members, Owned
from ..operation import Asked, Operation, operation
from ..receiving import receive
from .owners import owners

TAG = "files"
READ, WRITE = "files:read", "files:write"
Plain = plain.Plain

#: What clients send that do not know the type of a body, or think of a form.
_NO_TYPES = frozenset({"application/x-www-form-urlencoded"})


class File(Members):
    """A file of the cache."""

    key: Annotated[str, Field(description="by which messages attach it")]
    account: Annotated[str, Field(description="empty where it is everybody's")]
    name: Annotated[str, Field(examples=["logo.png"])]
    type: Annotated[str, Field(examples=["image/png"])]
    size: Annotated[int, Field(description="octets")]
    created_at: Instant


class NewFile(Owned):
    """What it is called."""

    name: Annotated[str, Field(max_length=255, examples=["logo.png"])] = ""
    key: Annotated[str, Field(max_length=255, description="made up if left out")] = ""


@operation("GET", "/files", TAG, READ, list[File], query=Owned)
async def file_list(asked: Asked[Owned, None]) -> list[Plain]:
    """The files of an account, or all."""
    named = await owners(asked.installation)
    return [plain.file(each, named) for each in await files.every(asked.installation, asked.query.account)]


@operation("POST", "/files", TAG, WRITE, File, 201, query=NewFile, takes="application/octet-stream", most=MAX_FILE)
async def file_add(asked: Asked[NewFile, None]) -> Plain:
    """Put the body into the cache as a file.

    Its Content-Type is held against what the octets show.
    """
    query = asked.query
    made = await receive(asked.installation, asked.request, query.account, query.name, query.key, no_types=_NO_TYPES)
    return plain.file(made, await owners(asked.installation))


@operation("GET", "/files/{key}", TAG, READ, File, query=Owned)
async def file_show(asked: Asked[Owned, None]) -> Plain:
    """What is known of one file."""
    found = await files.find(asked.installation, asked.query.account, asked.path["key"])
    return plain.file(found, await owners(asked.installation))


@operation("DELETE", "/files/{key}", TAG, WRITE, None, 204, query=Owned)
async def file_remove(asked: Asked[Owned, None]) -> None:
    """Forget a file; mail that was accepted with it keeps it."""
    await files.remove(asked.installation, asked.query.account, asked.path["key"])


OPERATIONS: tuple[Operation, ...] = (file_list, file_add, file_show, file_remove)
