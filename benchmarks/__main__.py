"""``python -m benchmarks``: the command line of the measurements."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import click
from pysqlite3 import dbapi2 as pysqlite3

import mailrelay
import twisted

from .machine import machine
from .relay import PEERS, scenario_d, scenario_r, scenario_t


def conditions(folder: Path) -> str:
    """Versions and the machine, for the head of the tables."""
    file_system = subprocess.run(
        ["stat", "-f", "-c", "%T", str(folder)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return (
        f"mailrelay {getattr(mailrelay, '__version__', '?')}, Python {platform.python_version()} in {sys.base_prefix}, "
        f"Twisted {twisted.__version__}, SQLite {pysqlite3.sqlite_version} (system: {sqlite3.sqlite_version})\n"
        f"{platform.system()} {platform.release()}, {os.cpu_count()} CPUs, {folder} on {file_system}, "
        f"load {os.getloadavg()[0]:.2f}; each server writes a log file; no TLS, no DNS"
    )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-n", "--messages", default=10_000, show_default=True, help="Messages in each run.")
@click.option("--rounds", default=3, show_default=True, help="Runs of which the median is told.")
@click.option("--peer", "peers", multiple=True, type=click.Choice(sorted(PEERS)), help="Measure this one, too.")
@click.option("--folder", type=click.Path(exists=True, path_type=Path), help="Where queues are kept: a real disk.")
@click.option(
    "--queued", default=1_000_000, show_default=True, help="Recipients in the queue, or history, of the last parts."
)
@click.option(
    "--only",
    type=click.Choice(["budget", "relay", "signing", "templates", "million", "history"]),
    help="Only this part.",
)
def main(
    messages: int, rounds: int, peers: tuple[str, ...], folder: Path | None, queued: int, only: str | None
) -> None:
    """Measure the relay: CPU per message and step, and scenarios R, D and T, alone or beside peers."""
    folder = folder or Path(tempfile.gettempdir())
    print(conditions(folder))
    print(machine())
    if only in (None, "budget"):
        from .budget import budget

        budget(messages, folder)
    if only in (None, "relay"):
        scenario_r(messages, rounds, peers, folder)
    if only in (None, "signing"):
        scenario_d(messages, rounds, peers, folder)
    if only in (None, "templates"):
        scenario_t(messages // 10, rounds, folder)
    if only in (None, "million"):
        from .million import scenario_million

        scenario_million(queued, folder)
    if only == "history":
        from .history import scenario_history

        scenario_history(queued, folder)


main()
