"""Connections: the SMTP logins of accounts. A name in a path is a name that only one has, or an id.

A secret is in the answer to what made it, and of ``connection_show`` with `reveal` while it is kept sealed.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from ...interfaces.registry import Connection as Found
from ...manage import checked, connections, plain
from ...manage.connections import Wanted
from ...manage.credentials import Issued
from ...manage.installation import Installation
from ..members import Changes, Flag, Id, Instant, Members, Name, Owned
from ..operation import Asked, Nothing, Operation, operation
from ..problem import Problem
from .owners import owners

TAG = "connections"
READ, WRITE = "connections:read", "connections:write"
Plain = plain.Plain

Secret = Annotated[str, Field(max_length=1000)]
Key = Annotated[str, Field(max_length=checked.MAX_KEY)]
Network = Annotated[str, Field(max_length=64, examples=["192.0.2.0/24"])]
Networks = Annotated[list[Network], Field(max_length=1000, description="whence logins are taken; none: from anywhere")]


class Credential(Members):
    """One way to log in, without its secret."""

    kind: Literal["generated", "password", "short", "api_key"]
    username: str


class Connection(Members):
    """A connection. The members from `password` on are there only where secrets are told."""

    id: Id
    name: Annotated[str, Field(examples=["webshop"])]
    account: Annotated[str, Field(description="the account's name", examples=["shop"])]
    dialect: Annotated[str, Field(examples=["standard"])]
    status: Literal["not_activated", "active", "blocked"]
    status_reason: str
    sender: Annotated[str, Field(examples=["orders@shop.example"])]
    username: Annotated[str, Field(description="of the usual login")]
    credentials: list[Credential]
    networks: Annotated[list[str], Field(description="whence logins are taken; none: from anywhere")]
    rate: Annotated[int, Field(description="messages in `rate_period`; 0: as many as there are")]
    rate_period: Annotated[int, Field(description="seconds")]
    rate_burst: Annotated[int, Field(description="messages at once")]
    options: Annotated[
        dict[str, JsonValue],
        Field(description="every option of the dialect as it holds for the connection"),
    ]
    created_at: Instant
    password: str | None = None
    api_key: str | None = None
    short_username: str | None = None
    short_password: str | None = None


class NewConnection(Members):
    """A connection to be made."""

    account: Annotated[Name, Field(description="by name or id; may be left out where there is one")] = ""
    name: Annotated[str, Field(min_length=1, max_length=100, examples=["webshop"])]
    dialect: Annotated[str, Field(max_length=64, examples=["standard"])]
    sender: Annotated[str, Field(max_length=320, examples=["orders@shop.example"])]
    username: Annotated[str, Field(max_length=1000, description="made up if left out")] = ""
    password: Annotated[Secret, Field(description="taken over from elsewhere; made up if left out")] = ""
    networks: Networks = []
    active: Annotated[bool, Field(description="may it carry mail at once?")] = False
    api_key: Annotated[bool, Field(description="a key beside the password?")] = False
    key: Annotated[Key, Field(description="a key taken over from elsewhere")] = ""
    short_password: Annotated[bool, Field(description="a short password beside, for devices?")] = False


class ConnectionChange(Changes):
    """What of a connection shall be another way."""

    networks: Annotated[Networks | None, Field(examples=[["192.0.2.0/24"]])] = None
    sender: Annotated[str | None, Field(max_length=320)] = None
    options: Annotated[
        dict[str, Annotated[str, Field(max_length=1000)]] | None,
        Field(
            description="each as a text, as the command line takes it; an empty one for what the dialect sets",
            examples=[{"track_opens": "true"}],
        ),
    ] = None
    rate: Annotated[int | None, Field(ge=0, le=connections.MAX_RATE)] = None
    rate_period: Annotated[int | None, Field(ge=1, le=connections.MAX_PERIOD)] = None
    rate_burst: Annotated[int | None, Field(ge=1, le=connections.MAX_RATE)] = None


class Reveal(Members):
    """How it is shown."""

    reveal: Annotated[Flag, Field(description="with its login in clear?")] = False


class Reason(Members):
    """Why."""

    reason: Annotated[str, Field(max_length=200, examples=["under investigation"])] = ""


class NewPassword(Members):
    """A password to be taken over."""

    password: Annotated[Secret, Field(description="made up if left out")] = ""


class NewKey(Members):
    """A key to be taken over."""

    key: Annotated[Key, Field(description="made up if left out")] = ""


class Revoked(Members):
    """Which login is taken away."""

    kind: Literal["api-key", "short-password"]


async def _told(installation: Installation, found: Found | Issued) -> Plain:
    named = await owners(installation)
    card = plain.issued(found, named) if isinstance(found, Issued) else plain.connection(found, named)
    connection = found.connection if isinstance(found, Issued) else found
    options = installation.dialects.options(connection.dialect, connection.options)
    return card | {"options": dict(options)}


@operation("GET", "/connections", TAG, READ, list[Connection], query=Owned)
async def connection_list(asked: Asked[Owned, None]) -> list[Plain]:
    """The connections of an account, or all, oldest first."""
    named = await owners(asked.installation)
    found = await connections.every(asked.installation, asked.query.account)
    return [plain.connection(each, named) for each in found]


_MEMBERS = {"connection": "name", "api-key": "key", "ip-list": "networks", "period": "rate_period"}


@operation("POST", "/connections", TAG, WRITE, Connection, 201, body=NewConnection, members=_MEMBERS)
async def connection_create(asked: Asked[Nothing, NewConnection]) -> Plain:
    """Make a connection and its login.

    The sender becomes a sender of the account on the way. The secrets stand in this answer; they are shown again only
    while the installation keeps them sealed.
    """
    given = asked.body.model_dump() | {"networks": tuple(asked.body.networks)}
    return await _told(asked.installation, await connections.create(asked.installation, Wanted(**given)))


@operation("GET", "/connections/{name}", TAG, READ, Connection, query=Reveal)
async def connection_show(asked: Asked[Reveal, None]) -> Plain:
    """One connection, perhaps with its login in clear.

    To have it told in clear takes a token that may change connections, and is an entry of the audit log.
    """
    name = asked.path["name"]
    if not asked.query.reveal:
        return await _told(asked.installation, await connections.find(asked.installation, name))
    if not asked.installation.caller.may(WRITE):
        raise Problem(403, f"the token lacks the scope {WRITE}", more={"scope": WRITE})
    return await _told(asked.installation, await connections.reveal(asked.installation, name))


@operation("PATCH", "/connections/{name}", TAG, WRITE, Connection, body=ConnectionChange, members=_MEMBERS)
async def connection_change(asked: Asked[Nothing, ConnectionChange]) -> Plain:
    """Change a connection.

    One thing after the other is changed; the first that is refused ends it.
    """
    installation, body = asked.installation, asked.body
    found = await connections.find(installation, asked.path["name"])
    if body.networks is not None:
        found = await connections.set_networks(installation, found.id, body.networks)
    if body.sender is not None:
        found = await connections.set_sender(installation, found.id, body.sender)
    if body.options is not None:
        found = await connections.set_options(installation, found.id, body.options)
    rate = (body.rate, body.rate_period, body.rate_burst)
    if any(each is not None for each in rate):
        kept = (found.rate, found.rate_period, found.rate_burst)
        units, period, burst = (old if new is None else new for new, old in zip(rate, kept, strict=True))
        found = await connections.set_rate(installation, found.id, units, period, burst)
    return await _told(installation, found)


@operation("POST", "/connections/{name}/activate", TAG, WRITE, Connection)
async def connection_activate(asked: Asked[Nothing, None]) -> Plain:
    """Let a connection carry mail, whether it was never activated or is blocked."""
    return await _told(asked.installation, await connections.activate(asked.installation, asked.path["name"]))


@operation("POST", "/connections/{name}/block", TAG, WRITE, Connection, body=Reason)
async def connection_block(asked: Asked[Nothing, Reason]) -> Plain:
    """Let a connection carry no mail until it is activated again."""
    found = await connections.block(asked.installation, asked.path["name"], asked.body.reason)
    return await _told(asked.installation, found)


@operation("POST", "/connections/{name}/new-password", TAG, WRITE, Connection, body=NewPassword, members=_MEMBERS)
async def connection_new_password(asked: Asked[Nothing, NewPassword]) -> Plain:
    """Give a connection another password under the same user name.

    The old one is refused from the next login on.
    """
    found = await connections.new_password(asked.installation, asked.path["name"], asked.body.password)
    return await _told(asked.installation, found)


@operation("POST", "/connections/{name}/new-api-key", TAG, WRITE, Connection, body=NewKey, members=_MEMBERS)
async def connection_new_api_key(asked: Asked[Nothing, NewKey]) -> Plain:
    """Give a connection another key, or a first one.

    An old one is refused from the next login on.
    """
    found = await connections.new_api_key(asked.installation, asked.path["name"], asked.body.key)
    return await _told(asked.installation, found)


@operation("POST", "/connections/{name}/short-password", TAG, WRITE, Connection)
async def connection_short_password(asked: Asked[Nothing, None]) -> Plain:
    """Give a connection another short password, or a first one, with a user name of its own."""
    return await _told(asked.installation, await connections.short_password(asked.installation, asked.path["name"]))


@operation("POST", "/connections/{name}/revoke", TAG, WRITE, Connection, body=Revoked)
async def connection_revoke(asked: Asked[Nothing, Revoked]) -> Plain:
    """Take the key or the short password from a connection.

    It is refused from the next login on. The last way to log in cannot be taken.
    """
    found = await connections.revoke(asked.installation, asked.path["name"], asked.body.kind)
    return await _told(asked.installation, found)


OPERATIONS: tuple[Operation, ...] = (
    connection_list,
    connection_create,
    connection_show,
    connection_change,
    connection_activate,
    connection_block,
    connection_new_password,
    connection_new_api_key,
    connection_revoke,
    connection_short_password,
)
