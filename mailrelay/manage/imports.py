"""Lists of suppressed addresses that people bring along: what can be read is taken, the rest is told line by line.

Unlike `suppressions.take_in`, which takes a list whole or not at all, a list of some hundred thousand addresses with a
few broken ones is of use here. An address that is suppressed already stays as it is, with its reason: so an import can
be undone as a whole by its origin, and nobody who had complained before is written to again. Each list has an origin of
its own. A list that was cut off, by the end of the daemon, is brought again: what is there already is known.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ..interfaces.registry import Imported, Suppression
from ..mail.envelope import SECOND
from . import checked, names, suppressions
from .audited import audited
from .errors import Invalid
from .installation import Installation, use_case
from .suppressions import COLUMNS, MAX_ROWS, TOGETHER

#: Octets of a list.
MOST_OCTETS = 32 << 20
#: Lines that were refused and are told one by one, and lists that are told.
MOST_TOLD, MOST_LISTS = 200, 100


@dataclass(slots=True)
class Progress:
    """How far an import is: rows of the list, those done, addresses added and known already, and the lines that were
    refused, of which the first are told with their words."""

    origin: str = ""
    rows: int = 0
    done: int = 0
    added: int = 0
    known: int = 0
    refused: int = 0
    lines: list[tuple[int, str]] = field(default_factory=list)

    def refuse(self, number: int, words: str) -> None:
        """A line cannot be taken."""
        self.refused += 1
        if len(self.lines) < MOST_TOLD:
            self.lines.append((number, words))


@audited("suppression.import")
async def bring(
    installation: Installation,
    account: str,
    text: str,
    reason: str = "manual",
    name: str = "",
    progress: Progress | None = None,
) -> Progress:
    """Suppress the addresses of a list: CSV whose first line names the columns, or one address in each line.

    `reason` is for rows without their own, `name` becomes a part of the origin, which all rows have. `progress` tells
    how far it is meanwhile, and is what comes of it.
    """
    owner = await names.account(installation.registry, account)
    usual = {"reason": suppressions.reason_of(reason)}
    told = progress or Progress()
    now = installation.now()
    told.origin = _origin(name, now, installation.new_id())
    lines = text.removeprefix("\ufeff").splitlines()
    told.rows = max(0, len(lines) - (1 if _has_head(lines) else 0))
    batch: list[Suppression] = []
    for number, row in _rows(lines, told):
        try:
            own = {column: cell for column, cell in row.items() if column != "origin"}
            batch.append(suppressions.read_row(owner.id, number, own | {"origin": told.origin}, usual, now))
        except Invalid as error:
            told.refuse(number, error.reason)
        if len(batch) >= TOGETHER:
            await _take(installation, batch, told, number)
            batch = []
    await _take(installation, batch, told, told.rows)
    told.done = told.rows
    return told


@use_case
async def every(installation: Installation, account: str = "") -> Sequence[Imported]:
    """The lists that came in and of which something is left, of an account or of all, the newest first."""
    owner = await names.account_id(installation.registry, account)
    return await installation.registry.suppression_imports(owner, MOST_LISTS)


async def _take(installation: Installation, batch: Sequence[Suppression], told: Progress, done: int) -> None:
    if batch:
        added = await installation.registry.add_suppressions(batch, installation.now())
        told.added += len(added)
        told.known += len(batch) - len(added)
    told.done = min(done, told.rows)


def _origin(name: str, now: int, id: str) -> str:
    """Words that no other list has, by which people know it again."""
    at = datetime.fromtimestamp(now // SECOND, UTC).strftime("%Y-%m-%d %H:%M")
    shown = checked.printable("name", name.strip(), 200)[:100]
    return " ".join(each for each in ("import", at, shown, id[-6:]) if each)


def _has_head(lines: Sequence[str]) -> bool:
    return bool(lines) and "@" not in lines[0]


def _rows(lines: Sequence[str], told: Progress) -> Iterator[tuple[int, Mapping[str, str]]]:
    """The rows of a list, each with its line number; those that have no meaning are refused. No cell goes over the end
    of its line, so that a quote that is never closed costs one address and not all behind it."""
    head = ["address"]
    for number, line in enumerate(lines, 1):
        try:
            row = next(csv.reader([line], strict=True), [])
        except csv.Error as error:
            told.refuse(number, f"is no CSV: {error}")
            continue
        if number == 1 and _has_head(lines):
            head = _head(row)
            continue
        if number > MAX_ROWS:
            raise Invalid("list", f"it has more than {MAX_ROWS} rows")
        if len(row) > len(head):
            told.refuse(number, f"has more than {len(head)} cells")
            continue
        cells = {name: cell.strip() for name, cell in zip(head, row, strict=False)}
        if any(cells.values()):
            yield number, cells


def _head(row: Sequence[str]) -> list[str]:
    head = [name.strip().lower() for name in row]
    if "address" not in head:
        raise Invalid("list", f"the first line names no column address; the columns are {', '.join(COLUMNS)}")
    if unknown := [name for name in head if name not in COLUMNS]:
        raise Invalid("list", f"{unknown[0]!r} is no column; the columns are {', '.join(COLUMNS)}")
    return head
