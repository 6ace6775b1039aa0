"""What may be submitted: a table of named, pure rules, and the one function that runs them.

A dialect names the rules of each stage and their order; `judge` runs them and stops at the first that refuses. A rule
sees the facts of its stage and the dialect's words, never a clock, a store or a reply text; every rule returns its
verdict with the facts that it saw.

"rate" is a stage of its own, so that a unit of the throttle is taken only for a MAIL that every other rule let pass;
"daily" is one, so that it costs nothing where a connection has no such limit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from math import ceil
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..mail.address import Mailbox
from ..mail.envelope import SECOND
from .facts import DailyFacts, DataFacts, Facts, MailFacts, RateFacts, RcptFacts
from .limit import Quota
from .verdict import JSON, Verdict

if TYPE_CHECKING:
    from .dialect import Dialect

__all__ = [
    "ANYBODY", "AUTHOR", "RULES", "DailyFacts", "DataFacts", "Facts", "MailFacts", "RateFacts", "RcptFacts", "judge",
]  # fmt: skip


def _verdict(rule: str, refused: bool, facts: Mapping[str, JSON], key: str, **fields: JSON) -> Verdict:
    return Verdict(rule, False, facts, key, fields) if refused else Verdict(rule, True, facts)


# MAIL


def _paused(facts: MailFacts, dialect: Dialect) -> Verdict:
    return _verdict("paused", facts.paused, {"paused": facts.paused}, "unavailable")


def _free_space(facts: MailFacts, dialect: Dialect) -> Verdict:
    # what is already accepted needs room to be delivered: its outcomes are written, too
    seen: dict[str, JSON] = {"free": facts.free_space, "floor": facts.free_space_floor}
    return _verdict("free_space", facts.free_space < facts.free_space_floor, seen, "storage_full")


def _connection_active(facts: MailFacts, dialect: Dialect) -> Verdict:
    status = facts.connection_status
    return _verdict("connection_active", status != "active", {"status": status}, "connection_inactive")


def _declared_size(facts: MailFacts, dialect: Dialect) -> Verdict:
    seen: dict[str, JSON] = {"size": facts.declared_size, "limit": facts.size_limit}
    return _verdict(
        "declared_size", facts.declared_size > facts.size_limit, seen, "size_exceeded", limit=facts.size_limit
    )


def _domain_known(facts: MailFacts, dialect: Dialect) -> Verdict:
    if facts.sender is None:
        return _null_sender("domain_known")
    return _known("domain_known", facts.sender, facts.domain_status)


def _domain_verified(facts: MailFacts, dialect: Dialect) -> Verdict:
    if facts.sender is None:
        return _null_sender("domain_verified")
    return _verified("domain_verified", facts.sender, facts.domain_status)


def _sender_allowed(facts: MailFacts, dialect: Dialect) -> Verdict:
    if facts.sender is None:
        return _null_sender("sender_allowed")
    return _allowed(
        "sender_allowed", facts.sender, facts, facts.domain_status, facts.sender_status, "sender_disallowed"
    )


def _null_sender(rule: str) -> Verdict:
    # judged by the From field at end of data
    return Verdict(rule, True, {"sender": ""})


def _balance_nonzero(facts: MailFacts, dialect: Dialect) -> Verdict:
    return _free(facts, "balance_nonzero", facts.available <= 0, {"available": facts.available}, "balance_short")


def _free(
    facts: MailFacts | RcptFacts | DailyFacts,
    rule: str,
    refused: bool,
    seen: Mapping[str, JSON],
    key: str,
    **fields: JSON,
) -> Verdict:
    """A rule that asks whether there is room for one more; what may be a repetition is judged by the ledger."""
    if refused and facts.repeatable:
        return Verdict(rule, True, {**seen, "repeatable": True})
    return _verdict(rule, refused, seen, key, **fields)


def _rate(facts: RateFacts, dialect: Dialect) -> Verdict:
    # whoever comes back after the seconds told must not be a fraction too early
    seen: dict[str, JSON] = {"wait": facts.wait, "rate": facts.rate, "period": facts.period}
    return _verdict("rate", facts.wait > 0, seen, "rate_limited", seconds=ceil(facts.wait))


# Whose domain: the same is asked of the reverse path at MAIL and of the From field at end of data.


def _known(rule: str, mailbox: Mailbox, status: str) -> Verdict:
    seen: dict[str, JSON] = {"domain": mailbox.domain, "status": status}
    return _verdict(rule, not status, seen, "domain_unknown", domain=mailbox.domain, address=mailbox.address)


def _verified(rule: str, mailbox: Mailbox, status: str) -> Verdict:
    seen: dict[str, JSON] = {"domain": mailbox.domain, "status": status}
    refused = status != "verified"
    return _verdict(rule, refused, seen, "domain_unverified", domain=mailbox.domain, address=mailbox.address)


def _allowed(
    rule: str, mailbox: Mailbox, facts: MailFacts | DataFacts, domain_status: str, status: str, key: str
) -> Verdict:
    """May the connection send as this address? A confirmed one needs no domain of the account."""
    own, wanted = facts.connection_domain, facts.sender_rule
    seen: dict[str, JSON] = {"domain": mailbox.domain, "connection_domain": own, "sender_rule": wanted}
    if wanted == "address":
        seen |= {"address": mailbox.address, "confirmed": status == "confirmed"}
        refused = status != "confirmed"
    else:
        refused = domain_status != "verified" or (wanted == "connection" and mailbox.domain != own)
    return Verdict(rule, False, seen, key, {"address": mailbox.address}) if refused else Verdict(rule, True, seen)


# RCPT


def _recipient_count(facts: RcptFacts, dialect: Dialect) -> Verdict:
    room = Quota(facts.recipient_limit, facts.accepted)
    seen: dict[str, JSON] = {"accepted": facts.accepted, "limit": facts.recipient_limit}
    return _verdict("recipient_count", not room.covers(1), seen, "too_many_recipients")


def _suppression(facts: RcptFacts, dialect: Dialect) -> Verdict:
    refused = dialect.suppressed == "refuse" and facts.suppression in dialect.suppressing
    seen: dict[str, JSON] = {"address": facts.address, "suppression": facts.suppression}
    return _verdict("suppression", refused, seen, "recipient_suppressed", address=facts.address)


def _mailbox_limit(facts: RcptFacts, dialect: Dialect) -> Verdict:
    until = facts.mailbox_full_at + facts.mailbox_full_seconds * SECOND
    refused = bool(facts.mailbox_full_at) and facts.now < until
    seen: dict[str, JSON] = {"address": facts.address, "mailbox_full_at": facts.mailbox_full_at}
    return _verdict("mailbox_limit", refused, seen, "mailbox_limit", address=facts.address)


def _balance_covers(facts: RcptFacts, dialect: Dialect) -> Verdict:
    left = Quota(facts.available, facts.charged)
    seen: dict[str, JSON] = {"available": facts.available, "charged": facts.charged}
    if facts.unsent:
        return Verdict("balance_covers", True, seen | {"unsent": True})
    return _free(facts, "balance_covers", not left.covers(1), seen, "balance_short")


def _daily_limit(facts: DailyFacts, dialect: Dialect) -> Verdict:
    left = Quota(facts.limit, facts.sent + facts.charged)
    seen: dict[str, JSON] = {"limit": facts.limit, "sent": facts.sent, "charged": facts.charged}
    if facts.unsent or dialect.over_limit == "fail":
        return Verdict("daily_limit", True, seen)
    return _free(facts, "daily_limit", not left.covers(1), seen, "daily_limit", limit=facts.limit)


# end of data


def _size(facts: DataFacts, dialect: Dialect) -> Verdict:
    seen: dict[str, JSON] = {"size": facts.size, "limit": facts.size_limit}
    return _verdict("size", facts.size > facts.size_limit, seen, "message_too_big", limit=facts.size_limit)


def _header(facts: DataFacts, dialect: Dialect) -> Verdict:
    seen: dict[str, JSON] = {"header": facts.header_size, "limit": facts.header_limit}
    return _verdict("header", facts.header_size > facts.header_limit, seen, "header_too_big", limit=facts.header_limit)


def _content(facts: DataFacts, dialect: Dialect) -> Verdict:
    return _verdict("content", facts.has_nul, {"has_nul": facts.has_nul}, "bad_content")


def _hops(facts: DataFacts, dialect: Dialect) -> Verdict:
    seen: dict[str, JSON] = {"received": facts.received_count, "limit": facts.hop_limit}
    return _verdict("hops", facts.received_count > facts.hop_limit, seen, "too_many_hops")


def _readable(facts: DataFacts, dialect: Dialect) -> Verdict:
    return _verdict("readable", not facts.fields, {"fields": facts.fields}, "message_unreadable")


def _from_present(facts: DataFacts, dialect: Dialect) -> Verdict:
    # a From field without one readable address leaves nobody to answer for the message
    key = "from_unreadable" if facts.from_fields else "from_missing"
    return _verdict("from_present", not facts.from_addresses, _from_seen(facts), key)


def _from_single(facts: DataFacts, dialect: Dialect) -> Verdict:
    # readers choose differently among several, and DMARC cannot be evaluated (RFC 7489 6.6.1)
    several = facts.from_fields > 1 or len(facts.from_addresses) > 1
    return _verdict("from_single", several, _from_seen(facts), "from_ambiguous")


def _from_seen(facts: DataFacts) -> dict[str, JSON]:
    return {"from_fields": facts.from_fields, "addresses": len(facts.from_addresses)}


def _from_domain(facts: DataFacts, dialect: Dialect) -> Verdict:
    for mailbox in facts.from_addresses:
        status = facts.domain_statuses.get(mailbox.domain, "")
        for verdict in (
            _known("from_domain", mailbox, status),
            _verified("from_domain", mailbox, status),
            _author_allowed("from_domain", mailbox, facts),
        ):
            if not verdict.allowed:
                return verdict
    return Verdict("from_domain", True, {"domains": [mailbox.domain for mailbox in facts.from_addresses]})


def _route_required(facts: DataFacts, dialect: Dialect) -> Verdict:
    seen: dict[str, JSON] = {"route": facts.route, "routes": facts.own_routes}
    return _verdict("route_required", not facts.route and facts.own_routes > 1, seen, "route_required")


def _route_known(facts: DataFacts, dialect: Dialect) -> Verdict:
    known = not facts.route or facts.route in facts.routes
    return _verdict(
        "route_known", not known, {"route": facts.route, "known": known}, "route_unknown", route=facts.route
    )


def _tag_limit(facts: DataFacts, dialect: Dialect) -> Verdict:
    seen: dict[str, JSON] = {"tag": facts.tag, "known": facts.tag_known, "used": facts.tags_used}
    limit = dialect.tag_limit
    refused = bool(limit) and not facts.tag_known and facts.tags_used >= limit
    return _verdict("tag_limit", refused, seen, "tag_limit", tag=facts.tag, limit=limit)


def _from_allowed(facts: DataFacts, dialect: Dialect) -> Verdict:
    # the same in one question, for a service that has one answer to all of it
    for mailbox in facts.from_addresses:
        if not (verdict := _author_allowed("from_allowed", mailbox, facts)).allowed:
            return verdict
    return Verdict("from_allowed", True, {"addresses": [mailbox.address for mailbox in facts.from_addresses]})


def _author_allowed(rule: str, mailbox: Mailbox, facts: DataFacts) -> Verdict:
    domain, status = facts.domain_statuses.get(mailbox.domain, ""), facts.sender_statuses.get(mailbox.key, "")
    return _allowed(rule, mailbox, facts, domain, status, "from_disallowed")


def _subject_present(facts: DataFacts, dialect: Dialect) -> Verdict:
    return _verdict("subject_present", not facts.has_subject, {"has_subject": facts.has_subject}, "subject_missing")


_Rule = Callable[[Any, "Dialect"], Verdict]  # which of the facts a rule takes follows from its stage


def return_path(facts: MailFacts, dialect: Dialect, options: Mapping[str, JSON], own: str) -> str:
    """Who a message is recorded to come from, "" for nobody: the client's reverse path, or the connection's bounce
    address (`own` is its sender) where that is none of the account's and the dialect says so."""
    sender = facts.sender
    if dialect.return_path == "client" or (sender is not None and facts.domain_status == "verified"):
        return sender.address if sender is not None else ""
    return str(options["bounce_address"]) or own


