"""What commands print: JSON for programs, tables for people.

JSON is ASCII and complete. Tables show the columns that matter; on a terminal long cells are folded, elsewhere nothing
is cut or folded whatever the width. Characters that could act on a terminal are shown escaped.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from .frame import JSON

if TYPE_CHECKING:
    from rich.console import Console

#: Wide enough that a table which is not read on a terminal is never folded, in columns.
UNBOUNDED = 10_000


def wants_json() -> bool:
    """Has `--json` been given?"""
    return bool(click.get_current_context().meta.get(JSON))


def as_json(value: object) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, indent=2))


def table(rows: Sequence[Mapping[str, object]], columns: Sequence[str], title: str = "") -> None:
    """Print rows, with those columns for people; JSON has every key."""
    if wants_json():
        return as_json(list(rows))
    if not rows:
        print(f"{title}: none." if title else "None.")
        return
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=title or None, title_justify="left")
    for column in columns:
        right = all(isinstance(row[column], int) for row in rows)
        shown.add_column(column.replace("_", " "), justify="right" if right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(cell(row[column])) for column in columns))
    _console().print(shown)


def card(value: Mapping[str, object], note: str = "") -> None:
    """Print one thing, a line for each key, and a note for people below."""
    if wants_json():
        return as_json(dict(value))
    width = max(map(len, value), default=0)
    for key, each in value.items():
        print(f"{key.replace('_', ' '):{width}}  {cell(each)}".rstrip())
    if note:
        print(note)


def done(sentence: str, value: Mapping[str, object]) -> None:
    """Print that something was done: a sentence for people, the value for programs."""
    if wants_json():
        as_json(dict(value))
    else:
        print(cell(sentence))


def cell(value: object) -> str:
    """A value as a person reads it, on one line and without anything that a terminal would obey."""
    match value:
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(cell(each) for each in value)
        case dict():
            return ", ".join(f"{key}: {cell(each)}" for key, each in value.items())
    text = str(value)
    return (
        text
        if text.isprintable()
        else "".join(
            character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
            for character in text
        )
    )


def _console() -> Console:
    from rich.console import Console

    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else UNBOUNDED, highlight=False, markup=False)
