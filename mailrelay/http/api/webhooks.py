"""Receivers of events."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ...interfaces.webhooks import KEPT
from ...interfaces.webhooks import Webhook as Found
from ...manage import deliveries, plain, webhooks
from ...manage.installation import Installation
from ..members import Changes, Id, Instant, Members, Name, Owned, Whole
from ..operation import Asked, Nothing, Operation, operation
from ..query import instant
from .owners import owners

TAG = "webhooks"
READ, WRITE = "webhooks:read", "webhooks:write"
Plain = plain.Plain

When = Annotated[str, Field(max_length=64, examples=["2026-01-31T12:00:00Z"])]
Url = Annotated[str, Field(min_length=1, max_length=2000, examples=["https://shop.example/mail-events"])]
Types = Annotated[list[Name], Field(max_length=100, description="which types; none: all", examples=[["bounced"]])]


class Webhook(Members):
    """A receiver of events; its `secret` is there only in the answer to what made it."""

    id: Id
    name: str
    account: Annotated[str, Field(description="empty where it is told everybody's events")]
    url: str
    events: list[str]
    dialect: Annotated[str, Field(description="whose form the events have, empty for ours")]
    status: Literal["enabled", "disabled"]
    reason: str
    cursor: Annotated[int, Field(description="the last event that it took")]
    replaying: bool
    replayed_percent: Annotated[int, Field(description="how much of what is told again was looked at")]
    delivered: int
    delivered_at: Instant
    failures: int
    failing_since: Instant
    next_try_at: Instant
    last_error: str
    created_at: Instant
    secret: Annotated[str | None, Field(description="by which requests are signed")] = None


class NewWebhook(Members):
    """A receiver to be told."""

    url: Url
    name: Annotated[str, Field(max_length=100)] = ""
    account: Annotated[Name, Field(description="left out: it is told everybody's events")] = ""
    events: Types = []
    dialect: Annotated[str, Field(max_length=64)] = ""
    secret: Annotated[str, Field(max_length=255, description="made up if left out")] = ""


class WebhookChange(Changes):
    """What of a receiver shall be another way; an empty secret is made up."""

    url: Url | None = None
    name: Annotated[str | None, Field(min_length=1, max_length=100)] = None
    events: Types | None = None
    dialect: Annotated[str | None, Field(max_length=64)] = None
    secret: Annotated[str | None, Field(max_length=255)] = None


class DeliveryQuery(Owned):
    """Which deliveries."""

    limit: Annotated[Whole, Field(ge=1, le=KEPT)] = 50
    before: Annotated[str, Field(max_length=64, description="the `next` of the page before")] = ""


class Delivery(Members):
    """A request to a receiver, and what it said."""

    id: Id
    event: Annotated[int, Field(description="the event's number")]
    type: str
    at: Instant
    seconds: float
    status: Annotated[int, Field(description="that the receiver answered with, 0 for none")]
    taken: bool
    answer: str
    again: Annotated[bool, Field(description="was it sent again?")]


class Deliveries(Members):
    """A page of what was sent lately, the newest first."""

    deliveries: list[Delivery]
    next: Annotated[str, Field(description="the `before` of the following page, empty at the end")]


class Replay(Owned):
    """What is told again."""

    since: Annotated[When, Field(min_length=1, description="ISO 8601, or seconds")]
    until: When = ""


async def _told(installation: Installation, found: Found, *, secret: bool = False) -> Plain:
    beside = {"secret": webhooks.secret_of(installation, found)} if secret else {}
    return webhooks.plain(found, await owners(installation)) | beside


@operation("GET", "/webhooks", TAG, READ, list[Webhook], query=Owned)
async def webhook_list(asked: Asked[Owned, None]) -> list[Plain]:
    """The receivers of an account, or all."""
    named = await owners(asked.installation)
    return [webhooks.plain(each, named) for each in await webhooks.every(asked.installation, asked.query.account)]


_MEMBERS = {"webhook": "name"}


@operation("POST", "/webhooks", TAG, WRITE, Webhook, 201, body=NewWebhook, members=_MEMBERS)
async def webhook_add(asked: Asked[Nothing, NewWebhook]) -> Plain:
    """Have a receiver told what happens from now on; the answer has its secret."""
    made = await webhooks.add(asked.installation, webhooks.Wanted(**asked.body.model_dump()))
    return await _told(asked.installation, made, secret=True)


@operation("GET", "/webhooks/{name}", TAG, READ, Webhook, query=Owned)
async def webhook_show(asked: Asked[Owned, None]) -> Plain:
    """One receiver, and how it is doing."""
    found = await webhooks.find(asked.installation, asked.path["name"], asked.query.account)
    return await _told(asked.installation, found)


@operation("PATCH", "/webhooks/{name}", TAG, WRITE, Webhook, query=Owned, body=WebhookChange, members=_MEMBERS)
async def webhook_change(asked: Asked[Owned, WebhookChange]) -> Plain:
    """Change a receiver; what is under way goes out as it was.

    A new secret stands in the answer: the receiver must know it before it takes anything more.
    """
    changes = asked.body.given
    made = await webhooks.change(asked.installation, asked.path["name"], changes, asked.query.account)
    return await _told(asked.installation, made, secret="secret" in changes)


@operation("GET", "/webhooks/{name}/deliveries", TAG, READ, Deliveries, query=DeliveryQuery)
async def webhook_deliveries(asked: Asked[DeliveryQuery, None]) -> Plain:
    """What was sent to a receiver lately, and what it answered."""
    query = asked.query
    found = await deliveries.every(asked.installation, asked.path["name"], query.account, query.before, query.limit)
    following = found[-1].id if len(found) == query.limit else ""
    return {"deliveries": [deliveries.plain(each) for each in found], "next": following}


@operation("POST", "/webhooks/{name}/events/{number}/replay", TAG, WRITE, Webhook, query=Owned)
async def webhook_replay_one(asked: Asked[Owned, None]) -> Plain:
    """Tell a receiver one event again, before anything new."""
    name, number = asked.path["name"], asked.number("number")
    return await _told(
        asked.installation, await webhooks.replay_one(asked.installation, name, number, asked.query.account)
    )


@operation("DELETE", "/webhooks/{name}", TAG, WRITE, None, 204, query=Owned)
async def webhook_remove(asked: Asked[Owned, None]) -> None:
    """Tell a receiver nothing any more."""
    await webhooks.remove(asked.installation, asked.path["name"], asked.query.account)


@operation("POST", "/webhooks/{name}/test", TAG, WRITE, Webhook, query=Owned)
async def webhook_test(asked: Asked[Owned, None]) -> Plain:
    """Send a receiver an event that says it is a test."""
    found = await webhooks.test(asked.installation, asked.path["name"], asked.query.account)
    return await _told(asked.installation, found)


@operation("POST", "/webhooks/{name}/enable", TAG, WRITE, Webhook, query=Owned)
async def webhook_enable(asked: Asked[Owned, None]) -> Plain:
    """Go on telling a receiver, from where it stopped."""
    found = await webhooks.enable(asked.installation, asked.path["name"], asked.query.account)
    return await _told(asked.installation, found)


@operation("POST", "/webhooks/{name}/disable", TAG, WRITE, Webhook, query=Owned)
async def webhook_disable(asked: Asked[Owned, None]) -> Plain:
    """Tell a receiver nothing until it is enabled."""
    found = await webhooks.disable(asked.installation, asked.path["name"], asked.query.account)
    return await _told(asked.installation, found)


@operation("POST", "/webhooks/{name}/replay", TAG, WRITE, Webhook, query=Replay)
async def webhook_replay(asked: Asked[Replay, None]) -> Plain:
    """Tell a receiver again what happened in a time, as long as events are kept."""
    query = asked.query
    first, last = instant("since", query.since), instant("until", query.until) if query.until else 0
    found = await webhooks.replay(asked.installation, asked.path["name"], query.account, first, last)
    return await _told(asked.installation, found)


@operation("POST", "/webhooks/{name}/stop-replay", TAG, WRITE, Webhook, query=Owned)
async def webhook_stop_replay(asked: Asked[Owned, None]) -> Plain:
    """Tell a receiver nothing more again; what is new goes on."""
    found = await webhooks.stop_replay(asked.installation, asked.path["name"], asked.query.account)
    return await _told(asked.installation, found)


OPERATIONS: tuple[Operation, ...] = (
    webhook_list,
    webhook_add,
    webhook_show,
    webhook_change,
    webhook_deliveries,
    webhook_replay_one,
    webhook_remove,
    webhook_test,
    webhook_enable,
    webhook_disable,
    webhook_replay,
    webhook_stop_replay,
)
