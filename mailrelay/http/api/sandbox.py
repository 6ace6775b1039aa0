"""The sandbox's mail: list what arrived at the sink, fetch its octets, forget it all.

These operations are there only where there is a sink to look into, so they are made for it. It holds the mail of all
accounts.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ...interfaces.sandbox import IInbox
from .. import sandbox
from ..members import Id, Mailbox, Members, Whole
from ..operation import Asked, Nothing, Operation, operation

TAG = "sandbox"
READ, WRITE = "relay:read", "relay:write"
Plain = dict[str, object]


class SandboxQuery(Members):
    """Which messages."""

    limit: Annotated[Whole, Field(ge=1, le=sandbox.MAX_LIMIT)] = 1000
    to: Annotated[Mailbox, Field(description="one whole address, in any case")] = ""
    since: Annotated[
        str, Field(max_length=64, description="an instant, itself included, or the id of a message, itself not")
    ] = ""


class Kept(Members):
    """A message that arrived."""

    id: Id
    received_at: Annotated[str, Field(examples=["2026-01-31T12:00:00.000000Z"])]
    mail_from: str
    rcpt_to: Annotated[str, Field(description="between commas")]
    subject: str
    size: int


def operations(inbox: IInbox) -> tuple[Operation, ...]:
    """What can be done with what arrived there."""

    @operation("GET", "/sandbox/messages", TAG, READ, list[Kept], query=SandboxQuery, administrator=True)
    async def sandbox_list(asked: Asked[SandboxQuery, None]) -> list[Plain]:
        """What arrived at the sink, the newest first."""
        query = asked.query
        return [sandbox.plain(each) for each in await sandbox.found(inbox, query.limit, query.to, query.since)]

    @operation("GET", "/sandbox/messages/{id}.eml", TAG, READ, str, answers=("message/rfc822",), administrator=True)
    async def sandbox_source(asked: Asked[Nothing, None]) -> bytes:
        """A message as it came in, octet by octet."""
        return await sandbox.source(asked.request, inbox, asked.path["id"])

    @operation("DELETE", "/sandbox/messages", TAG, WRITE, None, 204, administrator=True)
    async def sandbox_clear(asked: Asked[Nothing, None]) -> None:
        """Forget all that arrived."""
        await inbox.clear()

    return sandbox_list, sandbox_source, sandbox_clear
