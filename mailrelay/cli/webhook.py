"""Commands about receivers of events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from ..interfaces.webhooks import Webhook
from ..mail.envelope import SECOND
from ..mail.event import Event
from ..manage import Invalid, deliveries, webhooks
from . import output
from .frame import Group
from .opening import Opened, installed, read_secret, wait

COLUMNS = ("name", "account", "url", "events", "dialect", "status", "delivered", "failures", "last_error")

_account = click.option("--account", default="", help="Whose it is, where several have one of that name.")


@click.group(cls=Group)
def webhook() -> None:
    """Receivers that events are pushed to, signed as in Standard Webhooks; see docs/events.md."""


@webhook.command()
@click.argument("url")
@click.option("--name", default="", help="What it is called; else by its id.")
@click.option("--account", default="", help="Whose events; left out, everybody's.")
@click.option(
    "--event", "events", multiple=True, type=click.Choice([e.value for e in Event]), help="Only this type; repeatable."
)
@click.option("--dialect", default="", help="Send the payload of this service instead of ours.")
@click.option("--secret", "asks", is_flag=True, help="Read the secret (whsec_…) from standard input; else one is made.")
@installed
def add(opened: Opened, /, asks: bool, **given: Any) -> None:
    """Add a receiver; it is told what happens from now on. The secret signs its requests.

    \b
    Example:
      mailrelay webhook add https://shop.example/hooks --account shop --event bounced --event complained
    """
    secret = read_secret("Secret") if asks else ""
    made = wait(webhooks.add(opened.installation, webhooks.Wanted(secret=secret, **given)))
    output.card(_shown(opened, made) | {"secret": webhooks.secret_of(opened.installation, made)})


@webhook.command("list")
@click.option("--account", default="", help="Only of this account.")
@installed
def list_(opened: Opened, account: str) -> None:
    """List receivers, the oldest first."""
    found = wait(webhooks.every(opened.installation, account))
    output.table([_shown(opened, each) for each in found], COLUMNS)


@webhook.command()
@click.argument("name")
@_account
@click.option("--reveal", is_flag=True, help="Show the secret, too.")
@installed
def show(opened: Opened, name: str, account: str, reveal: bool) -> None:
    """Show the receiver NAME (or its id): how far it came, and what is wrong with it."""
    found = wait(webhooks.find(opened.installation, name, account))
    if reveal and not opened.installation.reveal_secrets:
        raise Invalid("reveal", "secrets are not shown in this installation (reveal_secrets)")
    secret = {"secret": webhooks.secret_of(opened.installation, found)} if reveal else {}
    output.card(_shown(opened, found) | secret)


@webhook.command()
@click.argument("name")
@_account
@click.option("--url", default=None, help="Where it is from now on.")
@click.option("--name", "new_name", default=None, help="What it is called.")
@click.option(
    "--event", "events", multiple=True, type=click.Choice([e.value for e in Event]), help="Only this type; repeatable."
)
@click.option("--all-events", is_flag=True, help="Every type.")
@click.option("--dialect", default=None, help='Send the payload of this service; "" for ours.')
@click.option("--new-secret", is_flag=True, help="Make another secret, which is shown.")
@installed
def change(
    opened: Opened, /, name: str, account: str, new_name: str | None, events: tuple[str, ...], **given: Any
) -> None:
    """Change the receiver NAME; what is left out stays as it is."""
    every, renewed = given.pop("all_events"), given.pop("new_secret")
    changes = {key: value for key, value in (given | {"name": new_name}).items() if value is not None}
    changes |= {"events": events} if events or every else {}
    changes |= {"secret": ""} if renewed else {}
    if not changes:
        raise Invalid("change", "nothing is given that shall change")
    made = wait(webhooks.change(opened.installation, name, changes, account))
    secret = {"secret": webhooks.secret_of(opened.installation, made)} if renewed else {}
    output.card(_shown(opened, made) | secret)


@webhook.command("deliveries")
@click.argument("name")
@_account
@click.option("--limit", type=int, default=50, show_default=True, help="How many at most.")
@click.option("--before", default="", metavar="ID", help="Go on behind this one, the last of a list.")
@installed
def deliveries_(opened: Opened, name: str, account: str, limit: int, before: str) -> None:
    """List what was sent to the receiver NAME lately, the newest first."""
    found = wait(deliveries.every(opened.installation, name, account, before, limit))
    columns = ("id", "at", "event", "type", "status", "seconds", "again", "answer")
    output.table([deliveries.plain(each) for each in found], columns)


@webhook.command()
@click.argument("name")
@click.argument("number", type=int)
@_account
@installed
def again(opened: Opened, name: str, number: int, account: str) -> None:
    """Send the event NUMBER to the receiver NAME once more."""
    found = wait(webhooks.replay_one(opened.installation, name, number, account))
    output.done(f"Event {number} is sent to {found.name} again.", _shown(opened, found))


@webhook.command("stop-replay")
@click.argument("name")
@_account
@installed
def stop_replay(opened: Opened, name: str, account: str) -> None:
    """Send nothing more to the receiver NAME again; what is new goes on."""
    found = wait(webhooks.stop_replay(opened.installation, name, account))
    output.done(f"Nothing more is sent to {found.name} again.", _shown(opened, found))


@webhook.command()
@click.argument("name")
@_account
@installed
def remove(opened: Opened, name: str, account: str) -> None:
    """Forget the receiver NAME."""
    found = wait(webhooks.remove(opened.installation, name, account))
    output.done(f"Removed {found.name}.", {"removed": found.id})


@webhook.command()
@click.argument("name")
@_account
@installed
def test(opened: Opened, name: str, account: str) -> None:
    """Have the daemon send NAME an event of type webhook_test; `webhook show` tells what came of it."""
    found = wait(webhooks.test(opened.installation, name, account))
    output.done(f"A test for {found.name} is under way.", _shown(opened, found))


@webhook.command()
@click.argument("name")
@_account
@click.option("--since", required=True, help="From this instant: ISO 8601, UTC where it names no zone.")
@click.option("--until", default="", help="To this instant; left out: now.")
@installed
def replay(opened: Opened, name: str, account: str, since: str, until: str) -> None:
    """Send NAME again what happened in a time, before anything new, under the ids that it had.

    \b
    Example:
      mailrelay webhook replay shop --since 2026-11-25T08:00 --until 2026-11-25T10:00
    """
    end = _instant("until", until) if until else 0
    found = wait(webhooks.replay(opened.installation, name, account, _instant("since", since), end))
    output.done(f"Events are sent to {found.name} again.", _shown(opened, found))


@webhook.command()
@click.argument("name")
@_account
@installed
def enable(opened: Opened, name: str, account: str) -> None:
    """Send to NAME again, at once, and on from the event that it took last."""
    found = wait(webhooks.enable(opened.installation, name, account))
    output.done(f"Enabled {found.name}.", _shown(opened, found))


@webhook.command()
@click.argument("name")
@_account
@installed
def disable(opened: Opened, name: str, account: str) -> None:
    """Send nothing to NAME until it is enabled; its events gather for as long as events are kept."""
    found = wait(webhooks.disable(opened.installation, name, account))
    output.done(f"Disabled {found.name}.", _shown(opened, found))


def _shown(opened: Opened, hook: Webhook) -> dict[str, object]:
    return webhooks.plain(hook, opened.owners())


def _instant(field: str, text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(field, f"{text!r} is no date and time in ISO 8601") from None
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * SECOND)
