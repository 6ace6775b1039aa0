"""Sends that an account gets each calendar month, used before those that are prepaid."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ...manage import plain, plans
from ..members import Members, Sends
from ..operation import Asked, Nothing, Operation, operation

TAG = "plans"
READ, WRITE = "plans:read", "plans:write"
Plain = plain.Plain


class Plan(Members):
    """What an account may send, by the month and prepaid."""

    account: str
    available: Annotated[int, Field(description="both together, but for what is reserved")]
    monthly: Annotated[int, Field(description="sends of a month; 0: none")]
    monthly_left: int
    month: Annotated[str, Field(examples=["2026-11"])]
    prepaid: int
    zone: Annotated[str, Field(description="in which months begin")]


class NewPlan(Members):
    """What it shall be."""

    monthly: Annotated[Sends, Field(description="0: the plan ends with the month", examples=[10_000])]


@operation("GET", "/plans", TAG, READ, list[Plan])
async def plan_list(asked: Asked[Nothing, None]) -> list[Plain]:
    """The accounts that have a plan."""
    return [plans.plain(each) for each in await plans.every(asked.installation)]


@operation("GET", "/plans/{account}", TAG, READ, Plan)
async def plan_show(asked: Asked[Nothing, None]) -> Plain:
    """What an account may send, by the month and prepaid."""
    return plans.plain(await plans.show(asked.installation, asked.path["account"]))


@operation(
    "PUT", "/plans/{account}", TAG, WRITE, Plan, body=NewPlan, administrator=True,
    members={"sends": "monthly", "balance": "monthly"},
)  # fmt: skip
async def plan_set(asked: Asked[Nothing, NewPlan]) -> Plain:
    """Give an account so many sends each month: at once if it has no plan yet, else from the next month on."""
    return plans.plain(await plans.give(asked.installation, asked.path["account"], asked.body.monthly))


OPERATIONS: tuple[Operation, ...] = (plan_list, plan_show, plan_set)
