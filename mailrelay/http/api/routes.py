"""Stored routes: by which hosts mail leaves. A password is never told.

`account` in the query, or of a new one in the body, names whose it is; left out it serves all, or, of one that exists,
the only one that can be meant.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ...interfaces.routes import StoredRoute
from ...manage import plain, route_test, routes
from ...manage.installation import Installation
from ..members import Changes, Instant, Members, Name, Owned
from ..operation import Asked, Operation, operation
from .owners import owners

TAG = "routes"
READ, WRITE = "routes:read", "routes:write"
Plain = plain.Plain

Hosts = Annotated[
    list[Annotated[str, Field(max_length=300)]],
    Field(
        max_length=100,
        description="`host:port`, the preferred one first, or each as `host:port=weight`",
        examples=[["smtp.example.net:587"]],
    ),
]
Tls = Annotated[str, Field(max_length=16, description="what the host is held to", examples=["may"])]
Port = Annotated[int, Field(ge=1, le=65535)]
Texts = Annotated[list[Annotated[str, Field(max_length=255)]], Field(max_length=1000)]
Text = Annotated[str, Field(max_length=1000)]


class Route(Members):
    """A stored route, without its password."""

    id: str
    account: Annotated[str, Field(description="empty where it serves all")]
    hosts: list[str]
    weights: list[int]
    mx: Annotated[bool, Field(description="do recipients' own hosts get the mail, in place of `hosts`?")]
    port: Annotated[int | None, Field(description="of those hosts")]
    sources: Annotated[list[str], Field(description="our addresses")]
    rotate: bool
    domains: Annotated[list[str], Field(description="of recipients whose mail goes this way")]
    tls: str
    username: str
    fallback: Annotated[str, Field(description="the route that takes over")]
    created_at: Instant


class RouteChange(Changes):
    """What of a route shall be another way; a new user name takes a new password with it."""

    hosts: Hosts | None = None
    tls: Tls | None = None
    username: Text | None = None
    password: Text | None = None
    fallback: Annotated[str | None, Field(max_length=64)] = None
    mx: bool | None = None
    port: Port | None = None
    sources: Texts | None = None
    rotate: bool | None = None
    domains: Texts | None = None


class NewRoute(RouteChange):
    """A route to be made, by `hosts` or by `mx`."""

    id: Annotated[str, Field(max_length=64, description="made up if left out", examples=["partner"])] = ""
    account: Annotated[Name, Field(description="left out: it serves all")] = ""


class Trial(Members):
    """Whom to ask for."""

    to: Annotated[str, Field(max_length=320, examples=["postmaster@example.net"])] = ""
    sender: Annotated[str, Field(alias="from", max_length=320)] = ""


class Probe(Members):
    """What one host said."""

    host: str
    port: int
    address: str
    source: str
    serves: bool
    reply: str
    tls: str
    fault: str
    offers: list[str]
    seconds: float
    transcript: list[str]


class RouteTest(Members):
    """What became of a trial."""

    route: str
    serves: Annotated[bool, Field(description="would mail have gone out?")]
    reply: str
    hosts: list[Probe]


async def _told(installation: Installation, found: StoredRoute) -> Plain:
    return plain.route(found, await owners(installation))


@operation("GET", "/routes", TAG, READ, list[Route], query=Owned)
async def route_list(asked: Asked[Owned, None]) -> list[Plain]:
    """The stored routes of an account, or all."""
    named = await owners(asked.installation)
    return [plain.route(each, named) for each in await routes.every(asked.installation, asked.query.account)]


@operation("POST", "/routes", TAG, WRITE, Route, 201, query=Owned, body=NewRoute, members={"route": "id"})
async def route_create(asked: Asked[Owned, NewRoute]) -> Plain:
    """Make a route; it can be named within two seconds."""
    account = asked.query.account or asked.body.account
    made = await routes.add(asked.installation, routes.Wanted(**{**asked.body.given, "account": account}))
    return await _told(asked.installation, made)


@operation("GET", "/routes/{id}", TAG, READ, Route, query=Owned)
async def route_show(asked: Asked[Owned, None]) -> Plain:
    """One stored route."""
    found = await routes.find(asked.installation, asked.query.account, asked.path["id"])
    return await _told(asked.installation, found)


@operation("PATCH", "/routes/{id}", TAG, WRITE, Route, query=Owned, body=RouteChange)
async def route_change(asked: Asked[Owned, RouteChange]) -> Plain:
    """Change a route; it holds within two seconds."""
    changes = asked.body.given
    found = await routes.change(asked.installation, asked.query.account, asked.path["id"], changes)
    return await _told(asked.installation, found)


@operation("POST", "/routes/{id}/test", TAG, WRITE, RouteTest, query=Owned, body=Trial, members={"sender": "from"})
async def route_try(asked: Asked[Owned, Trial]) -> Plain:
    """Try each host of a route, one of the configuration too, up to the recipient, and never send anything."""
    body, account = asked.body, asked.query.account
    return route_test.plain(await route_test.test(asked.installation, account, asked.path["id"], body.to, body.sender))


@operation("DELETE", "/routes/{id}", TAG, WRITE, None, 204, query=Owned)
async def route_remove(asked: Asked[Owned, None]) -> None:
    """Forget a route."""
    await routes.remove(asked.installation, asked.query.account, asked.path["id"])


OPERATIONS: tuple[Operation, ...] = (route_list, route_create, route_show, route_change, route_try, route_remove)
