"""Commands about addresses that are not to be sent to."""

from __future__ import annotations

import csv
import sys
from typing import TextIO

import click

from ..manage import imports, plain, plain_suppressions, suppressions
from . import output
from .frame import Group
from .opening import Opened, installed, wait

COLUMNS = ("address", "account", "reason", "origin", "created_at", "expires_at")

_account = click.option("--account", default="", help="Whose it is; may be left out while there is only one account.")


@click.group(cls=Group)
def suppression() -> None:
    """Addresses that an account must not be sent to any more."""


@suppression.command()
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@_account
@click.option(
    "--reason", type=click.Choice(suppressions.REASONS), default="manual", show_default=True, help="Why: kept with it."
)
@click.option("--days", type=int, default=0, help="For how long; 0 is for good.")
@installed
def add(opened: Opened, addresses: tuple[str, ...], account: str, reason: str, days: int) -> None:
    """Suppress addresses; those that are suppressed get the new reason and end.

    \b
    Example:
      mailrelay suppression add ann@example.net --account shop --reason unsubscribe
    """
    owners = opened.owners()
    made = wait(suppressions.add(opened.installation, account, addresses, reason, "command line", days))
    output.table([plain.suppression(each, owners) for each in made], COLUMNS)


@suppression.command("list")
@click.option("--account", default="", help="Only of this account.")
@click.option("--reason", type=click.Choice(suppressions.REASONS), default=None, help="Only for this reason.")
@click.option("--search", default="", metavar="TEXT", help="Only addresses with this in them.")
@click.option("--origin", default="", help="Only of this origin.")
@installed
def list_(opened: Opened, account: str, reason: str | None, search: str, origin: str) -> None:
    """List suppressed addresses, the newest first."""
    owners = opened.owners()
    most = suppressions.MAX_ROWS
    found = wait(suppressions.search(opened.installation, account, search, reason or "", origin, limit=most))
    output.table([plain.suppression(each, owners) for each in found.suppressions], COLUMNS)


@suppression.command()
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS...")
@_account
@installed
def remove(opened: Opened, addresses: tuple[str, ...], account: str) -> None:
    """Let addresses be sent to again."""
    wait(suppressions.remove(opened.installation, account, addresses))
    output.done(f"Removed {', '.join(addresses)}.", {"removed": list(addresses)})


@suppression.command()
@click.argument("address")
@_account
@installed
def show(opened: Opened, address: str, account: str) -> None:
    """Show why an ADDRESS is suppressed, since when and until when."""
    found = wait(suppressions.find(opened.installation, account, address))
    output.card(plain.suppression(found, opened.owners()))


@suppression.command("import")
@click.argument("file", type=click.File("r", encoding="utf-8-sig"))
@_account
@click.option(
    "--reason",
    type=click.Choice(suppressions.REASONS),
    default="manual",
    show_default=True,
    help="Where a row has none.",
)
@click.option("--origin", default="import", show_default=True, help="Where a row has none.")
@click.option("--lenient", is_flag=True, help="Take what can be read, and tell the lines that cannot.")
@installed
def import_(opened: Opened, file: TextIO, account: str, reason: str, origin: str, lenient: bool) -> None:
    """Suppress the addresses of a FILE in CSV ("-" for standard input), all of them or, with a fault, none.

    The first line names the columns: address, and perhaps reason, origin, created_at, expires_at (ISO 8601).

    \b
    Example:
      mailrelay suppression import old-service.csv --account shop --reason unsubscribe --origin old-service

    With --lenient a list may also have one address in each line and no names of columns; addresses that are suppressed
    already stay as they are, and the origin is made for this list alone, so that `undo --origin` takes it back whole.
    """
    if lenient:
        name = "" if origin == "import" else origin
        return _brought(wait(imports.bring(opened.installation, account, file.read(), reason, name)))
    count = wait(suppressions.take_in(opened.installation, account, file, reason, origin))
    output.done(f"Suppressed the addresses of {count} rows.", {"rows": count})


def _brought(told: imports.Progress) -> None:
    if output.wants_json():
        return output.as_json(plain_suppressions.brought(told))
    print(f"Suppressed {told.added} addresses, {told.known} were so already, {told.refused} lines were refused.")
    print(f"Origin: {told.origin}")
    for number, words in told.lines:
        print(f"line {number}: {words}")


@suppression.command("imports")
@click.option("--account", default="", help="Only of this account.")
@installed
def imports_(opened: Opened, account: str) -> None:
    """List the lists that came in, the newest first; `undo --origin` takes one back."""
    owners = opened.owners()
    found = wait(imports.every(opened.installation, account))
    output.table([plain_suppressions.imported(each, owners) for each in found], ("origin", "account", "count", "at"))


@suppression.command()
@click.option("--account", default="", help="Only of this account.")
@click.option("--reason", type=click.Choice(suppressions.REASONS), default=None, help="Only for this reason.")
@installed
def export(opened: Opened, account: str, reason: str | None) -> None:
    """Print suppressed addresses as CSV, as `import` takes it."""
    found = wait(suppressions.every(opened.installation, account, reason or ""))
    if output.wants_json():
        owners = opened.owners()
        return output.as_json([plain.suppression(each, owners) for each in found])
    csv.writer(sys.stdout, lineterminator="\n").writerows(suppressions.written(found))


@suppression.command()
@_account
@click.option("--reason", type=click.Choice(suppressions.REASONS), default=None, help="Only for this reason.")
@click.option("--origin", default="", help="Only of this origin: an import's, or the id of a recipient.")
@click.option("--since", default="", metavar="TIME", help="Only those made since then (ISO 8601, UTC).")
@click.option("--until", default="", metavar="TIME", help="Only those made before then.")
@installed
def undo(opened: Opened, account: str, reason: str | None, origin: str, since: str, until: str) -> None:
    """Let all addresses be sent to again that are suppressed for one cause, or since one time.

    \b
    Example:
      mailrelay suppression undo --account shop --reason hard_bounce --since 2026-11-24T10:00 --until 2026-11-24T12:00
    """
    cause = suppressions.Cause(reason or "", origin, since, until)
    count = wait(suppressions.undo(opened.installation, account, cause))
    output.done(f"{count} addresses may be sent to again.", {"undone": count})
