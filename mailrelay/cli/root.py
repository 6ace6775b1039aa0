"""The command ``mailrelay``: what it can do, and in which module."""

from __future__ import annotations

import click

from .. import __version__
from .frame import Root

_ROOMS = {
    "init": ("installation", "Make a state folder: key and database."),
    "check-config": ("installation", "Say everything that is wrong with a configuration file."),
    "audit": ("installation", "Check that the ledger's laws hold."),
    "version": ("installation", "Print the version."),
    "account": ("account", "Accounts: create, list, show, set."),
    "balance": ("balance", "What an account may still send: show, entries, set, topup."),
    "plan": ("plan", "Sends that are given each month: set, show, list."),
    "price": ("price", "What sends cost, by volume: set, list, remove, quote."),
    "order": ("order", "Sends that are asked for: request, list, show, grant, refuse, withdraw."),
    "token": ("token", "Tokens of the HTTP API: create, list, show, revoke."),
    "user": ("user", "People who sign in: add, list, show, password, role, block, totp, sessions, remove."),
    "change": ("change", "The audit log: who changed what, when and from where."),
    "connection": ("connection", "SMTP logins: create, list, show, activate, block, new-password, set-rate, …"),
    "domain": ("domain", "Sending domains and their DKIM keys: add, show, list, keys, verify, unverify."),
    "sender": ("sender", "Sender addresses: add, request, confirm, list, remove."),
    "template": ("template", "Stored templates: create, edit, show, list, versions, restore, delete, render, check."),
    "suppression": ("suppression", "Addresses not to be sent to: add, list, remove."),
    "route": ("route", "Stored routes: add, set, show, list, remove."),
    "file": ("file", "The file cache: add, list, remove, quota."),
    "link-key": ("link_key", "Keys that links in mail are signed by: list, rotate, withdraw."),
    "login-guard": ("switch", "Failed logins: clear."),
    "pause": ("switch", "Answer every client 421 until resumed; the queue goes on."),
    "resume": ("switch", "Take mail again."),
    "queue": ("queue", "Waiting mail: list, retry, hold, release, drop, expire, reroute."),
    "top": ("top", "Watch the daemon at work."),
    "message": ("message", "What became of messages: list, show, explain."),
    "statistics": ("statistics", "How many mails came to what: by time, tag, domain."),
    "person": ("person", "Forget a person: erase, receipts."),
    "event": ("event", "What happened, in order: list, export, types."),
    "webhook": ("webhook", "Receivers of events: add, list, show, remove, test, replay, enable, disable."),
    "bounce-class": ("bounce_class", "Say what a host's refusal means."),
    "shaping": ("shaping", "How mail to the large receivers is shaped: show, check."),
    "tls-report": ("tls_report", "Reports about TLS to recipients' domains: list, show, send."),
    "dialect": ("dialect", "SMTP dialects: list, show, check."),
    "preflight": ("preflight", "Say what would become of a message, and send nothing."),
    "send-test": ("send_test", "Send a real mail through the running daemon."),
}

_EPILOG = """\b
Examples:
  mailrelay init --state var/relay
  mailrelay account create shop --balance 1000 --state var/relay
  mailrelay domain add shop.example --account shop --verified --state var/relay
  mailrelay connection create web --account shop --dialect standard \\
      --sender news@shop.example --active --state var/relay
  mailrelay message list --json --state var/relay
"""


@click.group(cls=Root, rooms=_ROOMS, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def main() -> None:
    """Look after a mail relay: its accounts, logins, domains, queue and history.

    The installation is named by --state DIR, by --config FILE or by the environment variable MAILRELAY_STATE;
    else it is var/sandbox when that exists, else what /etc/mailrelay.toml says. Commands work while the daemon
    runs, and take effect within two seconds.
    """
