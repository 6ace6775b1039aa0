"""Lists as files: the send history as CSV for spreadsheets or NDJSON (a JSON object in each line) for programs, and
suppressions as CSV.

Written page by page, the newest first, each page only when the reader has taken the last one, so that memory does not
grow with what is exported. A cell of CSV that a spreadsheet would take for a formula begins with an apostrophe: what
stands in it is written by strangers.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..interfaces.history import Passage
from ..policy.dialect import Dialects
from . import messages, plain_mail, suppressions
from .errors import Invalid
from .installation import Installation, use_case
from .queue import Which

FORMATS: Mapping[str, str] = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}

#: Recipients, and suppressions, that are in memory at once.
PAGE, ADDRESSES = 500, 20_000

#: The columns of CSV, keys of `plain_mail.passage`; the metadata is JSON.
COLUMNS = (
    *("accepted_at", "id", "recipient", "account", "connection", "dialect", "sender", "rcpt", "destination", "subject"),
    *("state", "dialect_status", "attempts", "billed", "tag", "client_ref", "template", "metadata", "size", "last_at"),
    *("last_host", "last_reply", "opened_at", "opens", "clicked_at", "clicks", "unsubscribed_at", "complained_at"),
)

#: Takes a part of the file, and gives room for the next when it has been taken.
Write = Callable[[str], Awaitable[None]]


@dataclass(slots=True)
class Progress:
    """How far an export is: `rows` are written, from the `newest` back to what came `at` that instant; `whole` when
    those are all."""

    rows: int = 0
    newest: int = 0
    at: int = 0
    whole: bool = False

    def wrote(self, instants: Sequence[int]) -> None:
        """Rows of these instants were written."""
        self.rows += len(instants)
        if instants:
            self.newest = self.newest or instants[0]
            self.at = instants[-1]


@use_case
async def export(
    installation: Installation,
    which: Which,
    states: Sequence[str],
    format: str,
    write: Write,
    progress: Progress | None = None,
) -> int:
    """Write all that fits; gives how many recipients that were. `progress` tells how far it is meanwhile."""
    told = progress or Progress()
    if format not in FORMATS:
        raise Invalid("format", f"{format!r} is none of {', '.join(FORMATS)}")
    page = await messages.page(installation, which, states, PAGE)
    if format == "csv":
        await write(_csv([COLUMNS]))
    while True:
        if page.passages:
            await write(_written(page.passages, format, installation.dialects))
        told.wrote([each.accepted_at for each in page.passages])
        if not page.before:
            told.whole = True
            return told.rows
        page = await messages.page(installation, replace(which, before=page.before), states, PAGE)


@use_case
async def suppressed(
    installation: Installation,
    account: str,
    wanted: Mapping[str, str],
    write: Write,
    progress: Progress | None = None,
) -> int:
    """Write the suppressions that fit, as `suppressions.search` finds them by what is `wanted` (text, reason, origin);
    gives how many those were."""
    told = progress or Progress()
    before = ""
    while True:
        page = await suppressions.search(installation, account, **wanted, before=before, limit=ADDRESSES)
        rows = list(suppressions.written(page.suppressions))
        await write(_csv(rows[1:] if before else rows))
        told.wrote([each.created_at for each in page.suppressions])
        before = page.before
        if not before:
            told.whole = True
            return told.rows


def _written(passages: Sequence[Passage], format: str, dialects: Dialects) -> str:
    rows = [plain_mail.passage(each, dialects) for each in passages]
    if format == "ndjson":
        return "".join(f"{json.dumps(row)}\n" for row in rows)
    return _csv([[cell(row[column]) for column in COLUMNS] for row in rows])


def cell(value: object) -> str:
    """A value as a cell that no spreadsheet runs (OWASP, CSV injection)."""
    text = json.dumps(value) if isinstance(value, dict) else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text


def _csv(rows: Sequence[Sequence[str]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()
