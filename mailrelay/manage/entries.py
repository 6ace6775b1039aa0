"""What moved a balance: the entries of the ledger, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..interfaces.books import MOVEMENTS, OF_RECIPIENTS, Entry, Mark, Wanted
from . import checked, names
from .errors import Invalid
from .installation import Installation, use_case

MOST = 500


@dataclass(frozen=True, slots=True)
class Page:
    """Entries, the newest first, and the mark before which the next page begins, "" for none."""

    entries: Sequence[Entry]
    before: str


@use_case
async def page(
    installation: Installation,
    account: str = "",
    kind: str = "",
    sends: bool = False,
    since: int = 0,
    until: int = 0,
    before: str = "",
    limit: int = 50,
) -> Page:
    """What moved the balance of an account as a whole, or with `sends` what single recipients were charged and given
    back. `kind` is one of the kinds of entries; `before` is the mark that the page before gave."""
    owner = await names.account(installation.registry, account)
    kinds = (*MOVEMENTS, *OF_RECIPIENTS)
    if kind and kind not in kinds:
        raise Invalid("kind", f"{kind!r} is none of {', '.join(kinds)}")
    limit = checked.number("limit", limit, 1, MOST)
    of_recipients = kind in OF_RECIPIENTS or (sends and not kind)
    wanted = Wanted(owner.id, of_recipients, kind, since, until, _mark(before) if before else None)
    found = list(await installation.books.page(wanted, limit + 1))
    more, found = len(found) > limit, found[:limit]
    return Page(found, mark(found[-1].mark) if more else "")


def mark(value: Mark) -> str:
    """A mark as one word."""
    return f"{value.at}-{value.kind}-{value.subject}"


def _mark(text: str) -> Mark:
    at, _, rest = text.partition("-")
    kind, _, subject = rest.partition("-")
    if not (at.isascii() and at.isdigit() and len(at) < 19 and kind and subject and text.isprintable()):
        raise Invalid("before", "is not what a page before gave")
    return Mark(int(at), subject, kind)
