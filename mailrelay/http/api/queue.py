"""What waits, and what can be done about it. A change needs at least one filter, or ``all=true``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ...manage import plain, plain_mail
from ...manage import queue as waiting
from ...manage.queue import Which
from ..members import Flag, Instant, Mailbox, Members, Name, Whole
from ..operation import Asked, Operation, operation
from .message_models import Count, Passage

TAG = "queue"
READ, WRITE = "queue:read", "queue:write"
Plain = plain.Plain


class Waiting(Members):
    """Which mail that waits, by any combination."""

    id: Annotated[str, Field(max_length=64, description="of a message or of one recipient")] = ""
    account: Name = ""
    connection: Name = ""
    to: Annotated[Mailbox, Field(description="the recipient's whole address")] = ""
    domain: Annotated[str, Field(max_length=255, description="of the recipient")] = ""
    all: Annotated[Flag, Field(description="all that waits, in place of a filter")] = False
    route: Annotated[str, Field(max_length=64, description='that was asked for, "-" where none was')] = ""
    older: Annotated[str, Field(max_length=16, description="than so long", examples=["30m"])] = ""
    reply_class: Annotated[str, Field(max_length=64, alias="class", description="of the last reply")] = ""
    priority: Annotated[str, Field(max_length=16, examples=["high"])] = ""

    @property
    def which(self) -> Which:
        """The filters as the use case knows them."""
        return Which(
            id=self.id.strip(),
            account=self.account,
            connection=self.connection,
            domain=self.domain,
            to=self.to,
            all=self.all,
            route=self.route,
            older=self.older,
            reply_class=self.reply_class,
            priority=self.priority,
            before=getattr(self, "before", ""),
        )


class WaitingPage(Waiting):
    """A page of it."""

    before: Annotated[str, Field(max_length=64, description="the `next` of the page before")] = ""
    limit: Annotated[Whole, Field(ge=1, le=waiting.MOST)] = 50


class WaitingBecause(Waiting):
    """And why."""

    reason: Annotated[str, Field(max_length=200)] = ""


class WaitingBy(Waiting):
    """And by what it shall go."""

    by: Annotated[str, Field(max_length=64, description="the route")]


class WaitingPassage(Passage):
    """One recipient that waits."""

    route: str
    priority: str
    reply_class: Annotated[str, Field(alias="class", description="of the last reply")]


class Destination(Members):
    """What waits for a destination."""

    destination: str
    count: int
    held: int
    deferred: Annotated[int, Field(description="how many wait after an attempt, and are not held")]
    in_hand: int
    oldest_at: Instant
    next_due_at: Instant


class Queue(Members):
    """What waits: a page of recipients, and by destination and class of the last reply."""

    waiting: list[WaitingPassage]
    destinations: list[Destination]
    classes: dict[str, int]
    next: Annotated[str, Field(description="the `before` of the following page, empty at the end")]


_MEMBERS = {"reply_class": "class"}


@operation("GET", "/queue", TAG, READ, Queue, query=WaitingPage, members=_MEMBERS)
async def queue_list(asked: Asked[WaitingPage, None]) -> Plain:
    """What waits, the newest first, with counts by destination and by class of the last reply."""
    installation, which, limit = asked.installation, asked.query.which, asked.query.limit
    found = await waiting.passages(installation, which, limit)
    return {
        "waiting": [plain_mail.waiting_passage(each, installation.dialects) for each in found],
        "destinations": [plain_mail.waiting(each) for each in await waiting.destinations(installation, which)],
        "classes": dict(await waiting.classes(installation, which)),
        "next": found[-1].recipient if len(found) == limit else "",
    }


@operation("GET", "/queue/count", TAG, READ, Count, query=Waiting, members=_MEMBERS)
async def queue_count(asked: Asked[Waiting, None]) -> Plain:
    """How many recipients an action with the same filters would mean."""
    return {"count": await waiting.count(asked.installation, asked.query.which)}


@operation("POST", "/queue/retry", TAG, WRITE, Count, query=Waiting, members=_MEMBERS)
async def queue_retry(asked: Asked[Waiting, None]) -> Plain:
    """Make it due now."""
    return {"count": await waiting.retry(asked.installation, asked.query.which)}


@operation("POST", "/queue/hold", TAG, WRITE, Count, query=Waiting, members=_MEMBERS)
async def queue_hold(asked: Asked[Waiting, None]) -> Plain:
    """Keep it back until it is released or its deadline passes."""
    return {"count": await waiting.hold(asked.installation, asked.query.which)}


@operation("POST", "/queue/release", TAG, WRITE, Count, query=Waiting, members=_MEMBERS)
async def queue_release(asked: Asked[Waiting, None]) -> Plain:
    """Let held mail go."""
    return {"count": await waiting.release(asked.installation, asked.query.which)}


@operation("POST", "/queue/drop", TAG, WRITE, Count, query=WaitingBecause, members=_MEMBERS)
async def queue_drop(asked: Asked[WaitingBecause, None]) -> Plain:
    """Give it up: it ends as failed, and what was reserved for it is released."""
    query = asked.query
    return {"count": await waiting.drop(asked.installation, query.which, query.reason, asked.pause)}


@operation("POST", "/queue/expire", TAG, WRITE, Count, query=WaitingBecause, members=_MEMBERS)
async def queue_expire(asked: Asked[WaitingBecause, None]) -> Plain:
    """End it as if its deadline had passed."""
    query = asked.query
    return {"count": await waiting.expire(asked.installation, query.which, query.reason, asked.pause)}


@operation("POST", "/queue/reroute", TAG, WRITE, Count, query=WaitingBy, members=_MEMBERS | {"route": "by"})
async def queue_reroute(asked: Asked[WaitingBy, None]) -> Plain:
    """Send it by another route, now."""
    query = asked.query
    return {"count": await waiting.reroute(asked.installation, query.which, query.by, asked.pause)}


OPERATIONS: tuple[Operation, ...] = (
    queue_list,
    queue_count,
    queue_retry,
    queue_hold,
    queue_release,
    queue_drop,
    queue_expire,
    queue_reroute,
)
