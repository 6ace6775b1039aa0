"""Commands about the installation itself: init, check-config, audit, version.

`init` may be run again at any time; it never replaces a key and never empties a database.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from .. import __version__
from ..manage import Invalid
from ..policy import shaping
from ..policy.dialect import Dialects
from ..vault import Vault
from . import output
from .frame import FAILED, Command
from .opening import Opened, Place, installed, known_dialects, now, opened, place, wait


@click.command(cls=Command)
def init() -> None:
    """Make the state folder (mode 0700) with its key and its database; run again it changes nothing.

    \b
    Example:
      mailrelay init --state var/relay
    """
    found = place()
    fresh = not found.key.exists()
    if fresh:
        _make_room(found)
        Vault.create(found.key)
    with opened():
        pass
    at = f"--state {found.state}"
    print_next = (
        f"\nNext:\n  mailrelay account create NAME --balance 1000 {at}\n"
        f"  mailrelay domain add DOMAIN --verified {at}\n"
        f"  mailrelay connection create NAME --dialect standard --sender ADDRESS --active {at}"
    )
    said = f"{'Initialised' if fresh else 'Already initialised:'} {found.state}"
    output.done(said, {"state": str(found.state), "created": fresh})
    if fresh and not output.wants_json():
        print(print_next)


def _make_room(found: Place) -> None:
    """A folder for a new state; one that holds other things is left alone."""
    for folder in {found.state, found.key.parent}:
        if not folder.exists():
            folder.mkdir(0o700, parents=True)
        elif not folder.is_dir():
            raise Invalid("state", f"{folder} is not a folder")
    present = {entry.name for entry in os.scandir(found.state)}
    if "mailrelay.sqlite3" in present:
        raise Invalid("state", f"{found.key} is missing: put it back, a new key cannot open what is kept")
    if strangers := present - {"mailrelay.toml", "nodes", "writer.lock", found.key.name}:
        raise Invalid("state", f"{found.state} holds other things ({min(strangers)} …): name an empty or a new folder")
    found.state.chmod(0o700)


@click.command("check-config", cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
def check_config(file: Path) -> None:
    """Say everything that is wrong with a configuration FILE, a line for each fault, as start-up would; and of which
    dialects each listener takes connections.

    \b
    Example:
      mailrelay check-config /etc/mailrelay.toml
    """
    from ..config import ConfigError, load

    try:
        config = load(file, known_dialects, shaping.installed)
    except ConfigError as error:
        if not output.wants_json():
            raise
        output.as_json({"ok": False, "faults": list(error.faults), "warnings": []})
        sys.exit(2)
    dialects = Dialects.shipped(config.dialects.directory)
    takes = {listener.name: _taken(dialects, listener.dialect) for listener in config.listeners}
    if output.wants_json():
        return output.as_json({"ok": True, "faults": [], "warnings": list(config.warnings), "takes": takes})
    for warning in config.warnings:
        print(f"warning: {warning}")
    for name, others in takes.items():
        print(f"listener {name} takes connections of {', '.join(others)}")
    print(f"{file}: ok")


def _taken(dialects: Dialects, spoken: str) -> list[str]:
    """The dialects whose connections are taken where this one speaks before the login: all that promise the same."""
    listening = dialects.get(spoken)
    return [each.name for each in dialects if listening.carries(each)]


@click.command(cls=Command)
@installed
def audit(opened: Opened) -> None:
    """Check that the ledger's laws hold: every recipient counted once, every balance the sum of its entries.

    Ends with status 1 when one does not.
    """
    found = wait(opened.installation.history.audit())
    broken = list(found)
    output.done("\n".join(broken) if broken else "All laws hold.", {"broken": broken, "at": now()})
    if broken:
        sys.exit(FAILED)


@click.command(cls=Command)
def version() -> None:
    """Print the version."""
    output.done(f"mailrelay {__version__}", {"version": __version__})
