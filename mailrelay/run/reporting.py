"""Who reports about TLS, by the configuration, and whose mail reports are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..config import Config
from ..interfaces.https import IHttps
from ..interfaces.resolver import IResolver
from ..mail.address import parse_mailbox
from ..mail.envelope import Hop
from ..mail.tls_report import Reporting
from ..relay.tls_reports import TlsReporter
from ..relay.tls_sessions import TlsSessions
from ..store import Store


def reporting_of(config: Config) -> Reporting | None:
    """Who reports, None where nobody does."""
    section = config.tls_reports
    if section.why_not:
        return None
    sender = parse_mailbox(section.sender)
    return Reporting(section.organization or sender.domain, section.contact or sender.address, sender)


def told_by(config: Config, sessions: TlsSessions) -> Callable[[Hop, str, str], None]:
    """Who is told what came of TLS: nobody, where nobody reports."""
    return _untold if config.tls_reports.why_not else sessions.told


def reporter_of(
    config: Config,
    store: Store,
    sessions: TlsSessions,
    resolver: IResolver,
    https: IHttps,
    now: Callable[[], int],
    new_id: Callable[[], str],
) -> TlsReporter:
    """Who sends the reports of an installation."""
    who = reporting_of(config)
    owner = partial(_signer, store)
    return TlsReporter(store.tls_reports, sessions, resolver, https, store.ledger, who, owner, now, new_id)


async def _signer(store: Store, domain: str) -> str:
    """The account whose verified domain has keys to sign with, "" for none."""
    for found in await store.registry.domains():
        verified = found.name == domain and found.status == "verified"
        if verified and await store.directory.signing_keys(found.account, domain):
            return found.account
    return ""


def _untold(hop: Hop, fault: str, reason: str) -> None:
    """Nobody is told."""
