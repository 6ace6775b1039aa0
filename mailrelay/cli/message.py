"""Commands about what became of messages."""

from __future__ import annotations

import click

from ..mail.envelope import State
from ..manage import Invalid, messages, plain
from ..manage import explain as explaining
from ..manage.queue import Which
from . import output, telling
from .frame import Group
from .opening import Opened, installed, wait
from .queue import filtered

COLUMNS = ("id", "rcpt", "connection", "state", "dialect_status", "attempts", "billed", "accepted_at", "last_reply")
RECIPIENT = ("rcpt", "recipient", "state", "dialect_status", "attempts", "billed", "last_reply", "last_host", "last_at")
ATTEMPT = ("rcpt", "number", "at", "state", "host", "address", "security", "tls", "cipher", "reply")


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
    attempts = [{"rcpt": rcpt, **plain.attempt(each)} for rcpt, each in found.attempts]
    if output.wants_json():
        return output.as_json({"id": found.id, "recipients": rows, "attempts": attempts, "verdicts": verdicts})
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
        "template",
        "metadata",
        "accepted_at",
        "expires_at",
    )
    output.card({key: first[key] for key in keys})
    output.table(rows, RECIPIENT, "Recipients")
    output.table(attempts, ATTEMPT, "Attempts")
    for verdict in verdicts:
        verdict.setdefault("rule", "")
    output.table([{"verdict": each} for each in verdicts], ("verdict",), "Decisions")


@message.command()
@click.argument("id", default="")
@click.option("--to", default="", metavar="ADDRESS", help="Only this recipient.")
@click.option("--refused", is_flag=True, help="What was not accepted, instead of a message.")
@click.option("--connection", default="", help="With --refused: only by this connection.")
@click.option("--last", type=int, default=20, show_default=True, help="With --refused: how many at most.")
@installed
def explain(opened: Opened, id: str, to: str, refused: bool, connection: str, last: int) -> None:
    """Tell every decision about a message: its client, each check, each attempt and what was said, and what is next.

    ID is that of the 250, or a recipient's.

    \b
    Examples:
      mailrelay message explain 01KAJ2V5RTPG3M2Y6Q7XW8Z9AB --to ann@example.net
      mailrelay message explain --refused --connection web --last 5
    """
    if refused == bool(id or to):
        raise Invalid("id", "give the id of a message or recipient, or --refused")
    if refused:
        rows = [plain.refused(each) for each in wait(explaining.refusals(opened.installation, connection, last))]
        return output.table(rows, ("at", "connection", "peer", "stage", "rule", "reply", "facts"))
    found = plain.explanation(wait(explaining.message(opened.installation, id, to)), opened.installation.dialects)
    if output.wants_json():
        return output.as_json(found)
    telling.tell(found)
