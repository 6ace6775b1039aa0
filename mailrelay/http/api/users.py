"""Who signs in to the console. Programs have tokens."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ...interfaces.people import User as Found
from ...manage import plain, plain_people, sessions, users
from ...manage.installation import Installation
from ..members import Id, Instant, Members, Name, Owned
from ..operation import Asked, Nothing, Operation, operation
from .owners import owners

TAG = "users"
READ, WRITE = "users:read", "users:write"
Plain = plain.Plain

Password = Annotated[
    str, Field(max_length=users.MAX_PASSWORD, description=f"of {users.MIN_PASSWORD} characters; made up if left out")
]


class User(Members):
    """Who may sign in; `password` is there only where one was made up."""

    id: Id
    name: Annotated[str, Field(examples=["ann@shop.example"])]
    role: Literal["administrator", "member"]
    account: Annotated[str, Field(description="of a member")]
    status: Literal["active", "blocked"]
    totp: Annotated[bool, Field(description="is a one-time code asked for?")]
    recovery_codes_left: int
    created_at: Instant
    password: str | None = None


class NewUser(Members):
    """Somebody who shall be able to sign in."""

    name: Annotated[str, Field(min_length=1, max_length=100, examples=["ann@shop.example"])]
    account: Annotated[Name, Field(description="whose member; left out: an administrator")] = ""
    password: Password = ""


class UserPassword(Members):
    """Another password."""

    password: Password = ""


class Role(Members):
    """What they may do."""

    account: Annotated[Name, Field(description="whose member; empty: an administrator", examples=["shop"])] = ""


class Session(Members):
    """Where somebody is signed in."""

    created_at: Instant
    seen_at: Instant
    address: str
    agent: str


async def _told(installation: Installation, user: Found, password: str = "") -> Plain:
    shown: Plain = {"password": password} if password else {}
    return plain_people.user(user, await owners(installation)) | shown


@operation("GET", "/users", TAG, READ, list[User], query=Owned)
async def user_list(asked: Asked[Owned, None]) -> list[Plain]:
    """Who may sign in, for an account or for all."""
    named = await owners(asked.installation)
    return [plain_people.user(each, named) for each in await users.every(asked.installation, asked.query.account)]


@operation("POST", "/users", TAG, WRITE, User, 201, body=NewUser, administrator=True, members={"user": "name"})
async def user_add(asked: Asked[Nothing, NewUser]) -> Plain:
    """Let somebody sign in, as a member of an account or as an administrator.

    A password that was made up stands in this answer, and nowhere else.
    """
    body = asked.body
    made = await users.add(asked.installation, body.name, body.account, body.password)
    return await _told(asked.installation, made.user, "" if body.password else made.password)


@operation("GET", "/users/{name}", TAG, READ, User)
async def user_show(asked: Asked[Nothing, None]) -> Plain:
    """One of them."""
    return await _told(asked.installation, await users.find(asked.installation, asked.path["name"]))


@operation("DELETE", "/users/{name}", TAG, WRITE, None, 204, administrator=True)
async def user_remove(asked: Asked[Nothing, None]) -> None:
    """Let somebody sign in no more, and end what they are signed in to."""
    await users.remove(asked.installation, asked.path["name"])


@operation("POST", "/users/{name}/password", TAG, WRITE, User, body=UserPassword, administrator=True)
async def user_password(asked: Asked[Nothing, UserPassword]) -> Plain:
    """Give somebody another password, and end what they are signed in to."""
    given = asked.body.password
    made = await users.set_password(asked.installation, asked.path["name"], given)
    return await _told(asked.installation, made.user, "" if given else made.password)


@operation("PUT", "/users/{name}/role", TAG, WRITE, User, body=Role, administrator=True)
async def user_role(asked: Asked[Nothing, Role]) -> Plain:
    """Make somebody a member of an account, or an administrator."""
    found = await users.set_role(asked.installation, asked.path["name"], asked.body.account)
    return await _told(asked.installation, found)


@operation("GET", "/users/{name}/sessions", TAG, READ, list[Session], administrator=True)
async def user_sessions(asked: Asked[Nothing, None]) -> list[Plain]:
    """Where somebody is signed in, the oldest first."""
    return [plain_people.session(each) for each in await sessions.every(asked.installation, asked.path["name"])]


@operation("DELETE", "/users/{name}/sessions", TAG, WRITE, None, 204, administrator=True)
async def user_sign_out(asked: Asked[Nothing, None]) -> None:
    """End everything that somebody is signed in to."""
    await sessions.end_all(asked.installation, asked.path["name"])


@operation("POST", "/users/{name}/block", TAG, WRITE, User, administrator=True)
async def user_block(asked: Asked[Nothing, None]) -> Plain:
    """Let somebody not sign in until they are activated again."""
    return await _told(asked.installation, await users.block(asked.installation, asked.path["name"]))


@operation("POST", "/users/{name}/activate", TAG, WRITE, User, administrator=True)
async def user_activate(asked: Asked[Nothing, None]) -> Plain:
    """Let somebody sign in again."""
    return await _told(asked.installation, await users.activate(asked.installation, asked.path["name"]))


@operation("DELETE", "/users/{name}/totp", TAG, WRITE, User, administrator=True)
async def user_totp_remove(asked: Asked[Nothing, None]) -> Plain:
    """Ask somebody for no one-time code any more, as when a telephone is lost."""
    return await _told(asked.installation, await users.remove_totp(asked.installation, asked.path["name"]))


OPERATIONS: tuple[Operation, ...] = (
    user_list,
    user_add,
    user_show,
    user_remove,
    user_password,
    user_role,
    user_sessions,
    user_sign_out,
    user_block,
    user_activate,
    user_totp_remove,
)
