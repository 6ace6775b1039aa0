"""Commands about what became of messages."""

from __future__ import annotations

import click

from ..mail.envelope import State
from ..manage import messages, plain
from ..manage.queue import Which
from . import output
from .frame import Group
from .opening import Opened, installed, wait
from .queue import filtered

COLUMNS = ("id", "rcpt", "connection", "state", "dialect_status", "attempts", "billed", "accepted_at", "last_reply")
RECIPIENT = ("rcpt", "recipient", "state", "dialect_status", "attempts", "billed", "last_reply", "last_host", "last_at")


@click.group(cls=Group)
def message() -> None:
    """What became of messages."""


@message.command("list")
@click.option(
    "--status",
    "states",
    multiple=True,
    type=click.Choice([each.value for each in State]),
    help="Only in this state; may be repeated.",
)
@click.option("--limit", type=int, default=50, show_default=True, help="How many recipients at most.")
@click.option("--before", default="", metavar="RECIPIENT", help="Only those older than this recipient id.")
@filtered
def list_(opened: Opened, which: Which, states: tuple[str, ...], limit: int, before: str) -> None:
    """List recipients of messages, the newest first.

    \b
    Example:
      mailrelay message list --to ann@example.net --json
    """
    found = wait(messages.every(opened.installation, which, states, limit, before))
    output.table([plain.passage(each, opened.installation.dialects) for each in found], COLUMNS)


@message.command()
@click.argument("id")
@installed
def show(opened: Opened, id: str) -> None:
    """Show one message: its recipients and the decisions taken about it; ID is that of the 250, or a recipient's."""
    found = wait(messages.find(opened.installation, id))
    rows = [plain.passage(each, opened.installation.dialects) for each in found.passages]
    verdicts = [dict(each) for each in found.verdicts]
    if output.wants_json():
        return output.as_json({"id": found.id, "recipients": rows, "verdicts": verdicts})
    first = rows[0]
    keys = (
        "id",
        "connection",
        "dialect",
        "sender",
        "subject",
        "size",
        "tag",
        "client_ref",
        "accepted_at",
        "expires_at",
    )
    output.card({key: first[key] for key in keys})
    output.table(rows, RECIPIENT, "Recipients")
    for verdict in verdicts:
        verdict.setdefault("rule", "")
    output.table([{"verdict": each} for each in verdicts], ("verdict",), "Decisions")
