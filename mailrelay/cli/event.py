"""Commands about what happened to mail."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import click

from ..interfaces.events import MOST
from ..mail.event import Event
from ..manage import happened
from . import output
from .frame import Group
from .opening import Opened, installed, wait

COLUMNS = ("id", "at", "type", "class", "connection", "to", "attempt", "reply")

_account = click.option("--account", default="", help="Only of this account.")
_connection = click.option("--connection", default="", help="Only of this connection.")
_types = click.option(
    "--type", "types", multiple=True, type=click.Choice([e.value for e in Event]), help="Only this one; repeatable."
)
_since = click.option(
    "--since", type=int, default=0, metavar="CURSOR", help="Behind this event; 0, as usual: from the oldest."
)


@click.group(cls=Group)
def event() -> None:
    """What happened to mail, in order: pull it with a cursor, or have it pushed (mailrelay webhook)."""


@event.command("list")
@_account
@_connection
@_types
@_since
@click.option("--limit", type=int, default=100, show_default=True, help="How many at most.")
@installed
def list_(opened: Opened, /, **given: Any) -> None:
    """List events in order; with --json the cursor to go on from, too.

    \b
    Example:
      mailrelay event list --type bounced --since 4711 --json
    """
    found = wait(happened.page(opened.installation, happened.Wanted(**given)))
    rows = [happened.plain(each, opened.owners()) for each in found.events]
    if output.wants_json():
        return output.as_json({"events": rows, "cursor": found.cursor, "more": found.more})
    output.table([dict.fromkeys(COLUMNS, "") | row for row in rows], COLUMNS)
    if found.more:
        print(f"More: --since {found.cursor}")


@event.command()
@_account
@_connection
@_types
@_since
@installed
def export(opened: Opened, /, **given: Any) -> None:
    """Print events as NDJSON, a JSON object in each line, up to the newest; the last one's id is the next --since.

    \b
    Example:
      mailrelay event export --since 4711 >> events.ndjson
    """
    wanted, owners, more = happened.Wanted(**given, limit=MOST), opened.owners(), True
    while more:
        page = wait(happened.page(opened.installation, wanted))
        for each in page.events:
            print(json.dumps(happened.plain(each, owners)))
        wanted, more = replace(wanted, since=page.cursor), page.more


@event.command()
def types() -> None:
    """Print the types of events and their fields, as docs/events.md has them."""
    if output.wants_json():
        return output.as_json(
            [{"type": e.value, "about": e.about, "final": e.final, "meaning": e.meaning} for e in Event]
        )
    print(happened.tables(), end="")
