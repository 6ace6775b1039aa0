"""Addresses that an account must not be sent to any more.

An address is compared by its canonical key, so every spelling of one mailbox is the same entry. Nothing here touches
mail that is already queued: suppression is judged again when a delivery is claimed. Lists come and go as CSV, in
transactions of at most `TOGETHER` rows; a list with a fault is refused whole before the first row is kept.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..interfaces.registry import Searched, Suppression
from ..mail.envelope import DAY
from . import checked, names, plain, spans
from .audited import audited
from .errors import Invalid, Unknown
from .installation import Installation, use_case

REASONS = ("unsubscribe", "complaint", "hard_bounce", "manual")
#: Columns of a list; of one that comes in only the first is needed.
COLUMNS = ("address", "reason", "origin", "created_at", "expires_at")
#: Rows of one transaction, rows of one list, and the longest life time in days.
TOGETHER, MAX_ROWS, MAX_DAYS = 500, 1_000_000, 3650

#: What a spreadsheet takes for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Cause:
    """Which suppressions: every word that is not empty must fit; since and until are dates, or dates and times, in ISO
    8601 (UTC where they name no zone), the end left out."""

    reason: str = ""
    origin: str = ""
    since: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of suppressions, and where the next one begins, "" behind the last."""

    suppressions: Sequence[Suppression]
    before: str


@audited("suppression.add")
async def add(
    installation: Installation,
    account: str,
    addresses: Sequence[str],
    reason: str = "manual",
    origin: str = "",
    days: int = 0,
) -> Sequence[Suppression]:
    """Suppress addresses, for a reason of `REASONS` and so many days (0: no end); one that is suppressed gets the new
    reason and end. All are checked before the first is kept."""
    owner = await names.account(installation.registry, account)
    now = installation.now()
    until = now + checked.number("days", days, 0, MAX_DAYS) * DAY if days else 0
    origin = checked.printable("origin", origin, 200)
    mailboxes = [checked.mailbox("address", each) for each in addresses]
    made = [Suppression(owner.id, each.key, each.address, reason_of(reason), origin, now, until) for each in mailboxes]
    await _put(installation, made)
    kept = {each.key: each for each in await installation.registry.suppressions(owner.id)}
    return [kept.get(each.key, each) for each in made]


@use_case
async def every(installation: Installation, account: str = "", reason: str = "") -> Sequence[Suppression]:
    """The suppressed addresses of an account, or of all, newest first; with a reason those that have it."""
    wanted = reason_of(reason) if reason else ""
    found = await installation.registry.suppressions(await names.account_id(installation.registry, account))
    return [each for each in found if wanted in ("", each.reason)]


@use_case
async def search(
    installation: Installation,
    account: str,
    text: str = "",
    reason: str = "",
    origin: str = "",
    before: str = "",
    limit: int = 100,
) -> Found:
    """A page of the suppressions of an account, or of all, the newest first, whose address has a text in it."""
    owner = await names.account_id(installation.registry, account)
    wanted = Searched(owner, text.strip(), reason_of(reason) if reason else "", origin, _place(before))
    found = await installation.registry.search_suppressions(wanted, checked.number("limit", limit, 1, MAX_ROWS) + 1)
    shown = found[:limit]
    ended = "|".join(map(str, Searched.place_of(shown[-1]))) if len(found) > limit else ""
    return Found(shown, ended)


def _place(before: str) -> tuple[int, str, str] | None:
    """Where a page begins: what `Found.before` says of the one before it."""
    if not before:
        return None
    at, _, rest = before.partition("|")
    account, _, key = rest.partition("|")
    if not (at.isascii() and at.isdigit() and len(at) < 19 and key):
        raise Invalid("before", "is no place in a list")
    return int(at), account, key


@use_case
async def find(installation: Installation, account: str, address: str) -> Suppression:
    """The suppression of one address."""
    owner = await names.account(installation.registry, account)
    key = checked.mailbox("address", address).key
    for each in await installation.registry.suppressions(owner.id):
        if each.key == key:
            return each
    raise Unknown("suppression", address)


@audited("suppression.remove")
async def remove(installation: Installation, account: str, addresses: Sequence[str]) -> None:
    """Let addresses be sent to again; all must be suppressed."""
    owner = await names.account(installation.registry, account)
    kept = {each.key for each in await installation.registry.suppressions(owner.id)}
    keys = [(each, checked.mailbox("address", each).key) for each in addresses]
    for address, key in keys:
        if key not in kept:
            raise Unknown("suppression", address)
    for _, key in keys:
        await installation.registry.remove_suppression(owner.id, key)


