"""What the daemon is doing, live."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ..interfaces.history import Waiting
from ..manage import live, plain, plain_mail
from ..manage import queue as waiting
from ..manage.errors import Invalid
from ..manage.live import Live
from ..manage.queue import Which
from . import output
from .frame import Command
from .opening import Opened, installed, now, wait

if TYPE_CHECKING:
    from rich.console import Group as Rendered

#: Seconds until a daemon must have answered, and destinations that are shown.
PATIENCE, SHOWN = 4.0, 15


@click.command(cls=Command)
@click.option("--once", is_flag=True, help="Print what there is after one second, and end; with --json for programs.")
@click.option("--every", type=float, default=1.0, show_default=True, help="Seconds between two looks.")
@installed
def top(opened: Opened, once: bool, every: float) -> None:
    """Watch the daemon: sessions, messages a second in and out, what is on its way and what waits for whom.

    \b
    Example:
      mailrelay top --once --json
    """
    if not 0.5 <= every <= 60:
        raise Invalid("every", "must be from 0.5 to 60 seconds")
    before = _first(opened)
    if once or output.wants_json():
        time.sleep(1.2)
        told = _told(opened, before, _queue(opened))
        return output.as_json(told) if output.wants_json() else _print(told)
    _watch(opened, before, every)


def _first(opened: Opened) -> Live:
    deadline = time.monotonic() + PATIENCE
    while (found := wait(live.watch(opened.installation))) is None:
        if time.monotonic() > deadline:
            raise Invalid("daemon", "none answers: does it run on this state?")
        time.sleep(0.2)
    return found


def _queue(opened: Opened) -> Sequence[Waiting]:
    return wait(waiting.destinations(opened.installation, Which()))[:SHOWN]


def _told(opened: Opened, before: Live, queued: Sequence[Waiting]) -> dict[str, Any]:
    """Everything that is shown, as a program gets it."""
    after = wait(live.watch(opened.installation)) or before
    return {
        "at": plain.instant(after.at),
        "sessions": after.sessions,
        "per_second": live.rates(before, after),
        "accepted": after.accepted,
        "delivered": after.delivered,
        "deferred": after.deferred,
        "bounced": after.bounced,
        "in_hand": after.in_hand,
        "on_their_way": after.on_their_way,
        "deferral_classes": after.classes,
        "security": after.security,
        "queue": [
            {**plain_mail.waiting(each), "oldest_seconds": max(0, now() - each.oldest_at) // 1_000_000}
            for each in queued
        ],
    }


def _print(told: dict[str, Any]) -> None:
    from rich.console import Console

    Console(highlight=False, markup=False).print(_rendered(told))


def _watch(opened: Opened, before: Live, every: float) -> None:
    from rich.live import Live as Screen

    # counting a long queue takes a moment: it is looked at less often then
    queued, counted_at, took = _queue(opened), time.monotonic(), 0.0
    with Screen(_rendered(_told(opened, before, queued)), screen=True, auto_refresh=False) as screen:
        try:
            while True:
                time.sleep(every)
                if time.monotonic() - counted_at > max(2.0, 10 * took):
                    counted_at = time.monotonic()
                    queued = _queue(opened)
                    took = time.monotonic() - counted_at
                screen.update(_rendered(_told(opened, before, queued)), refresh=True)
                before = wait(live.watch(opened.installation)) or before
        except KeyboardInterrupt:
            return


def _rendered(told: dict[str, Any]) -> Rendered:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    rate = told["per_second"]
    head = Text(
        f"{told['at']}  sessions {told['sessions']}  in {rate['in']}/s  out {rate['out']}/s  "
        f"in hand {told['in_hand']}\n"
        f"since the start: accepted {told['accepted']}, delivered {told['delivered']}, deferred {told['deferred']}, "
        f"bounced {told['bounced']}"
    )
    queued = Table("destination", "waiting", "held", "on their way", "oldest", title="Queue", title_justify="left")
    for each in told["queue"]:
        name = output.cell(each["destination"])
        way = told["on_their_way"].get(each["destination"], 0)
        queued.add_row(Text(name), str(each["count"]), str(each["held"]), str(way), f"{each['oldest_seconds']} s")
    classes = Table("class", "attempts", title="Deferred", title_justify="left")
    for name, count in told["deferral_classes"].items():
        classes.add_row(Text(output.cell(name)), str(count))
    secured = Table("security", "delivered", title="Delivered", title_justify="left")
    for name, count in told["security"].items():
        secured.add_row(Text(output.cell(name)), str(count))
    return Group(head, queued, classes, secured)
