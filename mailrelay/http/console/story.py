"""What happened to one recipient of a message, on a time line: acceptance, attempts with what was said in them, what
comes next, and what the recipient did. Pure functions."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ...interfaces.engagement import Engagement
from ...interfaces.history import Attempt
from ...mail.encryption import Encryption
from ...manage.explain import Explanation, Story
from ..markup import Markup, join, tag
from . import look
from .visit import Visit


def line(visit: Visit, story: Story, told: Explanation) -> list[Markup]:
    """The time line of one recipient, the first event first."""
    passage = story.passage
    accepted = join(f"Accepted after {len(told.decisions)} decisions", _from(told))
    entries = [(passage.accepted_at, "accepted", accepted, "")]
    entries += [(each.at, each.state.value, _attempt(each), _transcript(each)) for each in story.attempts]
    if passage.state.final and passage.last_at and not any(each.state.final for each in story.attempts):
        entries.append(
            (passage.last_at, passage.state.value, join(f"{passage.state.value}: ", _said(passage.last_reply)), "")
        )
    entries += [(each.at, each.act.value.rpartition(".")[2], _act(each), "") for each in story.acts]
    entries.sort(key=lambda each: each[0])
    begun = entries[0][0]
    items = [
        tag("li", look.after(at, begun, visit.zone) if place else look.when(at, visit.now, visit.zone),
            tag("div", text, more), class_=f"event {kind}")
        for place, (at, kind, text, more) in enumerate(entries)
    ]  # fmt: skip
    if story.next is not None:
        items.append(tag("li", tag("span", "next"), tag("div", _next(visit, story)), class_="event next"))
    if story.report is not None:
        report = tag("a", "a report went to its sender", href=f"/console/messages/{story.report.recipient}")
        items.append(tag("li", tag("span", ""), tag("div", report), class_="event"))
    status = look.status("held" if passage.held else passage.state.value)
    to = tag("p", "To ", tag("bdi", passage.rcpt), ": ", status)
    return [to, tag("ol", *items, class_="timeline")]


def facts(found: Mapping[str, object]) -> Markup:
    """Names and values on one line."""
    return join(*(tag("span", f"{name} ", tag("code", _plain(value)), class_="fact") for name, value in found.items()))


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _from(told: Explanation) -> Markup:
    login = next((each.facts for each in told.decisions if each.facts.get("peer")), None)
    return join(" from ", tag("code", str(login["peer"]))) if login is not None else Markup("")


def _attempt(attempt: Attempt) -> Markup:
    way = f" by {attempt.route}" if attempt.route else ""
    host = join(" to ", tag("code", attempt.host)) if attempt.host else ""
    tls = f" ({Encryption.read(attempt.tls).version})" if attempt.tls else ""
    return join(f"Attempt {attempt.number}: {attempt.state.value}{way}", host, tls, tag("br"), _said(attempt.reply))


def _said(reply: str) -> Markup:
    return tag("q", tag("bdi", reply)) if reply else Markup("")


def _transcript(attempt: Attempt) -> Markup:
    if not attempt.transcript:
        return Markup("")
    return tag("details", tag("summary", "What was said"), tag("pre", attempt.transcript))


def _act(act: Engagement) -> Markup:
    by = f" by {act.machine}" if act.machine else ""
    target = join(": ", tag("bdi", act.target)) if act.target else ""
    seen = " ".join(each for each in (act.address, act.agent) if each)
    return join(act.act.value.rpartition(".")[2].capitalize(), by, target, tag("br"), tag("small", tag("bdi", seen)))


def _next(visit: Visit, story: Story) -> Markup:
    assert story.next is not None
    at = join(look.when(story.next.at, visit.now, visit.zone), ": ") if story.next.at else ""
    return join(at, story.next.rule.replace("_", " "), " ", facts(story.next.facts))
