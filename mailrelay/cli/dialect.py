"""Commands about dialects: what each service's SMTP says."""

from __future__ import annotations

from pathlib import Path

import click

from ..manage import Unknown, plain
from ..policy.dialect import Dialects, load
from . import output
from .frame import Group
from .opening import NoInstallation, place


@click.group(cls=Group)
def dialect() -> None:
    """SMTP dialects: how each service that can be replaced speaks."""


@dialect.command("list")
def list_() -> None:
    """List the dialects that connections can have."""
    rows = [plain.dialect(each) for each in _dialects()]
    output.table(rows, ("name", "aliases", "title", "ports", "billing", "size", "recipients"))


@dialect.command()
@click.argument("name")
def show(name: str) -> None:
    """Show a dialect with its whole table of replies.

    \b
    Example:
      mailrelay dialect show standard
    """
    try:
        found = plain.dialect(_dialects().get(name))
    except KeyError as error:
        raise Unknown("dialect", name) from error
    if output.wants_json():
        return output.as_json(found)
    replies = found.pop("replies")
    output.card(found)
    assert isinstance(replies, dict)
    output.table([{"key": key, "reply": reply} for key, reply in replies.items()], ("key", "reply"), "Replies")


@dialect.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Say everything that is wrong with a dialect FILE, a line for each fault.

    \b
    Example:
      mailrelay dialect check ./mine.toml
    """
    found = load(file)
    output.done(f"{file}: ok", {"ok": True, "name": found.name})


def _dialects() -> Dialects:
    """Those of the installation, or those shipped where there is none."""
    try:
        found = place()
    except NoInstallation:
        return Dialects.shipped()
    return found.dialects
