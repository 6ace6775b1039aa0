"""The tables, as SQLAlchemy Core knows them: one definition for SQLite and PostgreSQL.

Keys are texts compared by their bytes, instants integer microseconds, flags small integers; no table relies on a
rowid. The conditions that partial indexes stand on are constants here, so that a statement which means to use an
index names the same condition. This module never reads or writes anything.
"""

from .columns import metadata
from .counts import counters, daily, domain_counters, durations, forgotten, hour_counters, provider_counters
from .events import outbox, sts_policies, tls_reports, tls_sessions, webhook_deliveries, webhooks
from .mail import (
    PENDING,
    REFERRED,
    TAGGED,
    TROUBLED,
    TROUBLED_STATES,
    WAITING,
    attempts,
    batches,
    chunks,
    engaged,
    engagements,
    erasures,
    keyed,
    messages,
    nodes,
    recipients,
    refusals,
)
from .money import MOVED, entries, orders, plans, prices
from .people import answers, changes, sessions, tokens, users
from .setup import (
    accounts,
    connections,
    credentials,
    domain_keys,
    domains,
    files,
    full_mailboxes,
    holding,
    logins,
    routes,
    senders,
    settings,
    suppressions,
    templates,
)

#: The newest migration this code knows (`migrations/versions`).
REVISION = "0033"

__all__ = [
    "MOVED",
    "PENDING",
    "REFERRED",
    "REVISION",
    "TAGGED",
    "TROUBLED",
    "TROUBLED_STATES",
    "WAITING",
    "accounts",
    "answers",
    "attempts",
    "batches",
    "changes",
    "chunks",
    "connections",
    "counters",
    "credentials",
    "daily",
    "domain_counters",
    "domain_keys",
    "domains",
    "durations",
    "engaged",
    "engagements",
    "entries",
    "erasures",
    "files",
    "forgotten",
    "full_mailboxes",
    "holding",
    "hour_counters",
    "keyed",
    "logins",
    "messages",
    "metadata",
    "nodes",
    "orders",
    "outbox",
    "plans",
    "prices",
    "provider_counters",
    "recipients",
    "refusals",
    "routes",
    "senders",
    "sessions",
    "settings",
    "sts_policies",
    "suppressions",
    "templates",
    "tls_reports",
    "tls_sessions",
    "tokens",
    "users",
    "webhook_deliveries",
    "webhooks",
]
