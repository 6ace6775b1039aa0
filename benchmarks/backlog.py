"""A queue that is full from the start: recipients put into a store in bulk, as if they had been accepted long ago.

The books are right: an audit finds nothing wrong with them. Nothing is charged, since no client was there to pay.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from mailrelay.mail.envelope import SECOND, ulid
from mailrelay.store.engine import Database
from mailrelay.store.schema import messages, recipients
from mailrelay.store.work import Work

#: Recipients of one message, and in one transaction.
EACH, TOGETHER = 500, 50_000

SOURCE = b"From: news@queued.example\r\nSubject: queued\r\n\r\nqueued\r\n"


def fill(
    state: str | Path,
    account: str,
    connection: str,
    number: int,
    *,
    destination: Callable[[int], str],
    route: str = "",
    priority: int = 0,
    due_in: float = 0,
) -> None:
    """Put `number` recipients into the queue of a connection, each to its `destination(place)`, due in so many
    seconds. The ids are those of the account and the connection."""
    database = Database(state)
    now = time.time_ns() // 1000 - 1000 * number  # in the order of their ids, none of which is of the future
    insert = str(sa.insert(recipients).compile(dialect=database.dialect))
    names = [column.name for column in recipients.c]
    with database.open_writer() as link:
        for start in range(0, number, TOGETHER):
            with link.begin():
                some = range(start, min(start + TOGETHER, number))
                ids = [ulid(now + 1000 * place, os.urandom(10)) for place in some[::EACH]]
                link.execute(sa.insert(messages), [_message(id, account, connection, route, now) for id in ids])
                rows = [
                    _recipient(ids[(place - start) // EACH], account, connection, destination(place), route, now, place)
                    | {"priority": priority, "due_at": now + int(due_in * SECOND)}
                    for place in some
                ]
                link.exec_driver_sql(insert, [tuple(row[name] for name in names) for row in rows])
                work = Work(database, link, ulid(now, os.urandom(10)))
                for row in rows:
                    work.count(connection, "", str(row["destination"]), now, "accepted")
                work.finish()


def _message(id: str, account: str, connection: str, route: str, now: int) -> dict[str, object]:
    empty = dict.fromkeys(("peer", "tag", "client_ref", "template", "metadata", "personal"), "")
    return {
        **empty,
        "id": id,
        "account": account,
        "connection": connection,
        "dialect": "standard",
        "sender": "news@queued.example",
        "subject": "queued",
        "route": route,
        "billing": "none",
        "size": len(SOURCE),
        "received_at": now,
        "expires_at": now + 86_400 * SECOND,
        "verdicts": "[]",
        "source": SOURCE,
    }


def _recipient(
    message: str, account: str, connection: str, destination: str, route: str, now: int, place: int
) -> dict[str, object]:
    id = ulid(now + 1000 * place, os.urandom(10))
    address = f"{id.lower()}@{destination}"
    return {
        "id": id,
        "message": message,
        "account": account,
        "connection": connection,
        "tag": "",
        "address": address,
        "key": address,
        "destination": destination,
        "route": route,
        "state": "queued",
        "held": 0,
        "lease": "",
        "attempts": 0,
        "reserved": 0,
        "billed": 0,
        "accepted_at": now,
        "expires_at": now + 86_400 * SECOND,
        "last_reply": "",
        "last_host": "",
        "last_at": 0,
        "throttled": 0,
        "name": "",
    }
