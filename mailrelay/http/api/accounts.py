"""Accounts and what they may still send. A name in a path is a name or an id."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ...manage import accounts, plain
from ..members import MOST, Changes, Id, Instant, Members, Sends
from ..operation import Asked, Nothing, Operation, operation

TAG = "accounts"
READ, WRITE = "accounts:read", "accounts:write"
Plain = plain.Plain


class Account(Members):
    """An account with what it may still send."""

    id: Id
    name: Annotated[str, Field(examples=["shop"])]
    balance: Annotated[int, Field(description="sends that are paid for, those reserved among them")]
    reserved: Annotated[int, Field(description="sends of mail that was accepted and is not billed yet")]
    available: Annotated[int, Field(description="sends that may still be used")]
    zone: Annotated[str, Field(description="the time zone in which its days begin", examples=["Europe/Berlin"])]
    weight: Annotated[int, Field(description="how much of its mail goes out for each of another's of weight 1")]
    created_at: Instant


class NewAccount(Members):
    """An account to be made."""

    name: Annotated[str, Field(min_length=1, max_length=100, examples=["shop"])]
    balance: Annotated[Sends, Field(examples=[10_000])] = 0


class AccountChange(Changes):
    """What of an account shall be another way."""

    weight: Annotated[int | None, Field(ge=1, le=accounts.MAX_WEIGHT, examples=[2])] = None
    zone: Annotated[str | None, Field(max_length=100, examples=["Europe/Berlin"])] = None


class TopUp(Members):
    """Sends to be added."""

    sends: Annotated[int, Field(ge=1, le=MOST, examples=[5_000])]
    note: Annotated[str, Field(max_length=100, examples=["order 1017"])] = ""


class Balance(Members):
    """What an account may send from now on."""

    sends: Annotated[Sends, Field(examples=[5_000])]
    note: Annotated[str, Field(max_length=100)] = ""


@operation("GET", "/accounts", TAG, READ, list[Account])
async def account_list(asked: Asked[Nothing, None]) -> list[Plain]:
    """The accounts, oldest first."""
    return [plain.account(each) for each in await accounts.every(asked.installation)]


@operation(
    "POST", "/accounts", TAG, WRITE, Account, 201, body=NewAccount, administrator=True, members={"account": "name"}
)
async def account_create(asked: Asked[Nothing, NewAccount]) -> Plain:
    """Make an account, perhaps with something to send."""
    return plain.account(await accounts.create(asked.installation, asked.body.name, asked.body.balance))


@operation("GET", "/accounts/{name}", TAG, READ, Account)
async def account_show(asked: Asked[Nothing, None]) -> Plain:
    """One account."""
    return plain.account(await accounts.find(asked.installation, asked.path["name"]))


@operation("PATCH", "/accounts/{name}", TAG, WRITE, Account, body=AccountChange, administrator=True)
async def account_change(asked: Asked[Nothing, AccountChange]) -> Plain:
    """Change an account's time zone, or its weight among the others."""
    settings = {option: str(value) for option, value in asked.body.given.items()}
    return plain.account(await accounts.change(asked.installation, asked.path["name"], settings))


_MEMBERS = {"amount": "sends", "balance": "sends"}


@operation("POST", "/accounts/{name}/topup", TAG, WRITE, Account, body=TopUp, administrator=True, members=_MEMBERS)
async def account_top_up(asked: Asked[Nothing, TopUp]) -> Plain:
    """Add to what an account may send.

    The movement becomes an entry of its ledger, with the note.
    """
    name, body = asked.path["name"], asked.body
    return plain.account(await accounts.top_up(asked.installation, name, body.sends, body.note))


@operation("PUT", "/accounts/{name}/balance", TAG, WRITE, Account, body=Balance, administrator=True, members=_MEMBERS)
async def account_balance(asked: Asked[Nothing, Balance]) -> Plain:
    """Let an account have exactly so many sends, besides those reserved."""
    name, body = asked.path["name"], asked.body
    return plain.account(await accounts.set_balance(asked.installation, name, body.sends, body.note))


OPERATIONS: tuple[Operation, ...] = (
    account_list,
    account_create,
    account_show,
    account_change,
    account_top_up,
    account_balance,
)
