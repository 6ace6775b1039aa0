"""Commands about mail that waits."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

import click

from ..manage import plain_mail
from ..manage import queue as waiting
from ..manage.errors import Invalid
from ..manage.queue import Which
from . import output
from .frame import Group
from .opening import Opened, opened, wait

COLUMNS = (
    "recipient",
    "rcpt",
    "connection",
    "state",
    "held",
    "priority",
    "route",
    "attempts",
    "accepted_at",
    "due_at",
    "class",
    "last_reply",
)


_OPTIONS = (
    click.option("--id", default="", help="Only this message or recipient."),
    click.option("--account", default="", help="Only of this account."),
    click.option("--connection", default="", help="Only by this connection."),
    click.option("--domain", default="", help="Only to recipients in this domain."),
    click.option("--to", default="", metavar="ADDRESS", help="Only to this recipient."),
)
_MORE_OPTIONS = (
    click.option("--by-route", "route", default="", metavar="ROUTE", help='Only by this route; "-": none is named.'),
    click.option("--older", default="", metavar="TIME", help="Only what was accepted longer ago: 90s, 30m, 12h, 2d."),
    click.option("--class", "reply_class", default="", help="Only after a reply of this class (see bounce-class)."),
    click.option("--priority", default="", help="Only high, normal or low."),
)
HISTORY_OPTIONS = (
    click.option("--from", "since", default="", metavar="TIME", help="Only accepted at that time or later (ISO 8601)."),
    click.option("--until", default="", metavar="TIME", help="Only accepted before that time."),
    click.option("--tag", default="", help="Only with this tag."),
    click.option(
        "--ref", "client_ref", default="", metavar="REFERENCE", help="Only with this reference of the sender."
    ),
)
_WORDS = (
    *("id", "account", "connection", "domain", "to", "all", "route", "older", "reply_class", "priority"),
    *("since", "until", "tag", "client_ref"),
)


def filtered(function: Callable[..., None], more: Sequence[Callable[..., Any]] = ()) -> Callable[..., None]:
    """Give a command the installation, and the mail that its options mean."""

    @wraps(function)
    def command(**given: Any) -> None:
        which = Which(**{word: given.pop(word) for word in _WORDS if word in given})
        with opened() as found:
            function(found, which, **given)

    made: Callable[..., None] = command
    for option in reversed((*_OPTIONS, *more)):
        made = option(made)
    return made


def chosen(function: Callable[..., None]) -> Callable[..., None]:
    """The same with all that the queue can be filtered by."""
    return filtered(function, _MORE_OPTIONS)


def acting(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the mail that it is to change, when somebody who saw how much that is has said yes."""

    @click.option("--all", is_flag=True, help="All that waits.")
    @click.option("--yes", is_flag=True, help="Do not ask, however many it is.")
    @chosen
    @wraps(function)
    def command(opened: Opened, which: Which, yes: bool, **others: Any) -> None:
        if not yes and not which.id:
            _ask(wait(waiting.count(opened.installation, which)), click.get_current_context().info_name or "")
        function(opened, which, **others)

    return command


def _ask(count: int, verb: str) -> None:
    told = f"{count} waiting recipient{'' if count == 1 else 's'}"
    if not sys.stdin.isatty():
        raise Invalid("yes", f"this is about {told}: say --yes to {verb} them")
    click.confirm(f"{told}: {verb} them?", abort=True, err=True)


def _pause(seconds: float) -> Any:
    from twisted.internet.defer import succeed

    time.sleep(seconds)
    return succeed(None)


@click.group(cls=Group)
def queue() -> None:
    """Mail that waits. Deadlines run on, whatever is done here; a running daemon follows within two seconds."""


@queue.command("list")
@click.option("--limit", type=int, default=50, show_default=True, help="How many recipients at most.")
@click.option("--before", default="", metavar="ID", help="Go on behind this recipient, the last of a list.")
@chosen
def list_(opened: Opened, which: Which, limit: int, before: str) -> None:
    """List waiting recipients, the newest first, and how many wait for each destination and after which replies.

    \b
    Examples:
      mailrelay queue list --domain example.net --older 2h
      mailrelay queue list --class blocked --json
    """
    place = opened.installation
    found = wait(waiting.passages(place, replace(which, before=before), limit))
    rows = [plain_mail.waiting_passage(each, place.dialects) for each in found]
    destinations = [plain_mail.waiting(each) for each in wait(waiting.destinations(place, which))]
    classes = wait(waiting.classes(place, which))
    following = found[-1].recipient if len(found) == limit else ""
    if output.wants_json():
        return output.as_json(
            {"waiting": rows, "destinations": destinations, "classes": dict(classes), "next": following}
        )
    output.table(rows, COLUMNS, "Waiting recipients")
    if following:
        print(f"More: --before {following}")
    columns = ("destination", "count", "held", "deferred", "in_hand", "oldest_at", "next_due_at")
    output.table(destinations, columns, "By destination")
    output.table([{"class": name, "count": count} for name, count in classes.items()], ("class", "count"), "By class")


@queue.command()
@acting
def retry(opened: Opened, which: Which) -> None:
    """Make waiting mail due now.

    \b
    Example:
      mailrelay queue retry --domain example.net
    """
    _moved("Due now", wait(waiting.retry(opened.installation, which)))


@queue.command()
@acting
def hold(opened: Opened, which: Which) -> None:
    """Keep waiting mail back until it is released or its deadline passes."""
    _moved("Held", wait(waiting.hold(opened.installation, which)))


@queue.command()
@acting
def release(opened: Opened, which: Which) -> None:
    """Let held mail go."""
    _moved("Released", wait(waiting.release(opened.installation, which)))


@queue.command()
@click.option("--reason", default="", help="Kept as the last reply of each recipient.")
@acting
def drop(opened: Opened, which: Which, reason: str) -> None:
    """Give waiting mail up: it ends as failed, and what was reserved for it is released."""
    _moved("Dropped", wait(waiting.drop(opened.installation, which, reason, _pause)))


@queue.command()
@click.option("--reason", default="", help="Kept as the last reply of each recipient.")
@acting
def expire(opened: Opened, which: Which, reason: str) -> None:
    """End waiting mail as if its deadline had passed."""
    _moved("Expired", wait(waiting.expire(opened.installation, which, reason, _pause)))


@queue.command()
@click.argument("other", metavar="ROUTE")
@acting
def reroute(opened: Opened, which: Which, other: str) -> None:
    """Send waiting mail by another ROUTE, now.

    \b
    Example:
      mailrelay queue reroute backup --by-route main --class blocked
    """
    _moved("Sent another way", wait(waiting.reroute(opened.installation, which, other, _pause)))


def _moved(word: str, count: int) -> None:
    output.done(f"{word}: {count} recipient{'' if count == 1 else 's'}.", {"count": count})