@audited("suppression.undo")
async def undo(
    installation: Installation, account: str, cause: Cause, told: Callable[[int], object] = lambda undone: None
) -> int:
    """Let all be sent to again whose suppression has this cause; gives how many, and tells how many each piece was that
    is done. A cause without a word is refused."""
    owner = await names.account(installation.registry, account)
    if cause == Cause():
        raise Invalid("reason", "give a reason, an origin, or a time: all suppressions at once are never meant")
    since = spans.instant("since", cause.since) if cause.since else 0
    until = spans.instant("until", cause.until) if cause.until else 0
    reason = reason_of(cause.reason) if cause.reason else ""
    total = 0
    while some := await installation.registry.undo_suppressions(owner.id, reason, cause.origin, since, until):
        total += some
        told(some)
    return total


@audited("suppression.import")
async def take_in(
    installation: Installation, account: str, lines: Iterable[str], reason: str = "manual", origin: str = "import"
) -> int:
    """Suppress the addresses of a list in CSV, its first line the names of columns; gives how many rows it has.

    `reason` and `origin` are for rows without their own. Fails with `Invalid` at the first row that does not hold.
    """
    owner = await names.account(installation.registry, account)
    usual = {"reason": reason_of(reason), "origin": checked.printable("origin", origin, 200)}
    now = installation.now()
    made = [read_row(owner.id, number, row, usual, now) for number, row in _rows(lines)]
    await _put(installation, made)
    return len(made)


def written(suppressions: Iterable[Suppression]) -> Iterator[tuple[str, ...]]:
    """The rows of a list, the names of columns first; no cell of it is a formula to a spreadsheet."""
    yield COLUMNS
    for each in suppressions:
        ends = plain.instant(each.expires_at)
        cells = (each.address, each.reason, each.origin, plain.instant(each.created_at), ends)
        yield tuple(f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells)


async def _put(installation: Installation, made: Sequence[Suppression]) -> None:
    for start in range(0, len(made), TOGETHER):
        await installation.registry.put_suppressions(made[start : start + TOGETHER])


def reason_of(text: str) -> str:
    """A reason that there is; fails with `Invalid`."""
    if text not in REASONS:
        raise Invalid("reason", f"{text!r} is none of {', '.join(REASONS)}")
    return text


def _rows(lines: Iterable[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The rows of a list, each with its line number."""
    reader = csv.reader(lines, strict=True)
    try:
        head = [name.strip().lower().removeprefix("\ufeff") for name in next(reader, [])]
        if "address" not in head:
            raise Invalid("line 1", f"names no column address; the columns are {', '.join(COLUMNS)}")
        if unknown := [name for name in head if name not in COLUMNS]:
            raise Invalid("line 1", f"{unknown[0]!r} is no column; the columns are {', '.join(COLUMNS)}")
        for count, row in enumerate(reader):
            if count == MAX_ROWS:
                raise Invalid(f"line {reader.line_num}", f"is beyond the {MAX_ROWS} rows that one list may have")
            if len(row) > len(head):
                raise Invalid(f"line {reader.line_num}", f"has more than {len(head)} cells")
            cells = {name: cell.strip() for name, cell in zip(head, row, strict=False)}
            if any(cells.values()):
                yield reader.line_num, cells
    except csv.Error as error:
        raise Invalid(f"line {reader.line_num}", f"is no CSV: {error}") from None
    except UnicodeDecodeError:
        raise Invalid(f"line {reader.line_num + 1}", "is not UTF-8") from None


def read_row(account: str, number: int, row: Mapping[str, str], usual: Mapping[str, str], now: int) -> Suppression:
    """The suppression that a row of a list asks for; fails with `Invalid` that names the line."""
    cells = {name: _unquoted(row.get(name, "")) or usual.get(name, "") for name in COLUMNS}
    try:
        mailbox = checked.mailbox("address", cells["address"])
        created = spans.instant("created_at", cells["created_at"]) if cells["created_at"] else now
        ends = spans.instant("expires_at", cells["expires_at"]) if cells["expires_at"] else 0
        origin = checked.printable("origin", cells["origin"], 200)
        return Suppression(account, mailbox.key, mailbox.address, reason_of(cells["reason"]), origin, created, ends)
    except Invalid as error:
        raise Invalid(f"line {number}", str(error)) from None


def _unquoted(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:].startswith(_FORMULA) else cell
