"""Commands about the file cache: what messages attach by a key."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..manage import Invalid, files, plain
from . import output
from .frame import Group
from .opening import Opened, installed, wait

COLUMNS = ("key", "account", "name", "type", "size", "created_at")

_account = click.option("--account", default="", help="Whose it is; left out, it serves every account.")


@click.group(cls=Group)
def file() -> None:
    """Files that are uploaded once, and attached by their key to messages from then on."""


@file.command()
@click.argument("path", type=click.Path(path_type=Path))
@_account
@click.option("--key", default="", help="The key, where applications know one already; else one is made.")
@click.option("--name", default="", help="The name under which it is attached; else that of PATH.")
@installed
def add(opened: Opened, path: Path, account: str, key: str, name: str) -> None:
    """Add the file at PATH ("-" is standard input, and needs --name); its key can be used at once.

    \b
    Example:
      mailrelay file add logo.png --account shop
    """
    if str(path) == "-":
        octets = sys.stdin.buffer.read(files.MAX_FILE + 1)
    else:
        with path.open("rb") as source:
            octets = source.read(files.MAX_FILE + 1)
    if not name and str(path) == "-":
        raise Invalid("name", "must be given for standard input")
    made = wait(files.add(opened.installation, account, name or path.name, octets, key))
    output.card(plain.file(made, opened.owners()))


@file.command("list")
@_account
@installed
def list_(opened: Opened, account: str) -> None:
    """List files, the oldest first: those of an account, or those that serve all."""
    found = wait(files.every(opened.installation, account))
    output.table([plain.file(each, opened.owners()) for each in found], COLUMNS)


@file.command()
@click.argument("key")
@_account
@installed
def remove(opened: Opened, key: str, account: str) -> None:
    """Forget the file under KEY; messages that were accepted with it keep it."""
    wait(files.remove(opened.installation, account, key))
    output.done(f"Removed {key}.", {"removed": key})


@file.command()
@_account
@installed
def quota(opened: Opened, account: str) -> None:
    """Show how much room the files of an account take, in octets."""
    used = sum(each.size for each in wait(files.every(opened.installation, account)))
    output.card({"used": used, "quota": files.QUOTA, "left": files.QUOTA - used})
