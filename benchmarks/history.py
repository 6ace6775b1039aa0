"""Pages of the send history and of statistics, over a month of generated mail on SQLite.

The mail is that of `benchmarks.month`. Each question is asked three times; how long the first answer took, the fastest,
and how much processor time that one needed are told: on a machine that does other things too, only the last says much.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from mailrelay.interfaces.history import Selection
from mailrelay.interfaces.statistics import Counting, IStatistics, Stretch
from mailrelay.mail.envelope import DAY, State, ulid
from mailrelay.store import open_store
from mailrelay.store.work import HOUR

from .month import ACCOUNTS, MONTH, START, fill

PAGE, ROUNDS = 100, 3


def scenario_history(number: int, folder: Path) -> None:
    """Fill a store with so many recipients, and print how long each page takes."""
    with tempfile.TemporaryDirectory(prefix="bench-history-", dir=folder) as place:
        begun = time.monotonic()
        fill(place, number)
        size = sum(file.stat().st_size for file in Path(place).iterdir()) >> 20
        print(f"\nHistory: {number} recipients in a month, {size} MB, filled in {time.monotonic() - begun:.0f} s")
        ask_everything(place, number)


def ask_everything(place: str, number: int) -> None:
    """The questions, of a store that was filled with so many."""
    store = open_store(place, node=ulid(START, bytes(10)), now=lambda: START + MONTH, inline=True)
    for name, selection in (*questions(number), *pairs(number)):
        print(_line(name, partial(store.history.page, selection, PAGE)))
    for span in (DAY, 7 * DAY, MONTH):
        print(f"Statistics of the last {span // DAY} days")
        for count in (1, ACCOUNTS):
            stretches = (Stretch(START + MONTH - span, START + MONTH),)
            asked = Counting(tuple(f"C{each}" for each in range(count)), stretches)
            statistics: list[tuple[str, Callable[[Counting], Deferred[Any]]]] = [
                ("in all", store.statistics.totals),
                ("by day", partial(store.statistics.by_time, step=DAY)),
                ("by tag", store.statistics.by_tag),
                ("by provider", store.statistics.by_provider),
                ("delivery times", store.statistics.durations),
                ("the console's page", partial(_page, store.statistics)),
            ]
            for name, ask in statistics:
                print(_line(f"{count} connections, {name}", partial(ask, asked)))
    store.close()


def _page(statistics: IStatistics, asked: Counting) -> Deferred[Any]:
    """What the console's page of statistics asks for."""
    asked_for = (statistics.by_time(asked, DAY), statistics.by_tag(asked), statistics.durations(asked))
    return gatherResults(asked_for)


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


def pairs(number: int) -> Iterator[tuple[str, Selection]]:
    """Every two filters together, and each with what nothing fits and with the oldest hour."""
    hour = {"since": START + MONTH // 2, "until": START + MONTH // 2 + HOUR}
    filters: dict[str, dict[str, Any]] = {
        "account": {"account": "A1"},
        "connection": {"connection": "C1"},
        "status delivered": {"states": (State.DELIVERED,)},
        "status bounced": {"states": (State.BOUNCED,)},
        "recipient": {"to": "u7@gmail.com"},
        "tag": {"tag": "news"},
        "rare tag": {"tag": "rare"},
        "reference": {"client_ref": f"ref{number // 2 | 1}"},
        "hour": hour,
    }
    for (name, one), (other, two) in combinations(filters.items(), 2):
        yield f"{name}, {other}", Selection(**one | two)
    for name, one in filters.items():
        yield f"{name}, a tag of nobody", Selection(**one | {"tag": "nobody"})
        yield f"{name}, another's connection", Selection(**one | {"account": "A2", "connection": "C3"})
        if name != "hour":
            yield f"{name}, oldest hour", Selection(**one | {"since": START, "until": START + HOUR})


def _line(name: str, ask: Callable[[], Deferred[Any]]) -> str:
    took, worked = [], []
    for _ in range(ROUNDS):
        begun, before = time.perf_counter(), time.process_time()
        ask()
        took.append(1000 * (time.perf_counter() - begun))
        worked.append(1000 * (time.process_time() - before))
    return f"  {name:42}{took[0]:8.0f} ms first{min(took):8.0f} ms{min(worked):8.0f} ms of CPU"
