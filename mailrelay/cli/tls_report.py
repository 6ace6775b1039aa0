"""Commands about reports of TLS that are sent to domains which ask for them."""

from __future__ import annotations

import click

from ..manage import tls_reports
from . import output
from .frame import Group
from .opening import Opened, installed, wait

COLUMNS = ("domain", "day", "status", "due_at", "attempts", "sent_to", "error")


@click.group("tls-report", cls=Group)
def tls_report() -> None:
    """Reports about TLS to the domains of recipients (RFC 8460); see docs/transport-security.md."""


@tls_report.command("list")
@click.option("--domain", default="", help="Only about this domain.")
@installed
def list_(opened: Opened, domain: str) -> None:
    """List reports, the newest day first; they are kept for two weeks.

    \b
    Example:
      mailrelay tls-report list --domain example.net --json
    """
    found = wait(tls_reports.every(opened.installation, domain))
    output.table([tls_reports.plain(each) for each in found], COLUMNS)


@tls_report.command()
@click.argument("domain")
@click.argument("day")
@installed
def show(opened: Opened, domain: str, day: str) -> None:
    """Show what stands in the report about DOMAIN and DAY (such as 2026-11-25, in UTC)."""
    output.card(wait(tls_reports.show(opened.installation, domain, day)))


@tls_report.command()
@click.argument("domain")
@click.argument("day")
@installed
def send(opened: Opened, domain: str, day: str) -> None:
    """Have the daemon send the report about DOMAIN and DAY now: within a quarter of a minute."""
    found = wait(tls_reports.send(opened.installation, domain, day))
    output.done(f"The report about {found.domain} is sent in a moment.", tls_reports.plain(found))
