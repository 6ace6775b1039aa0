"""Addresses that an account sends from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ...manage import domains, plain, senders
from ..members import Instant, Members, Name, Owned
from ..operation import Asked, Operation, operation
from .owners import owners

TAG = "senders"
READ, WRITE = "domains:read", "domains:write"
Plain = plain.Plain


class Sender(Members):
    """A sender's address."""

    address: Annotated[str, Field(examples=["orders@shop.example"])]
    account: str
    status: Literal["requested", "confirmed"]
    created_at: Instant


class NewSender(Members):
    """An address to be sent from."""

    address: Annotated[str, Field(max_length=320, examples=["orders@shop.example"])]
    account: Annotated[Name, Field(description="by name or id; may be left out where there is one")] = ""


_MEMBERS = {"sender": "address"}


@operation("GET", "/senders", TAG, READ, list[Sender], query=Owned)
async def sender_list(asked: Asked[Owned, None]) -> list[Plain]:
    """The addresses that an account sends from, or all do."""
    named = await owners(asked.installation)
    return [plain.sender(each, named) for each in await domains.senders(asked.installation, asked.query.account)]


@operation("POST", "/senders", TAG, WRITE, Sender, 201, query=Owned, body=NewSender, members=_MEMBERS)
async def sender_add(asked: Asked[Owned, NewSender]) -> Plain:
    """Let an account send from an address of one of its domains."""
    account = asked.query.account or asked.body.account
    made = await domains.add_sender(asked.installation, account, asked.body.address)
    return plain.sender(made, await owners(asked.installation))


@operation("POST", "/senders/{address}/ask", TAG, WRITE, Sender, query=Owned, members=_MEMBERS)
async def sender_ask(asked: Asked[Owned, None]) -> Plain:
    """Ask for an address to be a sender: a letter with a link goes there, and it is one when the link is followed."""
    found = await senders.ask(asked.installation, asked.query.account, asked.path["address"])
    return plain.sender(found.sender, await owners(asked.installation))


@operation("POST", "/senders/{address}/confirm", TAG, WRITE, Sender, query=Owned, administrator=True, members=_MEMBERS)
async def sender_confirm(asked: Asked[Owned, None]) -> Plain:
    """Make an address a confirmed sender by word, whether it was asked for or not."""
    found = await senders.confirm(asked.installation, asked.query.account, asked.path["address"])
    return plain.sender(found, await owners(asked.installation))


@operation("DELETE", "/senders/{address}", TAG, WRITE, None, 204, query=Owned, members=_MEMBERS)
async def sender_remove(asked: Asked[Owned, None]) -> None:
    """Let an account no longer send from an address."""
    await domains.remove_sender(asked.installation, asked.query.account, asked.path["address"])


OPERATIONS: tuple[Operation, ...] = (sender_list, sender_add, sender_ask, sender_confirm, sender_remove)
