"""Commands that move a switch of the whole installation: pause, resume, login-guard."""

from __future__ import annotations

import click

from ..manage import switches
from . import output
from .frame import Command, Group
from .opening import Opened, installed, wait


@click.command(cls=Command)
@click.option("--reason", default="", help="Kept, and shown in the log; clients do not see it.")
@installed
def pause(opened: Opened, reason: str) -> None:
    """Answer every client with the dialect's 421 until resumed; what is queued goes on.

    \b
    Example:
      mailrelay pause --reason "moving house"
    """
    wait(switches.pause(opened.installation, reason))
    output.done("Paused: clients are answered 421. Resume with 'mailrelay resume'.", {"paused": True, "reason": reason})


@click.command(cls=Command)
@installed
def resume(opened: Opened) -> None:
    """Take mail again."""
    wait(switches.resume(opened.installation))
    output.done("Resumed.", {"paused": False})


@click.group(cls=Group)
def login_guard() -> None:
    """The guard that turns clients away after too many failed logins."""


@login_guard.command()
@click.option("--address", default="", help="Only the failures of this client address.")
@click.option("--user", "username", default="", help="Only those for this user name from that address.")
@installed
def clear(opened: Opened, address: str, username: str) -> None:
    """Forget failed logins: all of them, or some.

    \b
    Example:
      mailrelay login-guard clear --address 192.0.2.7
    """
    prefix = wait(switches.clear_login_guard(opened.installation, address, username))
    output.done("Failed logins are forgotten.", {"cleared": prefix})
