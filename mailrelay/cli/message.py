"""Commands about what became of messages."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

from ..mail.envelope import State
from ..manage import Invalid, messages, plain_mail
from ..manage import explain as explaining
from ..manage import export as exporting
from ..manage import resend as resending
from ..manage.queue import Which
from . import output, telling
from .frame import Group
from .opening import Opened, installed, wait
from .queue import HISTORY_OPTIONS, filtered

COLUMNS = ("id", "rcpt", "connection", "state", "dialect_status", "attempts", "billed", "accepted_at", "last_reply")
RECIPIENT = ("rcpt", "recipient", "state", "dialect_status", "attempts", "billed", "last_reply", "last_host", "last_at")
ATTEMPT = ("rcpt", "number", "at", "state", "host", "address", "security", "tls", "cipher", "reply")


@click.group(cls=Group)
def message() -> None:
    """What became of messages."""


def _history(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the part of the send history that its options mean."""
    states = click.option(
        "--status",
        "states",
        multiple=True,
        type=click.Choice([each.value for each in State]),
        help="Only in this state; may be repeated.",
    )
    return states(filtered(function, HISTORY_OPTIONS))


@message.command("list")
@click.option("--limit", type=int, default=50, show_default=True, help="How many recipients at most.")
@click.option("--before", default="", metavar="RECIPIENT", help="Only those older than this recipient id.")
@_history
def list_(opened: Opened, which: Which, states: tuple[str, ...], limit: int, before: str) -> None:
    """List recipients of messages, the newest first.

    Times without a zone are in that of the account, if one is meant, else in UTC. The recipient id at the end of a page
    is the --before of the next.

    \b
    Examples:
      mailrelay message list --to ann@example.net --json
      mailrelay message list --connection web --from 2026-11-24T08:00 --status bounced --status expired
      mailrelay message list --ref invoice-4711
    """
    found = wait(messages.every(opened.installation, which, states, limit, before))
    output.table([plain_mail.passage(each, opened.installation.dialects) for each in found], COLUMNS)
    if len(found) == limit and not output.wants_json():
        print(f"More: --before {found[-1].recipient}")


@message.command("export")
@click.option("--format", "format", type=click.Choice(list(exporting.FORMATS)), default="csv", show_default=True)
@_history
def export(opened: Opened, which: Which, states: tuple[str, ...], format: str) -> None:
    """Print all that fits as CSV, or as NDJSON with a JSON object in each line, the newest first.

    \b
    Example:
      mailrelay message export --account shop --from 2026-11-01 --until 2026-12-01 > november.csv
    """

    async def write(text: str) -> None:
        sys.stdout.write(text)

    wait(exporting.export(opened.installation, which, states, format, write))


@message.command("resend")
@click.argument("id")
@click.option("--to", multiple=True, metavar="ADDRESS", help="To this one instead; may be repeated.")
@installed
def resend(opened: Opened, id: str, to: tuple[str, ...]) -> None:
    """Send a message again, as a new one: to all its recipients, to one by its id, or to others.

    It is paid for as a new one, and refused where a new one would be: a suppressed recipient, no balance, a blocked
    connection, or a body that is kept no longer.

    \b
    Example:
      mailrelay message resend 01KAJ2V5RTPG3M2Y6Q7XW8Z9AB --to ann@example.net
    """
    made = wait(resending.resend(opened.installation, id, to))
    rows = [plain_mail.passage(each, opened.installation.dialects) for each in made.passages]
    said = f"Sent again to {len(rows)} recipient{'s' if len(rows) > 1 else ''} as {made.id}."
    output.done(said, {"id": made.id, "of": id, "recipients": rows})


@message.command()
@click.argument("id")
@installed
def show(opened: Opened, id: str) -> None:
    """Show one message: its recipients and the decisions taken about it; ID is that of the 250, or a recipient's."""
    found = wait(messages.find(opened.installation, id))
    rows = [plain_mail.passage(each, opened.installation.dialects) for each in found.passages]
    verdicts = [dict(each) for each in found.verdicts]
    attempts = [{"rcpt": rcpt, **plain_mail.attempt(each)} for rcpt, each in found.attempts]
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
        rows = [plain_mail.refused(each) for each in wait(explaining.refusals(opened.installation, connection, last))]
        return output.table(rows, ("at", "connection", "peer", "stage", "rule", "reply", "facts"))
    found = plain_mail.explanation(wait(explaining.message(opened.installation, id, to)), opened.installation.dialects)
    if output.wants_json():
        return output.as_json(found)
    telling.tell(found)
