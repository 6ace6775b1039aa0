"""Events: what happened to mail, page by page, as it leaves the house.

Each field has its meaning in `mail.event`, from which docs/events.md is made (`mailrelay event types`), so that nothing
is sent that the page does not tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..interfaces.events import MOST, Happening, Page, Sought
from ..mail.event import FIELDS, OF_ACCOUNTS, OF_RECIPIENTS, Event
from . import checked, names
from .errors import Invalid
from .installation import Installation, use_case
from .plain import Plain, instant


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events, in a person's words; empty fields do not narrow. `since` is a cursor: the number of the last event
    that was seen, 0 for the oldest that is kept."""

    account: str = ""
    connection: str = ""
    types: Sequence[str] = ()
    since: int = 0
    limit: int = 100


@use_case
async def page(installation: Installation, wanted: Wanted) -> Page:
    """The next events that fit; an account or connection that does not exist raises `Unknown`."""
    limit = checked.number("limit", wanted.limit, 1, MOST)
    since = checked.number("since", wanted.since, 0, 1 << 62)
    sought = await _sought(installation, wanted)
    return await installation.events.after(since, sought, limit)


@use_case
async def cursor(installation: Installation, at: int) -> int:
    """The cursor behind which is what happened at an instant, or later, as far as it is kept."""
    return await installation.events.before(at)


async def _sought(installation: Installation, wanted: Wanted) -> Sought:
    account = (await names.account(installation.registry, wanted.account)).id if wanted.account else ""
    connection = ""
    if wanted.connection:
        connection = (await names.connection(installation.registry, wanted.connection, account)).id
    return Sought(account, connection, kinds("type", wanted.types))


def kinds(field: str, words: Sequence[str]) -> tuple[Event, ...]:
    """Events by their words; a word that is none is refused."""
    known = {each.value: each for each in Event}
    for word in words:
        if word not in known:
            raise Invalid(field, f"{word!r} is none of {', '.join(known)}")
    return tuple(known[word] for word in words)


def plain(value: Happening, owners: Mapping[str, str]) -> Plain:
    """An event as it leaves; `owners` gives the names of accounts by id."""
    shared: Plain = {
        "id": value.id,
        "type": value.event.value,
        "at": instant(value.at),
        "account": owners.get(value.account, value.account),
        "connection": value.connection_name or value.connection,
    }
    if value.event.about == "account":
        return shared | {"facts": dict(value.facts)}
    return shared | {
        "final": value.event.final,
        "class": value.bounce_class,
        "dialect": value.dialect,
        "message": value.message,
        "recipient": value.recipient,
        "from": value.sender,
        "to": value.rcpt,
        "subject": value.subject,
        "tag": value.tag,
        "client_ref": value.client_ref,
        "metadata": dict(value.metadata),
        "accepted_at": instant(value.accepted_at),
        "attempt": value.attempt,
        "next_try_at": instant(value.due_at),
        "route": value.route,
        "host": value.host,
        "tls": value.tls,
        "reply": value.reply,
        "machine": value.machine,
        "url": value.target,
        "ip": value.address,
        "user_agent": value.agent,
    }


def tables() -> str:
    """The types of events and their fields in Markdown, as docs/events.md has them."""
    lines = ["| type | about | final | meaning |", "|---|---|---|---|"]
    lines += [f"| `{e.value}` | {e.about} | {'yes' if e.final else 'no'} | {e.meaning} |" for e in Event]
    for title, fields in (
        ("Every event", FIELDS),
        ("Of a recipient", OF_RECIPIENTS),
        ("Of an account", OF_ACCOUNTS),
    ):
        lines += ["", f"{title}:", "", "| field | meaning |", "|---|---|"]
        lines += [f"| `{name}` | {meaning} |" for name, meaning in fields.items()]
    return "\n".join(lines) + "\n"
