"""Damaged rows: what a recipient must be like to be sent, and setting aside the one that is not (D8).

A row can be changed by hand, by a failing disk, by a program of another version. A recipient whose row makes no sense
is held, with the reason as its last reply: nothing of it is sent, nobody else waits for it, and it stands in the queue
until somebody drops it, or repairs and releases it. This module repairs nothing but an unknown state, without which the
row would be in no list.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ..mail.envelope import SECOND, State
from .accept import clean
from .jobs import CALL, LOOK_UP
from .reader import Reader
from .schema import PENDING, chunks, messages, recipients
from .work import Work
from .writer import Writer

_log = Logger()

#: Rows that are looked through at a time.
PAGE = 1_000
#: The first instant that cannot be meant: the year 9999.
NEVER = 253_370_764_800 * SECOND

_r = recipients.c
#: Do the numbers of a row make sense? A text in place of a number is above every number, where that is possible at all.
SANE = sa.and_(
    _r.attempts.between(0, 1_000_000), *(at.between(1, NEVER) for at in (_r.accepted_at, _r.due_at, _r.expires_at))
)
_KNOWN = frozenset(state.value for state in State)
_UNKNOWN = sa.text("state NOT IN ({})".format(", ".join(f"'{state}'" for state in sorted(_KNOWN))))
#: The octets that are there of the source of a recipient's message, of as many as its `size` says.
STORED = sa.func.coalesce(
    sa.select(sa.func.length(messages.c.source)).where(messages.c.id == _r.message).scalar_subquery(),
    sa.select(sa.func.sum(sa.func.length(chunks.c.octets))).where(chunks.c.message == _r.message).scalar_subquery(),
    0,
)

_page = (
    sa.select(_r.id, sa.or_(_UNKNOWN, PENDING), _r.state, SANE, _r.address, _r.destination)
    .where(_r.id > sa.bindparam("after"))
    .order_by(_r.id)
    .limit(PAGE)
)

_set_aside = (
    sa.update(recipients)
    .where(_r.id == sa.bindparam("recipient"), _r.lease != sa.bindparam("ours"), sa.or_(_r.held == 0, _UNKNOWN))
    .values(
        # as it was counted: deferred if it was tried
        state=sa.case(
            (sa.and_(_UNKNOWN, _r.attempts > 0), State.DEFERRED.value),
            (_UNKNOWN, State.QUEUED.value),
            else_=_r.state,
        ),
        held=1,
        lease="",
        last_reply=sa.bindparam("reason"),
        last_host="",
        last_at=sa.bindparam("at"),
    )
    .returning(_r.message)
)


def fault_of(sane: bool, *texts: str | None) -> str:
    """What is wrong with the numbers of a row that waits, or with texts that go out on the wire; "" for nothing."""
    if not sane:
        return "a number or an instant in its row cannot be"
    # U+FFFD stands where the database holds no UTF-8
    if not all(text is not None and text.isprintable() and "\ufffd" not in text for text in texts):
        return "an address in its row cannot be"
    return ""


def fault_of_source(stored: int, size: int | None) -> str:
    """What is wrong with the message of a recipient, of which so many octets are there."""
    if size is None:
        return "its message is gone"
    return "" if stored == size else f"{stored} octets are there of a message of {size}"


def set_aside(work: Work, recipient: str, fault: str, now: int) -> bool:
    """Hold a recipient that is not in our hands, and say so in the log; False when it is held already."""
    values = {"recipient": recipient, "ours": work.node, "reason": clean(f"set aside: {fault}"), "at": now}
    found = work.each(_set_aside, (values,))[0]
    if found is not None:
        _log.error("{id} {recipient} is set aside: {fault}", id=found[0], recipient=recipient, fault=fault)
    return found is not None


def look_through(reader: Reader, writer: Writer, now: int) -> Deferred[int]:
    """Set aside every recipient that no claim would ever meet: in an unknown state, or due at no time that will come,
    or bound for nowhere.

    Fires with how many; other work goes on between the pages.
    """
    return Deferred.fromCoroutine(_look_through(reader, writer, now))


async def _look_through(reader: Reader, writer: Writer, now: int) -> int:
    after, total = "", 0
    while True:
        page = await reader.ask(LOOK_UP, lambda work, after=after: work.rows(_page, {"after": after}))
        faults = {}
        for id, at_no_end, state, sane, *texts in page:
            if not at_no_end:
                continue
            if fault := fault_of(sane, *texts) if state in _KNOWN else f"its state is unknown: {state}":
                faults[id] = fault
        if faults:
            total += await writer.ask(CALL, partial(_set_all_aside, faults, now))
        if len(page) < PAGE:
            return total
        after = page[-1][0]


def _set_all_aside(faults: Mapping[str, str], now: int, work: Work) -> int:
    return sum(set_aside(work, recipient, fault, now) for recipient, fault in faults.items())
