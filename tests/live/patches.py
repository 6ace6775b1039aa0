"""A daemon with names of the product replaced: ``python -m tests.live.patches WORD [VALUE] -- twistd's arguments``.

The product itself has no seam for this. ``die POINT`` makes the process kill itself at a point inside, as a loss of
power would; ``patience SECONDS`` shortens how long a submission waits for a store that cannot be written; ``limits
OCTETS`` gives the sandbox a size limit, and failed logins without end. Without a word nothing is replaced.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any

from mailrelay.run import sandbox, worker
from mailrelay.store import engine, ledger, report, writer
from mailrelay.store.accept import _add_recipient
from mailrelay.store.work import Work
from mailrelay.store.writer import Writer


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _around(owner: Any, name: str, before: Callable[..., bool], after: Callable[..., bool]) -> None:
    """Die before or after a function, when the one or the other says so of its arguments."""
    real = getattr(owner, name)

    @wraps(real)
    def wrapper(*arguments: Any, **named: Any) -> Any:
        if before(*arguments):
            die()
        found = real(*arguments, **named)
        if after(*arguments):
            die()
        return found

    setattr(owner, name, wrapper)


def _never(*arguments: Any) -> bool:
    return False


def _always(*arguments: Any) -> bool:
    return True


def _operates(name: str) -> Callable[[Sequence[Any]], bool]:
    """Are there jobs of this operation of the ledger's among those given?"""
    operation = getattr(ledger, name)
    return lambda jobs, *_: any(getattr(job.operation, "func", job.operation) is operation for job in jobs)


def _settles(*states: str) -> Callable[..., bool]:
    return lambda work, members: any(member.state.value in states for member in members)


def _begins_with_mail(self: Writer) -> bool:
    return _operates("accept")(self._gathering._jobs)


def _before_commit() -> None:
    """Die when the first transaction that accepts has written everything."""
    real, found = ledger.accept, []

    @wraps(real)
    def accept(work: Work, members: Any, reports: Any = None) -> Any:
        found.append(work)
        return real(work, members, reports)

    ledger.accept = accept
    _around(Work, "finish", _never, lambda work: work in found)


POINTS: dict[str, Callable[[], None]] = {
    "before BEGIN": lambda: _around(Writer, "_begin", _begins_with_mail, _never),
    "between message and recipients": lambda: _around(
        Work, "insert", lambda work, table, rows: table is _add_recipient and bool(rows), _never
    ),
    "before COMMIT": _before_commit,
    "after COMMIT, before 250": lambda: _around(writer, "fire", _operates("accept"), _never),
    "on claim": lambda: _around(ledger, "claim", _never, _always),
    "after claim": lambda: _around(writer, "fire", _operates("claim"), _never),
    "before delivered is recorded": lambda: _around(ledger, "settle", _settles("delivered"), _never),
    "while delivered is recorded": lambda: _around(ledger, "settle", _never, _settles("delivered")),
    "while a retry is planned": lambda: _around(ledger, "settle", _never, _settles("deferred")),
}

#: Where mail comes under an idempotency key.
KEYED: dict[str, Callable[[], None]] = {
    "before COMMIT under a key": lambda: _around(ledger, "accept_once", _never, _always),
    "after COMMIT under a key": lambda: _around(writer, "fire", _operates("accept_once"), _never),
}

#: Where mail is refused for good.
REPORTS: dict[str, Callable[[], None]] = {
    "before a report is queued": lambda: _around(report, "put", _always, _never),
    "while a report is queued": lambda: _around(report, "put", _never, _always),
    "after a report is queued": lambda: _around(writer, "fire", _operates("settle"), _never),
}


def main(words: Sequence[str], arguments: Sequence[str]) -> None:
    match words:
        case []:
            pass
        case ["die", point]:
            (POINTS | KEYED | REPORTS)[point]()
        case ["patience", seconds]:
            worker.open_store = partial(worker.open_store, patience=float(seconds))
        case ["checkpoints"]:
            engine._PRAGMAS = (*engine._PRAGMAS, "PRAGMA wal_autocheckpoint = 20")
        case ["limits", octets]:
            sandbox.Limits = partial(sandbox.Limits, size=int(octets))  # type: ignore[misc,assignment]
            sandbox.LoginGuard = partial(  # type: ignore[misc,assignment]
                sandbox.LoginGuard, failures_per_user=1_000_000, failures_per_address=1_000_000
            )
        case _:
            raise SystemExit(f"unknown: {words}")
    from twisted.scripts.twistd import run

    sys.argv = ["twistd", *arguments]
    run()


if __name__ == "__main__":
    place = sys.argv.index("--")
    main(sys.argv[1:place], sys.argv[place + 1 :])
