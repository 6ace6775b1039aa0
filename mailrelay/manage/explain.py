"""Why a message is where it is: every decision taken about it, in order, with the values that were seen.

From the listener that took its client in, over the login and each check of admission, to each attempt with what was
said in it, the next one and why it comes when it does, and the report to its sender. For what was never accepted there
is the book of refusals. Everything was kept when it was decided; nothing is judged again here, and the content of a
message is neither read nor shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..interfaces.engagement import Engagement
from ..interfaces.history import Attempt, Passage, Selection, Turned
from ..mail.dsn import report_id
from ..mail.envelope import State
from ..policy.vocabulary import STAGES
from . import checked, messages, names
from .errors import Unknown
from .installation import Installation, use_case

#: Most recipients of one message in one explanation, most refusals in one answer.
MAX_RECIPIENTS, MAX_REFUSALS = 100, 1000

_STAGE_OF: Mapping[str, str] = {
    **{rule: stage for stage, rules in STAGES.items() for rule in rules},
    # decisions that are none of a dialect's rules
    **dict.fromkeys(("control_headers", "sent_to"), "data"),
    "idempotency": "commit",
    "resent": "sent again",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision on the way in: at which stage, by which rule, on which facts; `reply` is the key of a refusal."""

    stage: str
    rule: str
    allowed: bool
    facts: Mapping[str, object]
    reply: str = ""


@dataclass(frozen=True, slots=True)
class Next:
    """What comes next for a recipient that waits: at which instant, by which rule, on which facts."""

    at: int
    rule: str
    facts: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Story:
    """One recipient: the attempts made, what comes next (None at its end), the report to its sender if there is one,
    and what the recipient did with the mail."""

    passage: Passage
    attempts: tuple[Attempt, ...]
    next: Next | None
    report: Passage | None
    acts: tuple[Engagement, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """One message; `left_out` counts recipients that are not told of, for there are too many."""

    id: str
    decisions: tuple[Decision, ...]
    stories: tuple[Story, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Refused:
    """One refusal: what was turned down, by the connection of that name, and the decisions up to it."""

    turned: Turned
    connection: str
    decisions: tuple[Decision, ...]


@use_case
async def message(installation: Installation, id: str, to: str = "") -> Explanation:
    """A message by its id, or by that of a recipient, who then is the only one told of; `to` is one recipient's
    address."""
    card = await messages.find(installation, id)
    chosen = Selection(message=card.id)
    if id != card.id:
        chosen = replace(chosen, recipient=id)
    if to:
        chosen = replace(chosen, to=checked.mailbox("to", to).key)
    found = await installation.history.passages(chosen, messages.MAX_PASSAGES)
    if not found:
        raise Unknown("recipient", to)
    told = sorted(found, key=lambda each: each.recipient)[:MAX_RECIPIENTS]
    stories = [await _story(installation, passage) for passage in told]
    return Explanation(card.id, _decisions(card.verdicts), tuple(stories), len(found) - len(told))


@use_case
async def refusals(installation: Installation, connection: str = "", last: int = 20) -> Sequence[Refused]:
    """The newest refusals, newest first, of a connection or of all."""
    last = checked.number("last", last, 1, MAX_REFUSALS)
    everyone = {each.id: each.name for each in await installation.registry.connections("")}
    chosen = (await names.connection(installation.registry, connection)).id if connection else ""
    return [
        Refused(each, everyone.get(each.connection, ""), _decisions(each.verdicts, each.stage))
        for each in await installation.history.refusals(chosen, last)
    ]


async def _story(installation: Installation, passage: Passage) -> Story:
    attempts = tuple(await installation.history.attempts(passage.recipient))
    acts = tuple(await installation.history.acts(passage.recipient))
    if not passage.state.final:
        return Story(passage, attempts, await _next(installation, passage, attempts), None, acts)
    reports: Sequence[Passage] = ()
    if passage.state is not State.DELIVERED:
        reports = await installation.history.passages(
            Selection(message=report_id(passage.recipient, passage.last_at)), 1
        )
    return Story(passage, attempts, None, reports[0] if reports else None, acts)


async def _next(installation: Installation, passage: Passage, attempts: Sequence[Attempt]) -> Next:
    if passage.leased:
        return Next(0, "in_hand", {})
    if passage.held:
        return Next(0, "held", {"expires_at": passage.expires_at})
    for each in await installation.registry.connections(passage.account):
        if each.id == passage.connection and each.status != "active":
            return Next(passage.due_at, "connection_active", {"status": each.status})
    facts = dict(attempts[-1].facts) if attempts else {"rule": "first"}
    if passage.last_reply != (attempts[-1].reply if attempts else ""):
        facts = {"rule": "left_alone", "reply": passage.last_reply}
    elif attempts and passage.due_at != attempts[-1].due_at:
        facts = {"rule": "moved"}
    return Next(passage.due_at, str(facts.pop("rule", "")), facts)


def _decisions(verdicts: Sequence[Mapping[str, object]], last: str = "") -> tuple[Decision, ...]:
    """Verdicts as they were kept; `last` is the stage of the last one, where it is known."""
    found = [_decision(verdict) for verdict in verdicts]
    if found and last:
        found[-1] = replace(found[-1], stage=last)
    return tuple(found)


def _decision(verdict: Mapping[str, object]) -> Decision:
    rule, facts = str(verdict.get("rule", "")), verdict.get("facts")
    return Decision(
        _STAGE_OF.get(rule, rule),
        rule,
        bool(verdict.get("allowed")),
        facts if isinstance(facts, Mapping) else {},
        str(verdict.get("reply", "")),
    )
