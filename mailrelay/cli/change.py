"""Commands about the audit log."""

from __future__ import annotations

from typing import Any

import click

from ..interfaces.changes import Wanted
from ..manage import changes
from . import output
from .frame import Group
from .opening import Opened, installed, wait

COLUMNS = ("at", "by", "address", "action", "account", "name", "details")


@click.group(cls=Group)
def change() -> None:
    """The audit log: who changed what, when and from where."""


@change.command("list")
@click.option("--by", "who", default="", help="Only by this user, token, or login of the machine.")
@click.option("--action", default="", help="Only this one, such as connection.create, or connection for all of them.")
@click.option("--account", default="", help="Only of this account.")
@click.option("--before", default="", metavar="ID", help="Only older than this entry: the next page.")
@click.option("--limit", type=int, default=50, show_default=True, help="How many at most.")
@installed
def list_(opened: Opened, /, limit: int, **given: Any) -> None:
    """List changes, the newest first.

    \b
    Example:
      mailrelay change list --action connection --account shop
    """
    owners = opened.owners()
    found = wait(changes.page(opened.installation, Wanted(**given), limit))
    output.table([changes.plain(each, owners) for each in found], COLUMNS)
