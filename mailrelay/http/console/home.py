"""The first page: today at a glance, what went wrong lately, and, until the first mail has arrived, what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from klein import Klein
from twisted.web.server import Request

from ...interfaces.history import Passage
from ...interfaces.registry import Account, Connection
from ...mail.envelope import State
from ...manage import accounts, connections, domains, messages, today
from ...manage.queue import Which
from ...manage.today import Today
from ..markup import Markup, join, tag
from . import chart, look
from .frame import Console
from .visit import Visit

HERE = "/console"
#: What counts as trouble, for how many days, and how much of it is shown.
TROUBLE = (State.BOUNCED, State.FAILED, State.EXPIRED, State.DEFERRED)
DAYS, SHOWN = 7, 6
_HISTORY, _CONNECTIONS = "/console/history", "/console/connections"


def add_routes(app: Klein, console: Console) -> None:
    """Serve the page."""

    @app.route(HERE, methods=["GET"])
    async def console_home(request: Request) -> bytes:
        visit = await console.visit(request)
        place, bound = visit.installation, visit.caller.bound
        account = await accounts.find(place, bound) if bound else None
        found = await today.show(place, bound)
        mine = await connections.every(place, bound)
        body: list[Markup] = [_blocked(mine)]
        delivered = await messages.page(place, Which(account=bound), (State.DELIVERED.value,), 1)
        if not delivered.passages and not delivered.before:
            body.append(_steps(await _done(visit, mine)))
        body += [_numbers(found, account), *_chart(found)]
        since = _midnight(found) - timedelta(days=DAYS - 1)
        wrong = await messages.page(
            place, Which(account=bound, since=since.isoformat()), tuple(each.value for each in TROUBLE), SHOWN
        )
        body += _trouble(visit, wrong.passages)
        return console.page(request, visit, "Today", *body, here=HERE)


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do before mail can flow: what, whether it is done, and where."""

    text: str
    done: bool
    path: str


async def _done(visit: Visit, mine: Sequence[Connection]) -> list[Step]:
    place, bound = visit.installation, visit.caller.bound
    verified = any(each.status == "verified" for each in await domains.every(place, bound))
    accepted = await messages.page(place, Which(account=bound), (), 1)
    steps = [
        Step(
            "Add the domain of your senders, publish its records, and have them checked", verified, "/console/domains"
        ),
        Step("Create a connection: it has the login that your application sends by", bool(mine), f"{_CONNECTIONS}/new"),
        Step("Have it activated", any(each.status == "active" for each in mine), _CONNECTIONS),
        Step("Send a mail by it; its card has the settings to paste", bool(accepted.passages), _CONNECTIONS),
        Step("See it arrive", False, _HISTORY),
    ]
    if not bound:
        owned = bool(await accounts.every(place))
        steps.insert(0, Step("Make an account for whoever sends", owned, "/console/accounts"))
    return steps


def _steps(steps: Sequence[Step]) -> Markup:
    """What is done is ticked; the first that is not is a link."""
    following = next((each for each in steps if not each.done), None)
    items = []
    for each in steps:
        text: str = tag("a", each.text, href=each.path) if each is following else each.text
        mark = tag("span", "done: ", class_="unseen") if each.done else ""
        items.append(tag("li", mark, text, class_="done" if each.done else False))
    return tag("section", tag("h2", "What to do next"), tag("ol", *items), class_="steps")


def _numbers(found: Today, account: Account | None) -> Markup:
    counts, since = found.counts, f"{_midnight(found):%Y-%m-%dT%H:%M}"
    told: list[tuple[str, int, dict[str, str] | None]] = [
        ("Accepted", counts["accepted"], {}),
        ("Delivered", counts["delivered"], {"state": "delivered"}),
        ("Waiting", counts["queued"] + counts["deferred"], None),
        ("Bounced", counts["bounced"], {"state": "bounced"}),
        ("Given up", counts["failed"] + counts["expired"], None),
        ("Opened", counts["opened"], None),
        ("Clicked", counts["clicked"], None),
    ]
    if account is not None:
        told.append(("Sends left", account.available, None))
    tiles = []
    for name, number, asked in told:
        shown: str = f"{number:,}"
        if number and asked is not None:
            shown = tag("a", shown, href=f"{_HISTORY}?{urlencode({**asked, 'from': since})}")
        tiles.append(tag("div", tag("dt", name), tag("dd", shown)))
    return tag("dl", *tiles, class_="tiles")


def _chart(found: Today) -> list[Markup]:
    if not found.counts["accepted"]:
        return [look.nothing("Nothing was accepted today yet.")]
    steps = [(label[11:16], counted) for label, counted in found.hours]
    # the rest of the day stands empty, so that a bar is as wide in the morning as in the evening
    steps += [(f"{hour:02}:00", {}) for hour in range(len(steps), 24)]
    told = f"{found.counts['accepted']} accepted since midnight, {found.counts['delivered']} of them delivered."
    return [tag("figure", chart.bars("Today's mail by the hour", told, steps), chart.legend(found.counts))]


def _midnight(found: Today) -> datetime:
    return found.span.local(found.span.since).replace(tzinfo=None)


def _blocked(mine: Sequence[Connection]) -> Markup:
    blocked = [each for each in mine if each.status == "blocked"][:SHOWN]
    return join(
        *(
            tag(
                "p", tag("a", each.name, href=f"{_CONNECTIONS}/{each.id}"), " is blocked",
                f": {each.status_reason}" if each.status_reason else "", class_="note trouble",
            )
            for each in blocked
        )
    )  # fmt: skip


def _trouble(visit: Visit, passages: Sequence[Passage]) -> list[Markup]:
    title = tag("h2", "Trouble of the last days")
    if not passages:
        return [title, tag("p", f"Nothing bounced, failed or was put off in the last {DAYS} days.", class_="hint")]
    rows = [
        (
            look.when(each.last_at or each.accepted_at, visit.now, visit.zone),
            tag("a", tag("bdi", each.rcpt), href=f"/console/messages/{each.recipient}"),
            tag("bdi", each.last_reply or "–"),
            look.status(each.state.value),
        )
        for each in passages
    ]
    return [title, look.table("The newest first", ("When", "To", "Why", "Status"), rows)]
