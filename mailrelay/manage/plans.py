"""What an account is given each month, and what it has that stays.

A balance has two pots: this month's sends, which lapse when the month ends in the account's time zone, and prepaid ones
(`accounts.top_up`), which stay. The month's are used first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from ..interfaces.plans import Plan
from ..interfaces.registry import Account
from ..mail.envelope import SECOND
from . import checked, names
from .audited import audited
from .installation import Installation, use_case
from .plain import Plain
from .rights import administrators_only


@dataclass(frozen=True, slots=True)
class Pots:
    """What an account may send: `monthly_left` of the plan's until the month ends at the instant `ends_at` (0 without
    a plan), and `prepaid`."""

    account: Account
    plan: Plan | None
    monthly_left: int
    prepaid: int
    ends_at: int = 0


@use_case
async def every(installation: Installation) -> Sequence[Pots]:
    """The accounts that have a plan."""
    owners = {each.id: each for each in await installation.registry.accounts()}
    found = await installation.plans.every()
    return [_pots(owners[each.account], each) for each in found if each.account in owners]


@use_case
async def show(installation: Installation, name: str) -> Pots:
    """The two pots of an account."""
    account = await names.account(installation.registry, name)
    found = {each.account: each for each in await installation.plans.every()}
    return _pots(account, found.get(account.id))


@audited("plan.set")
@administrators_only
async def give(installation: Installation, account: str, sends: int) -> Pots:
    """Give an account so many sends each calendar month, at once if it has no plan yet, else from the next month on;
    with 0 the plan ends with the month."""
    sends = checked.number("sends", sends, 0)
    owner = await names.account(installation.registry, account)
    checked.number("balance", owner.balance + sends, 0)
    await installation.plans.put(owner.id, sends)
    await installation.plans.turn(owner.id, month_of(owner, installation.now()), installation.now())
    return await show(installation, owner.id)


@use_case
@administrators_only
async def turn(installation: Installation) -> int:
    """A chore: begin the month of every account where one began; fires with how many."""
    owners = {each.id: each for each in await installation.registry.accounts()}
    turned, now = 0, installation.now()
    for plan in await installation.plans.every():
        owner = owners.get(plan.account)
        if owner is not None and month_of(owner, now) > plan.month:
            turned += await installation.plans.turn(owner.id, month_of(owner, now), now)
    return turned


def plain(value: Pots) -> Plain:
    """The pots as they are told."""
    return {
        "account": value.account.name,
        "available": value.account.available,
        "monthly": value.plan.monthly if value.plan else 0,
        "monthly_left": value.monthly_left,
        "month": f"{value.plan.month // 100:04}-{value.plan.month % 100:02}" if value.plan else "",
        "prepaid": value.prepaid,
        "zone": value.account.zone,
    }


def _pots(account: Account, plan: Plan | None) -> Pots:
    left = plan.left(account.available) if plan else 0
    ends_at = month_end(account, plan.month) if plan and plan.month else 0
    return Pots(account, plan, left, account.available - left, ends_at)


def month_end(account: Account, month: int) -> int:
    """The instant in which a month ends in the account's zone."""
    year, number = divmod(month, 100)
    first = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=ZoneInfo(account.zone))
    return int(first.timestamp()) * SECOND


def month_of(account: Account, now: int) -> int:
    """The month that it is in the account's zone: year times 100 + month."""
    at = datetime.fromtimestamp(now / SECOND, UTC).astimezone(ZoneInfo(account.zone))
    return at.year * 100 + at.month
