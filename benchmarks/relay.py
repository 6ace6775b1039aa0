"""Scenarios R, D and T: durable relay to a smart host, load → server → `smtp-sink`, for us and peers in turn.

4 KiB messages, 20 sessions, no TLS, no DNS; in D each message is signed by DKIM. What counts is messages per CPU-second
of all the server's processes, from the first message until the server is idle again. Load, server and sink share the
machine; peers alternate within each round, and the median of the rounds is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from .load import Sink, submit
from .processes import memory_megabytes, settled, wait_until
from .server import Postfix, PostfixWithOpenDkim, Relay, RsaRelay, Server, SigningRelay

#: what to measure beside us, without signatures and with them
PEERS: dict[str, tuple[Callable[[int, Path], Server], Callable[[int, Path], Server]]] = {
    "postfix": (Postfix, PostfixWithOpenDkim)
}

#: seconds in which everything must have reached the sink once all is accepted
PATIENCE = 300


@dataclass(frozen=True, slots=True)
class Measure:
    """One run: messages a second accepted and end to end, messages per CPU-second, PSS in MB at the end."""

    accepted: float
    through: float
    per_cpu_second: float
    megabytes: float


def measure(make: Callable[[int, Path], Server], messages: int, reuse: bool, folder: Path) -> tuple[str, Measure]:
    """Start a server, warm it up, and send `messages` through it."""
    return measure_with(make, messages, lambda port, number: submit(port, number, reuse=reuse), 1, folder)


def measure_with(
    make: Callable[[int, Path], Server],
    messages: int,
    send: Callable[[int, int], None],
    recipients: int,
    folder: Path,
) -> tuple[str, Measure]:
    """The same with messages that `send(port, number)` sends, each for so many recipients, who are what is counted."""
    warm_up = max(100, messages // 20)
    with Sink() as sink, make(sink.port, folder) as server:
        send(server.port, warm_up)
        wait_until(lambda: sink.received >= warm_up * recipients, "the warm-up", PATIENCE)
        before = settled(server.pids)
        begun = time.monotonic()
        send(server.port, messages)
        accepted = time.monotonic() - begun
        wait_until(lambda: sink.received >= (warm_up + messages) * recipients, "relaying", PATIENCE)
        used = settled(server.pids) - before
        through = sink.last_at - begun
        megabytes = memory_megabytes(server.pids)
        count = messages * recipients
        result = Measure(count / accepted, count / through, count / used, megabytes)
        return server.name, result


def scenario_r(messages: int, rounds: int, peers: Sequence[str], folder: Path) -> None:
    """Measure and print one table for each way of using connections."""
    makers = [Relay, *(PEERS[peer][0] for peer in peers)]
    for reuse in (True, False):
        title = f"Scenario R, {'connections reused' if reuse else 'one message per connection'}"
        _compare(title, makers, messages, rounds, reuse, folder)


def scenario_d(messages: int, rounds: int, peers: Sequence[str], folder: Path) -> None:
    """Measure and print the table with signatures: ours by RSA-2048 as our peers sign, and by both keys that a domain
    has unless told otherwise."""
    makers = [RsaRelay, SigningRelay, *(PEERS[peer][1] for peer in peers)]
    _compare("Scenario D, connections reused", makers, messages, rounds, True, folder)


def scenario_t(messages: int, rounds: int, folder: Path) -> None:
    """Measure and print the table with templates, links and signatures; nobody else does this."""
    from .templated import RECIPIENTS, TemplatingRelay
    from .templated import submit as submit_templates

    count = len(RECIPIENTS)
    print(f"\nScenario T, recipients: {messages} messages for {count} each, 20 sessions, median of {rounds}")
    taken: dict[str, list[Measure]] = {}
    for _ in range(rounds):
        name, result = measure_with(TemplatingRelay, messages, submit_templates, count, folder)
        taken.setdefault(name, []).append(result)
    _print(taken)


def _compare(
    title: str, makers: Sequence[Callable[[int, Path], Server]], messages: int, rounds: int, reuse: bool, folder: Path
) -> None:
    print(f"\n{title}: {messages} messages of 4 KiB, 20 sessions, median of {rounds}")
    taken: dict[str, list[Measure]] = {}
    for _ in range(rounds):
        for make in makers:
            name, result = measure(make, messages, reuse, folder)
            taken.setdefault(name, []).append(result)
    _print(taken)


def _print(taken: dict[str, list[Measure]]) -> None:
    ours = _median(next(iter(taken.values())))
    heads = ("accepted/s", "through/s", "per CPU-s", "µs CPU each", "PSS MB", "we, × it")
    print(" " * 22 + "".join(f"{head:>12}" for head in heads))
    for name, results in taken.items():
        it = _median(results)
        ratio = ours.per_cpu_second / it.per_cpu_second
        figures = (it.accepted, it.through, it.per_cpu_second, 1e6 / it.per_cpu_second, it.megabytes)
        print(f"{name:22}" + "".join(f"{figure:12.0f}" for figure in figures) + f"{ratio:12.2f}")


def _median(results: Sequence[Measure]) -> Measure:
    return Measure(
        median(each.accepted for each in results),
        median(each.through for each in results),
        median(each.per_cpu_second for each in results),
        median(each.megabytes for each in results),
    )
