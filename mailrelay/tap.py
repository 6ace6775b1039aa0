"""The twistd plugin's two halves: the options of ``twistd mailrelay``, and the service that they make.

Everything that can be refused is refused here, before anything runs: one line for each reason, status 1. Sockets are
bound here too; threads, the store and the reactor's work begin only when the service starts, behind any fork.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.application.service import IService
from twisted.python import usage

from .run.reactor import install
from .run.start import CannotStart, configured, sandbox


class Options(usage.Options):
    """``twistd mailrelay``: a configuration file, or the sandbox."""

    synopsis = "[options]"
    longdesc = "A transactional SMTP relay. Give --config FILE for an installation, or --sandbox to try it out."
    optFlags = [["sandbox", None, "run the sandbox on loopback ports, with a sink that keeps what is sent"]]
    optParameters = [
        ["config", "c", "/etc/mailrelay.toml", "configuration file"],
        ["state", "s", "var/sandbox", "state folder of the sandbox"],
        ["base-port", "p", 10000, "first of the sandbox's ports", int],
    ]

    def postOptions(self) -> None:
        if not 0 <= self["base-port"] <= 55000:
            raise usage.UsageError("--base-port must be from 0 to 55000")


def makeService(options: Mapping[str, Any]) -> IService:
    """The daemon, its sockets bound; ends the process with one line for each reason when it may not run."""
    install()
    from twisted.internet import reactor

    try:
        if options["sandbox"]:
            daemon = sandbox(reactor, Path(options["state"]), options["base-port"])
        else:
            daemon = configured(reactor, Path(options["config"]))
    except CannotStart as error:
        raise SystemExit("\n".join(f"mailrelay: {reason}" for reason in error.reasons)) from error
    if _logs_to_stdout(getattr(options, "parent", None) or {}):
        daemon.log_stream = sys.stdout
    daemon.owns_process = True
    return daemon


def _logs_to_stdout(twistd: Mapping[str, Any]) -> bool:
    """Was twistd told nothing else about the log?"""
    return bool(twistd.get("nodaemon")) and twistd.get("logfile") in (None, "-") and not twistd.get("syslog")
