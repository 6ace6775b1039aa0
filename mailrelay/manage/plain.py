"""Accounts, connections, messages and the rest as plain data: the one form in which they leave the house.

The command line prints it and the HTTP interface answers with it. Keys are never renamed, only added. No secret, digest
or sealed text ever stands in it; a login in clear is `issued`, and only who asked for one gets it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from ..interfaces.erasure import Receipt
from ..interfaces.files import StoredFile
from ..interfaces.registry import Account, Connection, Domain, DomainKey, Sender, Suppression
from ..interfaces.routes import StoredRoute
from ..interfaces.templates import Template
from ..mail.envelope import PRIORITIES, SECOND
from ..mail.reply import Reply
from ..policy.bounce import BounceClasses
from ..policy.dialect import Dialect
from ..policy.domain_check import Finding
from ..policy.link_keys import LinkKey
from ..policy.shaping import Rule
from ..policy.statistics import Line
from .credentials import Issued, usual
from .signing import Record
from .statistics import Report

Plain = dict[str, object]


def instant(at: int) -> str:
    """Microseconds since 1970 as ISO 8601 in UTC, to the millisecond; "" for never (0), "?" for what is no instant."""
    if not at:
        return ""
    try:
        when = datetime.fromtimestamp(at / SECOND, UTC)
    except (TypeError, ValueError, OverflowError):  # a damaged row must not hide the others
        return "?"
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def priority(value: int) -> str:
    """The word for a priority."""
    return next((word for word, number in PRIORITIES.items() if number == value), str(value))


def account(value: Account) -> Plain:
    """An account with what it may still send."""
    return {
        "id": value.id,
        "name": value.name,
        "balance": value.balance,
        "reserved": value.reserved,
        "available": value.available,
        "zone": value.zone,
        "weight": value.weight,
        "created_at": instant(value.created_at),
    }


def connection(value: Connection, owners: Mapping[str, str]) -> Plain:
    """A connection without its secrets; `owners` gives the names of accounts by id, as in the following."""
    return {
        "id": value.id,
        "name": value.name,
        "account": owners.get(value.account, value.account),
        "dialect": value.dialect,
        "status": value.status,
        "status_reason": value.status_reason,
        "sender": value.sender,
        "username": usual(value).username if value.credentials else "",
        "credentials": [{"kind": each.kind, "username": each.username} for each in value.credentials],
        "networks": list(value.networks),
        "rate": value.rate,
        "rate_period": value.rate_period,
        "rate_burst": value.rate_burst,
        "options": dict(value.options),
        "created_at": instant(value.created_at),
    }


def issued(value: Issued, owners: Mapping[str, str]) -> Plain:
    """A connection with its login in clear."""
    shown = {"username": value.username, "password": value.password}
    beside = {"api_key": value.api_key, "short_username": value.short_username, "short_password": value.short_password}
    return connection(value.connection, owners) | shown | {name: text for name, text in beside.items() if text}


def finding(value: Finding) -> Plain:
    """What was found about a domain in the DNS; `record` is a line to publish, "" where nothing is missing;
    `found` the records that are there now."""
    return {
        "purpose": value.purpose,
        "name": value.name,
        "verdict": value.verdict,
        "required": value.required,
        "words": value.words,
        "record": value.record,
        "found": list(value.found),
    }


def domain(value: Domain, owners: Mapping[str, str]) -> Plain:
    """A sending domain."""
    return {
        "domain": value.name,
        "account": owners.get(value.account, value.account),
        "status": value.status,
        "created_at": instant(value.created_at),
        "proof": value.proof,
        "checked_at": instant(value.checked_at),
        "drifted_at": instant(value.drifted_at),
    }


def domain_key(value: DomainKey) -> Plain:
    """A key of a domain, without the private half."""
    return {
        "selector": value.selector,
        "algorithm": value.algorithm,
        "active": value.active,
        "created_at": instant(value.created_at),
    }


def records(values: Iterable[Record]) -> list[Plain]:
    """What a domain publishes in the DNS; `value` is the whole text, whatever its length."""
    return [{"purpose": each.purpose, "type": "TXT", "name": each.name, "value": each.value} for each in values]


def sender(value: Sender, owners: Mapping[str, str]) -> Plain:
    """A sender address."""
    return {
        "address": value.address,
        "account": owners.get(value.account, value.account),
        "status": value.status,
        "created_at": instant(value.created_at),
    }


def suppression(value: Suppression, owners: Mapping[str, str]) -> Plain:
    """A suppressed address."""
    return {
        "address": value.address,
        "account": owners.get(value.account, value.account),
        "reason": value.reason,
        "origin": value.origin,
        "created_at": instant(value.created_at),
        "expires_at": instant(value.expires_at),
    }


def link_key(value: LinkKey, *, signs: bool) -> Plain:
    """A key of links in mail, without its secret."""
    return {
        "number": value.number,
        "status": "withdrawn" if value.withdrawn_at else "signs" if signs else "believed",
        "created_at": instant(value.created_at),
        "withdrawn_at": instant(value.withdrawn_at),
    }


def template(value: Template, owners: Mapping[str, str]) -> Plain:
    """A version of a template; `account` is "" where it serves all."""
    return {
        "id": value.id,
        "account": owners.get(value.account, value.account),
        "version": value.version,
        "name": value.name,
        "from_name": value.from_name,
        "from_address": value.from_address,
        "return_path": value.return_path,
        "reply_to": value.reply_to,
        "subject": value.subject,
        "html": value.html,
        "text": value.text,
        "tag": value.tag,
        "syntax": value.syntax,
        "strict": value.strict,
        "priority": "" if value.priority is None else priority(value.priority),
        "created_at": instant(value.created_at),
        "saved_at": instant(value.saved_at),
    }


def dialect(value: Dialect) -> Plain:
    """A dialect with every reply as it stands in its file."""
    return {
        "name": value.name,
        "aliases": list(value.aliases),
        "title": value.title,
        "extensions": list(value.extensions),
        "size": value.size,
        "recipients": value.recipients,
        "credentials_at": value.credentials_at,
        "bare_ehlo": value.bare_ehlo,
        "billing": value.billing,
        "dsn": value.dsn,
        "suppressed": value.suppressed,
        "suppressing": list(value.suppressing),
        "username": value.username,
        "credential": value.credential,
        "key_usernames": list(value.key_usernames),
        "login_needs_balance": value.login_needs_balance,
        "sender_path": value.sender_path,
        "return_path": value.return_path,
        "ports": {mode: list(ports) for mode, ports in value.ports.items()},
        "options": dict(value.options),
        "stages": {stage: list(rules) for stage, rules in value.stages.items()},
        "statuses": {state.value: word for state, word in value.statuses.items()},
        "replies": {key: str(line.reply) for key, line in value.replies.items()},
    }


def route(value: StoredRoute, owners: Mapping[str, str]) -> Plain:
    """A stored route, without its password; `owners` maps account ids to names."""
    return {
        "id": value.id,
        "account": owners.get(value.account, value.account),
        "hosts": [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in value.hosts],
        "weights": list(value.weights),
        "mx": value.mx,
        "port": value.port if value.mx else None,
        "sources": list(value.sources),
        "rotate": value.rotate,
        "domains": list(value.domains),
        "tls": value.tls,
        "username": value.username,
        "fallback": value.fallback,
        "created_at": instant(value.created_at),
    }


def file(value: StoredFile, owners: Mapping[str, str]) -> Plain:
    """A file of the cache; `owners` maps account ids to names."""
    return {
        "key": value.key,
        "account": owners.get(value.account, value.account),
        "name": value.name,
        "type": value.type,
        "size": value.size,
        "created_at": instant(value.created_at),
    }


def bounced(reply: Reply, classes: BounceClasses) -> Plain:
    """A refusal, the class that it belongs to, and what follows from it."""
    found = classes.classify(reply)
    return {
        "class": found.name,
        "meaning": found.meaning,
        "code": reply.code,
        "status": reply.status or "",
        "suppresses": found.suppresses(reply),
        "days": found.days,
    }


def shaping(value: Rule) -> Plain:
    """A rule of shaping, its replies in the order in which they are asked."""
    return {
        "name": value.name,
        "about": value.about,
        "mx": list(value.mx),
        "connections": value.connections,
        "start": value.start,
        "messages": value.messages,
        "rate": str(value.rate or ""),
        "replies": [{"codes": list(each.codes), "text": each.text, "action": str(each)} for each in value.replies],
    }


def report(value: Report) -> Plain:
    """Statistics with their parts; instants are told in the zone of the account."""
    span = value.span
    return {
        "account": value.account.name,
        "connection": value.connection.name if value.connection is not None else "",
        "dialect": value.dialect,
        "zone": value.account.zone,
        "from": span.local(span.since).isoformat(),
        "to": span.local(span.until).isoformat(),
        "counts": dict(value.counts),
        "rows": _rows(value.lines),
        "delivery_seconds": {
            each.phase: {"deliveries": each.number, "p50": each.p50, "p90": each.p90, "p99": each.p99}
            for each in value.timings
        },
        "by": value.by,
        "parts": [{"of": each.of, "counts": dict(each.counts), "rows": _rows(each.lines)} for each in value.parts],
    }


def _rows(lines: Iterable[Line]) -> list[Plain]:
    return [{"label": each.label, "number": each.number, "percent": each.percent} for each in lines]


def receipt(value: Receipt, owners: Mapping[str, str]) -> Plain:
    """What was erased of a person."""
    return {
        "id": value.id,
        "at": instant(value.at),
        "account": owners.get(value.account, value.account),
        "person": value.person,
        "counts": dict(value.counts),
    }
