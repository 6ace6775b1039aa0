"""What a report that came back by mail changes: a delivered recipient bounces after all, once.

The row changes under the condition that it is delivered and tells by coming back that it was, so that of two reports,
or of two processes that read the same one, only the first moves anything: state, counters of the quarter hour of the
acceptance, suppression, and the line among the attempts that says so. The money stays where it is: a bounce costs what
a delivery does. This module never commits and judges no report.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ..mail.envelope import Return, State
from .accept import clean
from .schema import attempts, recipients
from .settle import suppress
from .work import Work

_bounce = (
    sa.update(recipients)
    .where(recipients.c.id == sa.bindparam("recipient"), recipients.c.state == State.DELIVERED.value)
    .values(
        state=State.BOUNCED.value,
        last_reply=sa.bindparam("reply"),
        last_host=sa.bindparam("host"),
        last_at=sa.bindparam("at"),
    )
    .returning(
        recipients.c.account,
        recipients.c.connection,
        recipients.c.tag,
        recipients.c.destination,
        recipients.c.accepted_at,
        recipients.c.key,
        recipients.c.address,
        recipients.c.attempts,
    )
)
#: The host that took it, before the report's takes its place.
_host = sa.select(recipients.c.last_host).where(recipients.c.id == sa.bindparam("recipient"))
_keep = {
    True: sqlite.insert(attempts).on_conflict_do_nothing(),
    False: postgresql.insert(attempts).on_conflict_do_nothing(),
}


def bounce_later(work: Work, members: Sequence[Return]) -> list[bool]:
    """For each report whether its recipient was delivered until now."""
    order = sorted(range(len(members)), key=lambda place: members[place].recipient)
    hosts = {each.recipient: host for each in members for (host,) in work.rows(_host, {"recipient": each.recipient})}
    found = work.each(_bounce, [_values(members[place]) for place in order])
    results = [False] * len(members)
    for place, row in zip(order, found, strict=True):
        if row is None:
            continue
        results[place] = True
        account, connection, tag, domain, accepted_at, key, address, made = row
        given = members[place]
        work.count(connection, tag, domain, accepted_at, State.DELIVERED.value, -1)
        work.count(connection, tag, domain, accepted_at, State.BOUNCED.value)
        host = hosts[given.recipient]
        work.count_provider(connection, host, accepted_at, State.DELIVERED.value, -1)
        work.count_provider(connection, host, accepted_at, State.BOUNCED.value)
        if given.suppression:
            suppress(work, account, key, address, given.suppression, given.recipient, given.at, given.suppressed_until)
        work.insert(_keep[work.sqlite], (_line(given, made + 1),))
        work.tell("bounced", given.recipient, given.at, made + 1)
    return results


def _values(given: Return) -> dict[str, object]:
    return {
        "recipient": given.recipient,
        "reply": clean(str(given.reply)),
        "host": clean(given.host),
        "at": given.at,
    }


def _line(given: Return, number: int) -> dict[str, object]:
    """The report as one more line among the attempts: what the host said in the end."""
    return {
        "recipient": given.recipient,
        "number": number,
        "at": given.at,
        "route": "",
        "host": clean(given.host),
        "address": "",
        "tls": "",
        "signed": "",
        "state": State.BOUNCED.value,
        "reply": clean(str(given.reply)),
        "due_at": 0,
        "facts": json.dumps(dict(given.facts)),
        "transcript": "",
    }
