"""What became of messages: the send history by the page, and one message with the decisions taken about it.

A message is named by its id, that of its final 250, or by the id of one of its recipients. Nothing here reads or
shows the content of a message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..interfaces.history import Attempt, Page, Passage, Selection
from ..mail.envelope import State
from . import checked
from .errors import Invalid, Unknown
from .installation import Installation, use_case
from .queue import Which, selection

#: Most passages in one answer.
MAX_PASSAGES = 10_000
#: Recipients of a message whose attempts are on its card.
ATTEMPTS_OF = 20


@dataclass(frozen=True, slots=True)
class Card:
    """One message: its recipients, in the order they were given, the decisions on its way, and the attempts made at
    its first recipients, each with the recipient's address."""

    id: str
    passages: tuple[Passage, ...]
    verdicts: tuple[Mapping[str, object], ...]
    attempts: tuple[tuple[str, Attempt], ...] = ()


@use_case
async def every(
    installation: Installation, which: Which, states: Sequence[str] = (), limit: int = 50, before: str = ""
) -> Sequence[Passage]:
    """The newest passages that fit, those older than the recipient id `before` when it is given, however many pages are
    looked through for them."""
    limit = checked.number("limit", limit, 1, MAX_PASSAGES)
    chosen = await selection(installation, which, tuple(_state(each) for each in states))
    found: list[Passage] = []
    before = before or chosen.before
    while True:
        page = await installation.history.page(replace(chosen, before=before), limit - len(found))
        found += page.passages
        before = page.before
        if not before or len(found) >= limit:
            return found


@use_case
async def page(installation: Installation, which: Which, states: Sequence[str] = (), limit: int = 50) -> Page:
    """A page of the send history, the newest first; `which.before` is where it begins, as the last page told. It is
    found at once however long the history is, so it may be short, or empty, and others follow all the same."""
    limit = checked.number("limit", limit, 1, MAX_PASSAGES)
    chosen = await selection(installation, which, tuple(_state(each) for each in states))
    return await installation.history.page(chosen, limit)


@use_case
async def find(installation: Installation, id: str) -> Card:
    """One message by its id, or by the id of one of its recipients."""
    found = await installation.history.passages(Selection(message=id), MAX_PASSAGES)
    if not found:
        for each in await installation.history.passages(Selection(recipient=id), 1):
            return await find(installation, each.id)
        raise Unknown("message", id)
    verdicts = await installation.history.verdicts(id)
    passages = sorted(found, key=lambda each: each.recipient)
    attempts = [
        (each.rcpt, attempt)
        for each in passages[:ATTEMPTS_OF]
        for attempt in await installation.history.attempts(each.recipient)
    ]
    return Card(id, tuple(passages), tuple(verdicts), tuple(attempts))


def _state(text: str) -> State:
    try:
        return State(text)
    except ValueError as error:
        raise Invalid("state", f"{text!r} is none of {', '.join(State)}") from error
