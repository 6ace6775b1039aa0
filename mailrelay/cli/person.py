"""Commands about persons: to forget one."""

from __future__ import annotations

import click

from ..manage import persons, plain
from . import output
from .frame import Group
from .opening import Opened, installed, wait


@click.group(cls=Group)
def person() -> None:
    """Persons who are to be forgotten, and the receipts of it."""


@person.command()
@click.argument("address")
@click.option("--account", default="", help="Who is to forget; may be left out while there is only one account.")
@click.confirmation_option("--yes", prompt="Nothing of it can be brought back. Erase?")
@installed
def erase(opened: Opened, address: str, account: str) -> None:
    """Let an account forget an ADDRESS; what became of its mail is still counted.

    What waits for it ends; a pseudonym stands in its place in the history; sources, transcripts and what its reader did
    are deleted; a suppression holds on under a keyed hash. What is under way, and sources that others wait for, are
    told as in_flight and bodies_waiting: ask again later.

    \b
    Example:
      mailrelay person erase ann@example.net --account shop --yes --json
    """
    output.card(plain.receipt(wait(persons.erase(opened.installation, account, address)), opened.owners()))


@person.command()
@click.option("--account", default="", help="Only of this account.")
@installed
def receipts(opened: Opened, account: str) -> None:
    """List what was erased, the newest first."""
    found = wait(persons.receipts(opened.installation, account))
    rows = [plain.receipt(each, opened.owners()) for each in found]
    output.table(rows, ("id", "at", "account", "person", "counts"))
