"""Commands about mail that waits."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from ..manage import plain
from ..manage import queue as waiting
from ..manage.queue import Which
from . import output
from .frame import Group
from .opening import Opened, opened, wait

COLUMNS = ("id", "rcpt", "connection", "state", "held", "attempts", "accepted_at", "due_at", "last_reply")


def filtered(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the installation, and the mail that its options mean."""

    @click.option("--id", default="", help="Only this message or recipient.")
    @click.option("--account", default="", help="Only of this account.")
    @click.option("--connection", default="", help="Only by this connection.")
    @click.option("--domain", default="", help="Only to recipients in this domain.")
    @click.option("--to", default="", metavar="ADDRESS", help="Only to this recipient.")
    @wraps(function)
    def command(id: str, account: str, connection: str, domain: str, to: str, all: bool = False, **others: Any) -> None:
        with opened() as found:
            function(found, Which(id, account, connection, domain, to, all), **others)

    return command


_all = click.option("--all", is_flag=True, help="All that waits.")


@click.group(cls=Group)
def queue() -> None:
    """Mail that waits. Deadlines run on, whatever is done here."""


@queue.command("list")
@click.option("--limit", type=int, default=50, show_default=True, help="How many recipients at most.")
@filtered
def list_(opened: Opened, which: Which, limit: int) -> None:
    """List waiting recipients, the newest first, and how many wait for each destination."""
    dialects = opened.installation.dialects
    rows = [plain.passage(each, dialects) for each in wait(waiting.passages(opened.installation, which, limit))]
    destinations = [plain.waiting(each) for each in wait(waiting.destinations(opened.installation, which))]
    if output.wants_json():
        return output.as_json({"waiting": rows, "destinations": destinations})
    output.table(rows, COLUMNS, "Waiting recipients")
    output.table(destinations, ("destination", "count", "held", "next_due_at"), "By destination")


@queue.command()
@_all
@filtered
def retry(opened: Opened, which: Which) -> None:
    """Make waiting mail due now.

    \b
    Example:
      mailrelay queue retry --domain example.net
    """
    _moved("Due now", wait(waiting.retry(opened.installation, which)))


@queue.command()
@_all
@filtered
def hold(opened: Opened, which: Which) -> None:
    """Keep waiting mail back until it is released or its deadline passes."""
    _moved("Held", wait(waiting.hold(opened.installation, which)))


@queue.command()
@_all
@filtered
def release(opened: Opened, which: Which) -> None:
    """Let held mail go."""
    _moved("Released", wait(waiting.release(opened.installation, which)))


@queue.command()
@_all
@click.option("--reason", default="", help="Kept as the last reply of each recipient.")
@filtered
def drop(opened: Opened, which: Which, reason: str) -> None:
    """Give waiting mail up: it ends as failed, and what was reserved for it is released."""
    _moved("Dropped", wait(waiting.drop(opened.installation, which, reason)))


def _moved(word: str, count: int) -> None:
    output.done(f"{word}: {count} recipient{'' if count == 1 else 's'}.", {"count": count})
