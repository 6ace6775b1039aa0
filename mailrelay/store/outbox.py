"""The outbox: the events of a commit, written by it as one row.

A commit tells hundreds of events under load, so what is written of one is a line: what, of whom, when, and the attempt
or act by which the rest is found in rows that the same commit wrote. Whoever reads puts it together (`events`); it
costs the writer about as much as the text of the line.

The number of an event is made of its row's and of its place in it. Rows are numbered in the order of their commits:
SQLite has one writer at a time, and on PostgreSQL a writer takes a lock, the last thing before its COMMIT, that it
holds until the row can be seen, so no row appears behind a number that was already read. A number taken from a
sequence would not do: who took the smaller one may commit later. The lock is held for no longer than a COMMIT takes,
and each writer commits for all its sessions at once, so it costs several writers little. The newest row is never
deleted, so that numbers go on from it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from ..mail.event import Event
from .schema import outbox

#: Events in one row at most; a commit of more writes several.
ROOM = 1000
#: Names the lock among the advisory locks of a PostgreSQL database.
_LOCK = 0x6D61696C  # "mail"

newest = sa.select(sa.func.coalesce(sa.func.max(outbox.c.id), sa.literal_column("0")))
add = sa.insert(outbox)
lock = sa.select(sa.func.pg_advisory_xact_lock(sa.literal_column(str(_LOCK))))


class Line(NamedTuple):
    """One event as it is written: `subject` is a recipient, or "" for what `detail` tells in JSON about an account.
    Of an attempt `detail` is its number, of an act its id, else "" or a JSON object."""

    number: int
    event: str
    subject: str
    at: int
    detail: str

    @property
    def told(self) -> Mapping[str, object]:
        """The detail that is JSON, empty where it is none."""
        return json.loads(self.detail) if self.detail.startswith("{") else {}


def line(event: str, subject: str, at: int, detail: str | int = "") -> str:
    """An event as text; nothing in it holds a tab or a line end."""
    return f"{event}\t{subject}\t{at}\t{detail}"


def detail(facts: Mapping[str, object]) -> str:
    """Facts as the detail of a line."""
    return json.dumps(dict(facts), default=str, separators=(",", ":"))


def rows(lines: Sequence[str], last: int, at: int) -> list[Mapping[str, object]]:
    """The rows that keep these lines behind the `last`."""
    return [
        {"id": last + 1 + place, "at": at, "events": "\n".join(lines[start : start + ROOM])}
        for place, start in enumerate(range(0, len(lines), ROOM))
    ]


def lines_of(id: int, text: str) -> list[Line]:
    """The events of a row, each with its number; what another version wrote and this one does not know is left out."""
    found = []
    for place, each in enumerate(text.split("\n")):
        event, subject, at, detail = each.split("\t", 3)
        if event in KNOWN:
            found.append(Line(id * ROOM + place, event, subject, int(at), detail))
    return found


KNOWN = frozenset(each.value for each in Event)
