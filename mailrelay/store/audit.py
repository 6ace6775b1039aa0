"""The laws of the ledger, asked of the rows themselves.

Each law is one query and gives a sentence for every row that breaks it. This module changes nothing and repairs
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from .engagement import COUNTED, FIRSTS
from .nodes import owners
from .schema import (
    PENDING,
    accounts,
    chunks,
    counters,
    domain_counters,
    engaged,
    entries,
    forgotten,
    hour_counters,
    messages,
    recipients,
)
from .work import HOUR, Work

_FINAL = ("delivered", "bounced", "failed", "suppressed", "expired")


def audit(work: Work, alive: Callable[[str], bool]) -> list[str]:
    """Every law that does not hold, as a sentence."""
    return [*_money(work), *_counts(work), *_rows(work), *_leases(work, alive)]


def _money(work: Work) -> list[str]:
    faults = []
    entered = _sums(work, entries.c.account, entries.c.amount)
    reserved = _sums(work, recipients.c.account, recipients.c.reserved)
    for id, balance, held in work.execute(sa.select(accounts.c.id, accounts.c.balance, accounts.c.reserved)):
        if balance != entered.pop(id, 0):
            faults.append(f"account {id}: its balance {balance} is not the sum of its entries")
        if held != reserved.pop(id, 0):
            faults.append(f"account {id}: {held} reserved is not what its recipients have reserved")
        if held < 0 or balance < held:
            faults.append(f"account {id}: available is below zero")
    faults += [f"account {id} does not exist but has entries" for id in sorted(entered)]
    faults += [f"account {id} does not exist but has recipients" for id in sorted(reserved)]
    kept = (
        sa.select(recipients.c.id, recipients.c.billed, sa.func.coalesce(sa.func.sum(entries.c.amount), 0))
        .outerjoin(entries, entries.c.subject == recipients.c.id)
        .group_by(recipients.c.id, recipients.c.billed)
        .having(recipients.c.billed != -sa.func.coalesce(sa.func.sum(entries.c.amount), 0))
    )
    faults += [
        f"recipient {id}: billed {billed}, but its entries say {-sum_}" for id, billed, sum_ in work.execute(kept)
    ]
    return faults


def _sums(work: Work, key: sa.ColumnElement[str], value: sa.ColumnElement[int]) -> dict[str, int]:
    return {name: int(total) for name, total in work.execute(sa.select(key, sa.func.sum(value)).group_by(key))}


def _counts(work: Work) -> list[str]:
    rows: dict[tuple[str, str], int] = {}
    counted = sa.select(recipients.c.connection, recipients.c.state, sa.func.count())
    for connection, state, number in work.execute(counted.group_by(recipients.c.connection, recipients.c.state)):
        rows[connection, "accepted"] = rows.get((connection, "accepted"), 0) + number
        if state != "queued":
            rows[connection, state] = number
    rows.update(_acts(work))
    billed = sa.select(recipients.c.connection, sa.func.sum(recipients.c.billed)).group_by(recipients.c.connection)
    rows.update({(connection, "billed"): int(number) for connection, number in work.execute(billed) if number})
    for connection, kind, number in work.execute(sa.select(forgotten)):
        rows[connection, kind] = rows.get((connection, kind), 0) + number
    return [*(fault for table in (counters, domain_counters) for fault in _told(work, table, rows)), *_hours(work)]


def _hours(work: Work) -> list[str]:
    """Where the sums by the hour are not those of the quarter hours."""

    def summed(table: sa.Table, at: sa.ColumnElement[int]) -> sa.Select[Any]:
        place, number = (table.c.connection, table.c.tag, at, table.c.kind), sa.func.sum(table.c.count)
        return sa.select(*place, number).group_by(*place).having(number != 0)

    quarters = summed(counters, counters.c.quarter - counters.c.quarter % HOUR)
    hours = summed(hour_counters, hour_counters.c.hour)
    wrong = {
        tuple(row)[:-1]
        for one, other in ((quarters, hours), (hours, quarters))
        for row in work.execute(one.except_(other))
    }
    return [
        f"connection {connection}: {kind} of tag {tag!r} in the hour from {at} differ in counters and hour_counters"
        for connection, tag, at, kind in sorted(wrong)
    ]


def _told(work: Work, table: sa.Table, rows: Mapping[tuple[str, str], int]) -> list[str]:
    """Where one table of counters says something else than the rows."""
    told = {
        (connection, kind): int(number)
        for connection, kind, number in work.execute(
            sa.select(table.c.connection, table.c.kind, sa.func.sum(table.c.count)).group_by(
                table.c.connection, table.c.kind
            )
        )
    }
    return [
        f"connection {key[0]}: {told.get(key, 0)} counted as {key[1]} in {table.name}, but there are {rows.get(key, 0)}"
        for key in sorted(rows.keys() | told.keys())
        if told.get(key, 0) != rows.get(key, 0)
    ]


def _acts(work: Work) -> dict[tuple[str, str], int]:
    """What recipients did, by connection and kind, as their own rows tell it."""
    columns = {kind: engaged.c[column] for kind, column in COUNTED.items()}
    sums = [
        sa.func.sum(sa.case((column > 0, 1), else_=0) if column.name in FIRSTS else column).label(kind)
        for kind, column in columns.items()
    ]
    joined = engaged.join(recipients, recipients.c.id == engaged.c.recipient)
    statement = sa.select(recipients.c.connection, *sums).select_from(joined).group_by(recipients.c.connection)
    return {
        (row.connection, kind): int(number)
        for row in work.execute(statement)
        for kind in columns
        if (number := row._mapping[kind])
    }


def _rows(work: Work) -> list[str]:
    pending_or_final = recipients.c.state.in_(("queued", "deferred", *_FINAL))
    laws = (
        ("is in no known state", ~pending_or_final),
        ("has no deadline", recipients.c.expires_at <= 0),
        ("is at an end but leased", sa.and_(recipients.c.state.in_(_FINAL), recipients.c.lease != "")),
        ("is at an end but has a send reserved", sa.and_(recipients.c.state.in_(_FINAL), recipients.c.reserved != 0)),
        ("is both billed and reserved", sa.and_(recipients.c.billed != 0, recipients.c.reserved != 0)),
        ("has no message", ~sa.exists().where(messages.c.id == recipients.c.message)),
    )
    faults = [
        f"recipient {id} {fault}"
        for fault, broken in laws
        for id in work.execute(sa.select(recipients.c.id).where(broken).limit(100)).scalars()
    ]
    unread = sa.select(messages.c.id).where(
        messages.c.source.is_(None),
        ~sa.exists().where(chunks.c.message == messages.c.id),
        sa.exists().where(recipients.c.message == messages.c.id, PENDING),
    )
    lonely = sa.select(messages.c.id).where(~sa.exists().where(recipients.c.message == messages.c.id))
    faults += [f"message {id} has no source" for id in work.execute(unread.limit(100)).scalars()]
    faults += [f"message {id} has no recipient" for id in work.execute(lonely.limit(100)).scalars()]
    return faults


def _leases(work: Work, alive: Callable[[str], bool]) -> list[str]:
    return [f"node {node} has recipients in hand but is dead" for node in owners(work) if not alive(node)]
