"""How many mails of an account or connection came to what, over a time."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ...manage import plain, statistics
from ..members import Members, Name
from ..operation import Asked, Operation, operation

TAG = "statistics"
READ = "statistics:read"
Plain = plain.Plain

When = Annotated[str, Field(max_length=64, examples=["2026-01-31T12:00"])]


class StatisticsQuery(Members):
    """What is counted."""

    account: Annotated[Name, Field(description="may be left out where there is one")] = ""
    connection: Annotated[Name, Field(description="all of the account's if left out")] = ""
    tag: Annotated[str | None, Field(max_length=255, description="empty for mail without one")] = None
    domain: Annotated[str, Field(max_length=255, description="of recipients")] = ""
    period: Annotated[
        Literal["", "today", "week", "month", "3months", "6months", "year"],
        Field(description="up to now, today the last day of it"),
    ] = ""
    since: Annotated[When, Field(alias="from", description="in the account's zone, by the hour")] = ""
    until: Annotated[When, Field(alias="to")] = ""
    by: Annotated[
        Literal["", "hour", "day", "month", "tag", "domain", "provider", "connection"],
        Field(description="into which parts it is taken"),
    ] = ""


class Row(Members):
    """A row as the dialect shows it."""

    label: str
    number: int
    percent: float | int | None


class Part(Members):
    """A part of the whole."""

    of: Annotated[str, Field(description="a tag, a domain, the start of an hour, …")]
    counts: dict[str, int]
    rows: list[Row]


class Times(Members):
    """How long deliveries took, in seconds."""

    deliveries: int
    p50: float
    p90: float
    p99: float


class Statistics(Members):
    """What became of the mail, as a whole and in parts; instants are in the zone of the account."""

    account: str
    connection: str
    dialect: Annotated[str, Field(description="whose rows they are")]
    zone: str
    since: Annotated[str, Field(alias="from")]
    until: Annotated[str, Field(alias="to")]
    counts: Annotated[dict[str, int], Field(description="in our words")]
    rows: list[Row]
    delivery_seconds: Annotated[dict[str, Times], Field(description="our wait, throttle, remote, in all")]
    by: str
    parts: list[Part]


@operation("GET", "/statistics", TAG, READ, Statistics, query=StatisticsQuery, members={"since": "from", "until": "to"})
async def statistics_show(asked: Asked[StatisticsQuery, None]) -> Plain:
    """How many mails came to what, as a whole and in parts.

    Give a `period`, or `from` and `to`. Counters know either the tag or the domain.
    """
    return plain.report(await statistics.report(asked.installation, statistics.Asked(**asked.query.model_dump())))


OPERATIONS: tuple[Operation, ...] = (statistics_show,)
