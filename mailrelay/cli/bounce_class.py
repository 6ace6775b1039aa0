"""The command that tells what a host's refusal means."""

from __future__ import annotations

import click

from ..manage import plain
from ..policy.bounce import reply_of, shipped
from . import output
from .frame import Command


@click.command(cls=Command)
@click.argument("text", nargs=-1, required=True)
def bounce_class(text: tuple[str, ...]) -> None:
    """Say to which class a refusal belongs, and what follows from it.

    \b
    Example:
      mailrelay bounce-class "550 5.1.1 User unknown"
    """
    output.card(plain.bounced(reply_of(" ".join(text)), shipped()))
