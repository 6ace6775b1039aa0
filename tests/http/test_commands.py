"""What the command line can do the API can do: every command has its operation, or a reason why not."""

from __future__ import annotations

from collections.abc import Iterator

import click
from twisted.trial.unittest import SynchronousTestCase

from mailrelay.cli import main

from .documented import EVERY

#: Commands whose operation has another name.
CALLED = {
    "account set": "account_change",
    "balance set": "account_balance",
    "balance top-up": "account_top_up",
    "balance topup": "account_top_up",
    "connection ip-list add": "connection_change",
    "connection ip-list clear": "connection_change",
    "connection ip-list remove": "connection_change",
    "connection ip-list set": "connection_change",
    "connection set": "connection_change",
    "connection set-rate": "connection_change",
    "connection set-sender": "connection_change",
    "domain keys": "domain_show",
    "pause": "relay_pause",
    "price quote": "quote",
    "resume": "relay_resume",
    "route add": "route_create",
    "route set": "route_change",
    "route test": "route_try",
    "send-test": "message_send",
    "sender request": "sender_ask",
    "statistics": "statistics_show",
    "suppression export": "suppression_list",
    "template delete": "template_remove",
    "webhook again": "webhook_replay_one",
    "event export": "event_list",
}
#: Commands without one, and why.
WITHOUT = {
    "audit": "reads the store as it lies, also while no daemon runs",
    "check-config": "reads files of the machine, before a daemon does",
    "dialect check": "reads a file of the machine",
    "event types": "stands in the document and in docs/events.md",
    "file quota": "a bound of the machine's disk, for who stands before it",
    "init": "makes the installation that the API needs",
    "shaping check": "reads a file of the machine",
    "top": "an animated view; /queue and /metrics have the figures",
    "user totp begin": "a second factor is set up by its own user, who signs in to the console",
    "user totp confirm": "a second factor is set up by its own user, who signs in to the console",
    "version": "stands in the document",
}


def commands(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The words of every command below a group."""
    if not isinstance(group, click.Group):
        yield " ".join(path)
        return
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        yield from commands(found, (*path, name))


class CommandTests(SynchronousTestCase):
    def test_every_command(self) -> None:
        """Each command is an operation under its own words, under another name, or has a reason; a new one cannot be
        forgotten, and no exception outlives its command."""
        ids = {each.id for each in EVERY}
        found = set(commands(main))
        for words in found:
            own = words.replace(" ", "_").replace("-", "_")
            told = own in ids or CALLED.get(words, "") in ids or words in WITHOUT
            self.assertTrue(told, f"'mailrelay {words}' has no operation")
        self.assertEqual({*CALLED, *WITHOUT} - found, set())
