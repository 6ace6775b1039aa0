"""Pages of the send history and of statistics, over a month of generated mail on SQLite.

Twenty connections of five accounts send to large providers and to twenty thousand small domains, and most of it is
delivered. Each question is asked three times; how long the first answer took, which finds nothing in memory, and the
fastest are told. Statistics are asked of counters as ten million mails leave them: dense in each quarter hour.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from twisted.internet.defer import Deferred

from mailrelay.interfaces.history import Selection
from mailrelay.interfaces.statistics import Counting, Stretch
from mailrelay.mail.envelope import DAY, SECOND, State, ulid
from mailrelay.store import open_store
from mailrelay.store.engine import Database
from mailrelay.store.migrate import bring_up_to_date
from mailrelay.store.schema import counters, durations, messages, provider_counters, recipients
from mailrelay.store.work import HOUR, QUARTER

TOGETHER, PAGE, ROUNDS = 50_000, 100, 3
MONTH = 30 * DAY
#: Where the month begins, on an hour.
START = 1_763_996_400 * SECOND
CONNECTIONS, ACCOUNTS = 20, 5
LARGE = ("gmail.com",) * 4 + ("mail.ru",) * 2 + ("yahoo.com",)
SHARES = {"delivered": 950, "bounced": 30, "failed": 5, "expired": 5, "suppressed": 8, "deferred": 2}
PROVIDERS = ("google", "microsoft", "yahoo", "apple", "mailru", "others")


def scenario_history(number: int, folder: Path) -> None:
    """Fill a store with so many recipients, and print how long each page takes."""
    with tempfile.TemporaryDirectory(prefix="bench-history-", dir=folder) as place:
        begun = time.monotonic()
        fill(place, number)
        size = sum(file.stat().st_size for file in Path(place).iterdir()) >> 20
        print(f"\nHistory: {number} recipients in a month, {size} MB, filled in {time.monotonic() - begun:.0f} s")
        store = open_store(place, node=ulid(START, bytes(10)), now=lambda: START + MONTH, inline=True)
        for name, selection in questions(number):
            print(_line(name, partial(store.history.page, selection, PAGE)))
        print("Statistics of that month")
        for count in (1, ACCOUNTS):
            asked = Counting(tuple(f"C{each}" for each in range(count)), (Stretch(START, START + MONTH),))
            statistics: list[tuple[str, Callable[[Counting], Deferred[Any]]]] = [
                ("in all", store.statistics.totals),
                ("by day", partial(store.statistics.by_time, step=DAY)),
                ("by tag", store.statistics.by_tag),
                ("by provider", store.statistics.by_provider),
                ("delivery times", store.statistics.durations),
            ]
            for name, ask in statistics:
                print(_line(f"{count} connections, {name}", partial(ask, asked)))
        store.close()


def questions(number: int) -> Iterator[tuple[str, Selection]]:
    """Filters alone and together, the last ones such that hardly anything fits."""
    middle = START + MONTH // 2
    yield "all", Selection()
    yield "account", Selection(account="A1")
    yield "connection, one hour", Selection(connection="C3", since=middle, until=middle + HOUR)
    yield "large domain", Selection(destination="gmail.com")
    yield "small domain", Selection(destination="d77.example")
    yield "recipient", Selection(to="u7@gmail.com")
    yield "reference", Selection(client_ref=f"ref{number // 2 | 1}")
    yield "tag and status", Selection(tag="news", states=(State.BOUNCED,))
    yield "account and two states", Selection(account="A1", states=(State.BOUNCED, State.FAILED))
    yield "account, domain, status", Selection(account="A1", destination="mail.ru", states=(State.EXPIRED,))
    yield "rare tag, domain, status", Selection(tag="rare", destination="mail.ru", states=(State.EXPIRED,))
    yield "another's connection", Selection(account="A2", connection="C3")


def fill(place: str, number: int) -> None:
    """A month of mail and its counters."""
    database, chance = Database(place), random.Random(1)
    bring_up_to_date(database, 10)
    with database.open_writer() as link:
        for first in range(0, number, TOGETHER):
            places = range(first, min(first + TOGETHER, number))
            rows = [_row(place, START + MONTH * place // number, chance) for place in places]
            with link.begin():
                _insert(database, link, messages, [row[0] for row in rows])
                _insert(database, link, recipients, [row[1] for row in rows])
        with link.begin():
            _count(database, link)


def _row(place: int, at: int, chance: random.Random) -> tuple[dict[str, object], dict[str, object]]:
    own = place % CONNECTIONS
    shared = {"account": f"A{own % ACCOUNTS}", "connection": f"C{own}", "dialect": "standard", "received_at": at}
    message = ulid(at, chance.randbytes(10))
    domain = chance.choice((*LARGE, *[f"d{chance.randrange(20_000)}.example"] * 3))
    address = f"u{chance.randrange(1000 + place // 3)}@{domain}"
    (state,) = chance.choices(list(SHARES), list(SHARES.values()))
    tag = "rare" if chance.random() < 0.00002 else chance.choice(("", "news", "bill", "code"))
    return (
        {**shared, "id": message, "client_ref": f"ref{place}" if place % 2 else "", "tag": tag, "verdicts": "[]"},
        {
            **shared,
            "id": ulid(at, chance.randbytes(10)),
            "message": message,
            "tag": tag,
            "address": address,
            "key": address,
            "destination": domain,
            "state": state,
            "accepted_at": at,
        },
    )


def _count(database: Database, link: sa.Connection) -> None:
    """Counters of the connections of statistics, dense."""
    kinds = ("accepted", "delivered", "bounced", "billed", "opened", "opens")
    for own in range(ACCOUNTS):
        shared = {"connection": f"C{own}", "node": "N", "count": 50}
        quarters = range(START, START + MONTH, QUARTER)
        told = [(at, tag, kind) for at in quarters for tag in ("", "news", "bill") for kind in kinds]
        _insert(
            database, link, counters, [shared | {"quarter": at, "tag": tag, "kind": kind} for at, tag, kind in told]
        )
        ended = [(at, name, kind) for at in quarters for name in PROVIDERS for kind in ("delivered", "bounced")]
        rows = [shared | {"quarter": at, "provider": name, "kind": kind} for at, name, kind in ended]
        _insert(database, link, provider_counters, rows)
        hours = range(START, START + MONTH, HOUR)
        spent = [(at, phase, each) for at in hours for phase in ("total", "wait", "remote") for each in range(10, 22)]
        rows = [shared | {"hour": at, "phase": phase, "bucket": each} for at, phase, each in spent]
        _insert(database, link, durations, rows)


def _insert(database: Database, link: sa.Connection, table: sa.Table, rows: list[dict[str, object]]) -> None:
    """Rows in bulk; what they do not say is "" or 0."""
    statement = str(sa.insert(table).compile(dialect=database.dialect))
    usual = [(each.name, None if each.nullable else "" if isinstance(each.type, sa.Text) else 0) for each in table.c]
    link.exec_driver_sql(statement, [tuple(row.get(name, value) for name, value in usual) for row in rows])


def _line(name: str, ask: Callable[[], Deferred[Any]]) -> str:
    took = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        ask()
        took.append(1000 * (time.perf_counter() - begun))
    return f"  {name:34}{took[0]:8.0f} ms first{min(took):8.0f} ms"
