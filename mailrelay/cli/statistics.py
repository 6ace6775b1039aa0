"""The command ``mailrelay statistics``."""

from __future__ import annotations

import click

from ..manage import plain
from ..manage import statistics as counting
from ..manage.spans import PERIODS
from ..policy.statistics import DEFERRALS
from . import output
from .frame import Command
from .opening import Opened, installed, wait


@click.command(cls=Command)
@click.option("--account", default="", help="Whose; may be left out while there is only one account.")
@click.option("--connection", default="", help="Only of this connection.")
@click.option("--tag", help="Only of this tag; '' for mail without one.")
@click.option("--domain", default="", help="Only to recipients of this domain.")
@click.option("--period", type=click.Choice(list(PERIODS)), help="Up to now.  [default: today]")
@click.option("--from", "since", default="", metavar="TIME", help="From this hour on, ISO 8601, in the account's zone.")
@click.option("--to", "until", default="", metavar="TIME", help="Up to this hour.")
@click.option("--by", type=click.Choice(counting.BY), help="Take the whole apart.")
@installed
def statistics(
    opened: Opened,
    account: str,
    connection: str,
    tag: str | None,
    domain: str,
    period: str | None,
    since: str,
    until: str,
    by: str | None,
) -> None:
    """Tell how many mails came to what, in the rows of the service whose dialect the connection speaks.

    Mail counts in the hour in which it was accepted, whatever becomes of it later. Days are those of the account's time
    zone ('mailrelay account set').

    \b
    Examples:
      mailrelay statistics --connection web --period month --by day
      mailrelay statistics --account shop --from 2026-11-01 --to 2026-11-08T12:00 --by tag --json
    """
    asked = counting.Asked(account, connection, tag, domain, period or "", since, until, by or "")
    found = wait(counting.report(opened.installation, asked))
    if output.wants_json():
        return output.as_json(plain.report(found))
    of = f"connection {found.connection.name}" if found.connection is not None else f"account {found.account.name}"
    since, until = (found.span.local(at).isoformat(" ", "minutes") for at in (found.span.since, found.span.until))
    print(output.cell(f"{of}, from {since} to {until}"))
    rows = [
        {
            "status": line.label,
            "number": line.number,
            "percent": "" if line.percent is None else f"{line.percent:.2f}",
        }
        for line in found.lines
    ]
    output.table(rows, ("status", "number", "percent"))
    if any(each.number for each in found.timings):
        times = [{"part": each.phase, "p50": each.p50, "p90": each.p90, "p99": each.p99} for each in found.timings]
        output.table(times, ("part", "p50", "p90", "p99"), "Seconds to delivery")
    if found.by:
        more = (DEFERRALS,) if found.by == "provider" else ()
        parts = [
            {
                found.by: part.of,
                **{line.label: line.number for line in part.lines},
                **{word: part.counts.get(word, 0) for word in more},
            }
            for part in found.parts
        ]
        output.table(parts, (found.by, *(line.label for line in found.lines), *more), f"By {found.by}")
