"""What stands on the pages of suppressions: the list with its search, the lists that came in, how far an import is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from ...interfaces.registry import Imported, Suppression
from ...manage.imports import MOST_TOLD, Progress
from ..markup import Markup, tag
from . import look
from .visit import Visit

HERE = "/console/suppressions"
IMPORTS = f"{HERE}/imports"
TABS = ((HERE, "Addresses"), (IMPORTS, "Import and export"))

REASONS = {
    "unsubscribe": "Unsubscribed",
    "complaint": "Complained",
    "hard_bounce": "Refused for good",
    "manual": "By hand",
}
_EMPTY = (
    "No address is suppressed. Those that unsubscribe, complain or are refused for good come here by themselves; a "
    "list of another service can be imported."
)


def reasons(every: str = "") -> Sequence[tuple[str, str]]:
    """The reasons to choose from; `every` is the choice of none."""
    return [*([("", every)] if every else []), *REASONS.items()]


def addresses(visit: Visit, found: Sequence[Suppression], accounts: Mapping[str, str], searched: bool) -> Markup:
    """The list."""
    if not found and searched:
        return look.nothing("No address fits.", tag("a", "Show all", href=HERE, class_="button quiet"))
    if not found:
        return look.nothing(_EMPTY, tag("a", "Import a list", href=IMPORTS, class_="button quiet"))
    whose = not visit.caller.bound
    heads = ("Address", *(("Account",) if whose else ()), "Why", "Since", "Until", "Origin", "Change")
    rows = [
        (
            each.address,
            *((accounts.get(each.account, each.account),) if whose else ()),
            REASONS.get(each.reason, each.reason),
            look.when(each.created_at, visit.now, visit.zone),
            look.when(each.expires_at, visit.now, visit.zone) if each.expires_at else "for good",
            _origin(each),
            _removing(visit, each),
        )
        for each in found
    ]
    return look.table("Suppressed addresses", heads, rows)


def _origin(each: Suppression) -> str:
    """Where one comes from; what is the id of a recipient leads to what was sent there."""
    if len(each.origin) == 26 and each.origin.isalnum() and each.origin.isupper():
        to = urlencode({"account": each.account, "to": each.address})
        return tag("a", "what was sent there", href=f"/console/history?{to}")
    return each.origin


def _removing(visit: Visit, each: Suppression) -> Markup:
    fields = [hidden("account", each.account), hidden("address", each.address)]
    remove = look.form(f"{HERE}/remove", visit.key, *fields, look.button("Remove", "danger"))
    return look.confirm("Remove …", f"{each.address} may be sent to again then.", remove)


def imports(visit: Visit, found: Sequence[Imported], accounts: Mapping[str, str]) -> Markup:
    """The lists that came in, each with its undoing."""
    if not found:
        return look.nothing("No list has come in yet.")
    whose = not visit.caller.bound
    rows = []
    for each in found:
        shown = f"{HERE}?{urlencode({'account': each.account, 'origin': each.origin})}"
        fields = [hidden("account", each.account), hidden("origin", each.origin)]
        undo = look.form(f"{HERE}/undo", visit.key, *fields, look.button("Undo", "danger"))
        warning = f"The {each.count} addresses that this list has suppressed may be sent to again then."
        rows.append(
            (
                tag("a", each.origin, href=shown),
                *((accounts.get(each.account, each.account),) if whose else ()),
                look.when(each.at, visit.now, visit.zone),
                str(each.count),
                look.confirm("Undo …", warning, undo),
            )
        )
    heads = ("List", *(("Account",) if whose else ()), "Came in", "Addresses", "Change")
    return look.table("Lists that came in", heads, rows)


def importing(progress: Progress, over: bool) -> tuple[Markup, ...]:
    """How far an import is, or what came of it."""
    if not over:
        return (look.progress("Importing", progress.done, progress.rows),)
    told = [
        ("Suppressed", f"{progress.added} addresses"),
        ("Known already", f"{progress.known}, which stay as they were"),
        ("Refused", f"{progress.refused} lines"),
    ]
    shown = [look.facts(told)]
    if progress.lines:
        rows = [(str(number), words) for number, words in progress.lines]
        more = f", the first {MOST_TOLD}" if progress.refused > len(progress.lines) else ""
        shown.append(look.table(f"Lines that were refused{more}", ("Line", "Why"), rows))
    return tuple(shown)


def removing(done: int, total: int, over: bool) -> tuple[Markup, ...]:
    """How far an undoing is."""
    if not over:
        return (look.progress("Undoing", done, total),)
    return (look.notice(f"{done} addresses may be sent to again.", "said"),)


def hidden(name: str, value: str) -> Markup:
    """A field that nobody sees."""
    return tag("input", type="hidden", name=name, value=value)
