"""The page of the audit log: who changed what, when, from where, and for whom."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from klein import Klein
from twisted.web.server import Request

from ...interfaces.changes import Change, Wanted
from ...manage import accounts, audited, changes, spans
from ...manage.caller import COMMAND_LINE, DAEMON, TOKEN
from ...manage.errors import Invalid, Unknown
from .. import query
from ..markup import Markup, join, tag
from . import faults, look
from .frame import Console
from .visit import Visit

HERE = "/console/changes"
SHOWN = 50
_FIELDS = ("who", "action", "account", "since", "until")
#: What has a column of its own.
_SHOWN = ("name", "account")
_BY = {COMMAND_LINE: "on the machine", DAEMON: "by itself", TOKEN: "by the API"}


def add_routes(app: Klein, console: Console) -> None:
    """Serve the page."""

    @app.route(HERE, methods=["GET"])
    async def console_changes(request: Request) -> bytes:
        visit = await console.visit(request)
        given = {name: query.text(request, name).strip() for name in _FIELDS}
        owners = {each.id: each.name for each in await accounts.every(visit.installation)}
        try:
            found = await changes.page(visit.installation, _wanted(visit, request, given), SHOWN)
        except (Invalid, Unknown) as fault:
            request.setResponseCode(400)
            return console.page(request, visit, "Audit log", _form(visit, given, owners, fault), here=HERE)
        body = [_form(visit, given, owners), _list(visit, given, found, owners)]
        if len(found) == SHOWN:
            asked = {name: value for name, value in given.items() if value} | {"before": found[-1].id}
            body.append(look.older(f"{HERE}?{urlencode(asked)}"))
        return console.page(request, visit, "Audit log", *body, here=HERE)


def _wanted(visit: Visit, request: Request, given: Mapping[str, str]) -> Wanted:
    since, until = (
        spans.instant(name, given[name], visit.zone) if given[name] else 0 for name in ("since", "until")
    )  # fmt: skip
    return Wanted(given["who"], given["action"], given["account"], since, until, query.text(request, "before"))


def _form(
    visit: Visit, given: Mapping[str, str], owners: Mapping[str, str], fault: Invalid | Unknown | None = None
) -> Markup:
    wrong = faults.beside(fault)
    kinds = [("", "Everything"), *((each, each.replace("-", " ")) for each in audited.kinds())]
    if given["action"] not in [value for value, _ in kinds]:
        kinds.append((given["action"], _words(given["action"])))
    fields = [
        look.field("who", "By", value=given["who"], type="search"),
        look.choice("action", "What", kinds, given["action"]),
        look.field("since", "From", wrong.get("since", ""), type="datetime-local", value=given["since"]),
        look.field("until", "Until", wrong.get("until", ""), type="datetime-local", value=given["until"]),
    ]
    if not visit.caller.bound:
        mine = [("", "All"), *((name, name) for name in owners.values())]
        fields.append(look.choice("account", "Account", mine, given["account"], wrong.get("account", "")))
    return look.filters(HERE, *fields)


def _list(visit: Visit, given: Mapping[str, str], found: Sequence[Change], owners: Mapping[str, str]) -> Markup:
    if not found:
        if any(given.values()):
            return look.nothing("Nothing fits.", tag("a", "Show everything", href=HERE, class_="button quiet"))
        return look.nothing("Nothing was changed yet. Every change of a setting will stand here, with whoever made it.")
    heads, rows = ["When", "By", "What", "On", "Details"], []
    for each in found:
        row: list[str] = [
            look.when(each.at, visit.now, visit.zone),
            _who(each, owners),
            tag("a", _words(each.action), href=f"{HERE}?{urlencode({'action': each.action})}"),
            tag("bdi", each.name or each.object or "–"),
            _details(each),
        ]
        if not visit.caller.bound:
            row.insert(4, owners.get(each.account, each.account) or "–")
        rows.append(row)
    if not visit.caller.bound:
        heads.insert(4, "Account")
    return look.table("Changes, newest first", heads, rows)


def _words(action: str) -> str:
    """An action as people say it: "connection: new password"."""
    kind, _, act = action.partition(".")
    return f"{kind.replace('-', ' ')}: {act.replace('-', ' ')}"


def _who(each: Change, owners: Mapping[str, str]) -> Markup:
    told = tag("span", each.who) if each.who != each.kind else Markup("")
    kind = _BY.get(each.kind, "")
    acting = f"for {owners.get(each.acting, each.acting)}" if each.acting else ""
    rest = ", ".join(word for word in (kind, f"from {each.address}" if each.address else "", acting) if word)
    return join(told, tag("div", rest, class_="hint") if rest else "")


def _details(each: Change) -> Markup:
    found: dict[str, object] = json.loads(each.details or "{}")
    told = [f"{name.replace('_', ' ')}: {_value(value)}" for name, value in sorted(found.items()) if name not in _SHOWN]
    return tag("span", "; ".join(told), class_="details")


def _value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
