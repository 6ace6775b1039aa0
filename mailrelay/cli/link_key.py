"""Commands about the keys that links in mail are signed by."""

from __future__ import annotations

import click

from ..manage import link_keys, plain
from . import output
from .frame import Group
from .opening import Opened, installed, wait

COLUMNS = ("number", "status", "created_at", "withdrawn_at")


@click.group("link-key", cls=Group)
def link_key() -> None:
    """The keys that links in mail are signed by."""


@link_key.command("list")
@installed
def list_(opened: Opened) -> None:
    """List the keys; the last one signs."""
    keys = wait(link_keys.every(opened.installation))
    output.table([plain.link_key(each, signs=each is keys[-1]) for each in keys], COLUMNS)


@link_key.command()
@installed
def rotate(opened: Opened) -> None:
    """Make a new key that signs from now on; links that older ones signed go on working.

    \b
    Example:
      mailrelay link-key rotate
    """
    made = wait(link_keys.rotate(opened.installation))
    output.done(f"Links are signed by key {made.number} now.", plain.link_key(made, signs=True))


@link_key.command()
@click.argument("number", type=int)
@installed
def withdraw(opened: Opened, number: int) -> None:
    """Let no link that a key signed work any more: neither clicks, nor web versions, nor unsubscribes.

    Only for a key that others came to know.

    \b
    Example:
      mailrelay link-key withdraw 1
    """
    gone = wait(link_keys.withdraw(opened.installation, number))
    output.done(f"Links signed by key {number} work no longer.", plain.link_key(gone, signs=False))