#: Every rule by its stage and name.
RULES: Mapping[str, Mapping[str, _Rule]] = MappingProxyType(
    {
        "mail": {
            "paused": _paused,
            "free_space": _free_space,
            "connection_active": _connection_active,
            "declared_size": _declared_size,
            "domain_known": _domain_known,
            "domain_verified": _domain_verified,
            "sender_allowed": _sender_allowed,
            "balance_nonzero": _balance_nonzero,
        },
        "rate": {"rate": _rate},
        "rcpt": {
            "recipient_count": _recipient_count,
            "suppression": _suppression,
            "mailbox_limit": _mailbox_limit,
            "balance_covers": _balance_covers,
        },
        "daily": {"daily_limit": _daily_limit},
        "data": {
            "size": _size,
            "header": _header,
            "content": _content,
            "hops": _hops,
            "readable": _readable,
            "from_present": _from_present,
            "from_single": _from_single,
            "from_domain": _from_domain,
            "route_required": _route_required,
            "route_known": _route_known,
            "tag_limit": _tag_limit,
            "from_allowed": _from_allowed,
            "subject_present": _subject_present,
        },
    }
)


#: The rules that can be asked before anybody knows who is speaking. Where credentials are judged with the message, they
#: are, at their stages, and all rules once it is known.
ANYBODY = frozenset({"paused", "free_space", "declared_size", "recipient_count"})


#: The rules that judge whose domain a message is from; where a template says that, they are asked once it has.
AUTHOR = frozenset({"from_domain", "from_allowed"})


def judge(dialect: Dialect, stage: str, facts: Facts, of: Collection[str] | None = None) -> tuple[Verdict, ...]:
    """Run the dialect's rules of a stage in order, up to and with the first that refuses; with `of` only those.

    `stage` is "mail", "rate", "rcpt", "daily" or "data", each with the facts of its name. Only the last verdict can be
    a refusal; the result is empty where the dialect names no rule for the stage.
    """
    rules = RULES[stage]
    verdicts = []
    for name in dialect.stages[stage]:
        if of is not None and name not in of:
            continue
        verdict = rules[name](facts, dialect)
        verdicts.append(verdict)
        if not verdict.allowed:
            break
    return tuple(verdicts)
