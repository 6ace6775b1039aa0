"""The send history as a file: CSV for spreadsheets, NDJSON (a JSON object in each line) for programs.

Written page by page, each only when the reader has taken the last one, so that memory does not grow with what is
exported. A cell of CSV that a spreadsheet would take for a formula begins with an apostrophe: addresses, subjects and
references are written by strangers.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from ..interfaces.history import Passage
from ..policy.dialect import Dialects
from . import messages, plain_mail
from .errors import Invalid
from .installation import Installation, use_case
from .queue import Which

FORMATS: Mapping[str, str] = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}

#: Recipients that are in memory at once.
PAGE = 500

#: The columns of CSV, keys of `plain_mail.passage`; the metadata is JSON.
COLUMNS = (
    *("accepted_at", "id", "recipient", "account", "connection", "dialect", "sender", "rcpt", "destination", "subject"),
    *("state", "dialect_status", "attempts", "billed", "tag", "client_ref", "template", "metadata", "size", "last_at"),
    *("last_host", "last_reply", "opened_at", "opens", "clicked_at", "clicks", "unsubscribed_at", "complained_at"),
)

#: Takes a part of the file, and gives room for the next when it has been taken.
Write = Callable[[str], Awaitable[None]]


@use_case
async def export(installation: Installation, which: Which, states: Sequence[str], format: str, write: Write) -> int:
    """Write all that fits, the newest first; gives how many recipients that were."""
    if format not in FORMATS:
        raise Invalid("format", f"{format!r} is none of {', '.join(FORMATS)}")
    page = await messages.page(installation, which, states, PAGE)
    if format == "csv":
        await write(_csv([COLUMNS]))
    total = 0
    while True:
        total += len(page.passages)
        if page.passages:
            await write(_written(page.passages, format, installation.dialects))
        if not page.before:
            return total
        page = await messages.page(installation, replace(which, before=page.before), states, PAGE)


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
