"""Who uses this interface: tokens, each for what it is allowed and no more."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ...interfaces.tokens import Token as Found
from ...manage import plain, plain_people, tokens
from ...manage.installation import Installation
from ...manage.scopes import SCOPES
from ..members import Id, Instant, Members, Name, Owned
from ..operation import Asked, Nothing, Operation, operation
from .owners import owners

TAG = "tokens"
READ, WRITE = "tokens:read", "tokens:write"
Plain = plain.Plain

Scopes = Annotated[
    list[Annotated[str, Field(max_length=40)]],
    Field(
        max_length=len(SCOPES),
        description=f"what it may do, empty for everything: some of {', '.join(SCOPES)}",
        examples=[["messages:send"]],
    ),
]
Networks = Annotated[
    list[Annotated[str, Field(max_length=50)]],
    Field(
        max_length=tokens.MAX_NETWORKS,
        description="addresses and networks that it may be used from, empty for anywhere",
        examples=[["192.0.2.0/24"]],
    ),
]


class Token(Members):
    """A token without its secret; `begin` are the first characters of it."""

    id: Id
    name: Annotated[str, Field(examples=["shop"])]
    account: Annotated[str, Field(description="the account that it is bound to, empty for an administrator's")]
    begin: Annotated[str, Field(examples=["mrt_x7Qa"])]
    scopes: list[str]
    networks: list[str]
    made_by: Annotated[str, Field(description="the user with whom it ends, empty for the command line")]
    created_at: Instant
    expires_at: Instant
    used_at: Annotated[Instant, Field(description="when it was used last, to the hour")]


class NewToken(Members):
    """A token to be made."""

    name: Annotated[str, Field(min_length=1, max_length=100, examples=["shop"])]
    account: Annotated[Name, Field(description="whose; left out: the caller's, or an administrator's")] = ""
    scopes: Scopes = []
    networks: Networks = []
    days: Annotated[int, Field(ge=0, le=tokens.MAX_DAYS, description="after which it ends; 0: never")] = 0


class IssuedToken(Token):
    """A token with its secret, which stands in this answer and nowhere else."""

    token: Annotated[str, Field(examples=["mrt_x7QaB2kPz0VfLm9RtYc4HdWs1NgE"])]


async def _told(installation: Installation, *found: Found) -> list[Plain]:
    named, makers = await owners(installation), await tokens.makers(installation)
    return [plain_people.token(each, named, makers) for each in found]


@operation("GET", "/tokens", TAG, READ, list[Token], query=Owned)
async def token_list(asked: Asked[Owned, None]) -> list[Plain]:
    """The tokens of an account, or all, oldest first."""
    return await _told(asked.installation, *await tokens.every(asked.installation, asked.query.account))


@operation(
    "POST", "/tokens", TAG, WRITE, IssuedToken, 201, body=NewToken, members={"token": "name", "ip-list": "networks"}
)
async def token_create(asked: Asked[Nothing, NewToken]) -> Plain:
    """Make a token.

    It may do no more than the one that makes it. Its secret stands in this answer, and nowhere else.
    """
    body = asked.body
    wanted = tokens.Wanted(body.name, body.account, body.scopes, body.networks, body.days)
    made = await tokens.create(asked.installation, wanted)
    (told,) = await _told(asked.installation, made.token)
    return {**told, "token": made.secret}


@operation("GET", "/tokens/{id}", TAG, READ, Token, query=Owned)
async def token_show(asked: Asked[Owned, None]) -> Plain:
    """One token, by its id or name."""
    (told,) = await _told(
        asked.installation, await tokens.find(asked.installation, asked.path["id"], asked.query.account)
    )
    return told


@operation("DELETE", "/tokens/{id}", TAG, WRITE, None, 204, query=Owned)
async def token_revoke(asked: Asked[Owned, None]) -> None:
    """Forget a token: the next request with it is refused."""
    await tokens.revoke(asked.installation, asked.path["id"], asked.query.account)


OPERATIONS: tuple[Operation, ...] = (token_list, token_create, token_show, token_revoke)
