"""What became of mail as plain data: what waits, recipients with their attempts and decisions, and what was refused.

As `plain`: keys are never renamed, only added, and no secret stands in it.
"""

from __future__ import annotations

from ..interfaces.engagement import Engaged, Engagement
from ..interfaces.history import Attempt, Passage, Waiting
from ..mail.encryption import Encryption
from ..policy.bounce import shipped
from ..policy.dialect import Dialects
from .explain import Decision, Explanation, Refused, Story
from .plain import Plain, instant, priority


def waiting(value: Waiting) -> Plain:
    """What waits for a destination."""
    return {
        "destination": value.destination,
        "count": value.count,
        "held": value.held,
        "deferred": value.deferred,
        "in_hand": value.in_hand,
        "oldest_at": instant(value.oldest_at),
        "next_due_at": instant(value.next_due_at),
    }


def waiting_passage(value: Passage, dialects: Dialects) -> Plain:
    """One recipient that waits, with what the queue is filtered by."""
    return {
        **passage(value, dialects),
        "destination": value.destination,
        "route": value.route,
        "priority": priority(value.priority),
        "class": shipped().of_text(value.last_reply).name if value.last_reply else "",
    }


def passage(value: Passage, dialects: Dialects) -> Plain:
    """What became of one recipient; `dialect_status` is the word of its dialect, "" when that dialect is gone."""
    try:
        status = dialects.get(value.dialect).statuses[value.state]
    except KeyError:
        status = ""
    return {
        "id": value.id,
        "connection": value.connection_name,
        "rcpt": value.rcpt,
        "state": value.state.value,
        "dialect_status": status,
        "last_reply": value.last_reply,
        "attempts": value.attempts,
        "billed": value.billed,
        "tag": value.tag,
        "client_ref": value.client_ref,
        "template": value.template,
        "metadata": dict(value.metadata),
        "recipient": value.recipient,
        "name": value.name,
        "account": value.account,
        "connection_id": value.connection,
        "dialect": value.dialect,
        "sender": value.sender,
        "destination": value.destination,
        "subject": value.subject,
        "size": value.size,
        "held": value.held,
        "leased": value.leased,
        "accepted_at": instant(value.accepted_at),
        "due_at": "" if value.state.final else instant(value.due_at),
        "expires_at": instant(value.expires_at),
        "last_host": value.last_host,
        "last_at": instant(value.last_at),
        **engaged(value.engaged),
    }


def engaged(value: Engaged) -> Plain:
    """What a recipient did with the mail, people first; an instant is "" where it never did."""
    return {
        "opened_at": instant(value.opened_at),
        "opens": value.opens,
        "clicked_at": instant(value.clicked_at),
        "clicks": value.clicks,
        "unsubscribed_at": instant(value.unsubscribed_at),
        "complained_at": instant(value.complained_at),
        "machine_opens": value.machine_opens,
        "machine_clicks": value.machine_clicks,
    }


def act(value: Engagement) -> Plain:
    """One act of a recipient; `machine` is "" for a person."""
    return {
        "at": instant(value.at),
        "act": value.act.value,
        "machine": value.machine,
        "target": value.target,
        "address": value.address,
        "agent": value.agent,
    }


def attempt(value: Attempt) -> Plain:
    """How one attempt went; the transcript is a list of lines, empty when it is no longer kept. `security` is what the
    host was held to (`mail.encryption`), "none" where nothing was encrypted."""
    encryption = Encryption.read(value.tls)
    return {
        "number": value.number,
        "at": instant(value.at),
        "route": value.route,
        "host": value.host,
        "address": value.address,
        "tls": encryption.version,
        "cipher": encryption.cipher,
        "security": encryption.level or ("none" if value.host and not value.tls else ""),
        "signed": value.signed,
        "state": value.state.value,
        "reply": value.reply,
        "next_at": instant(value.due_at),
        "why": dict(value.facts),
        "transcript": value.transcript.split("\n") if value.transcript else [],
    }


def decision(value: Decision) -> Plain:
    """One decision on the way in; `reply` is "" where it allowed."""
    return {
        "stage": value.stage,
        "rule": value.rule,
        "allowed": value.allowed,
        "facts": dict(value.facts),
        "reply": value.reply,
    }


def story(value: Story, dialects: Dialects) -> Plain:
    """One recipient with its attempts; `next` and `report` are null where there is none."""
    following, report = value.next, value.report
    return {
        "passage": passage(value.passage, dialects),
        "attempts": [attempt(each) for each in value.attempts],
        "next": following and {"at": instant(following.at), "rule": following.rule, "facts": dict(following.facts)},
        "report": report and {"id": report.id, "rcpt": report.rcpt, "state": report.state.value},
        "acts": [act(each) for each in value.acts],
    }


def explanation(value: Explanation, dialects: Dialects) -> Plain:
    """A message with every decision about it."""
    return {
        "id": value.id,
        "decisions": [decision(each) for each in value.decisions],
        "recipients": [story(each, dialects) for each in value.stories],
        "left_out": value.left_out,
    }


def refused(value: Refused) -> Plain:
    """One refusal: what refused it, and the decisions up to it."""
    last = value.decisions[-1] if value.decisions else None
    return {
        "at": instant(value.turned.at),
        "connection": value.connection,
        "connection_id": value.turned.connection,
        "peer": value.turned.peer,
        "stage": value.turned.stage,
        "rule": last.rule if last else "",
        "reply": last.reply if last else "",
        "facts": dict(last.facts) if last else {},
        "decisions": [decision(each) for each in value.decisions],
    }
