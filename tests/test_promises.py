"""The tables of docs/dialects.md: what they say is shown by a test is shown by one that exists."""

from __future__ import annotations

import ast
from functools import cache

from .ran import PAGE, ROOT, left_out, named


@cache
def names(file: str) -> frozenset[str]:
    """The names of the tests in a file; none where there is no file."""
    if not (ROOT / file).is_file():
        return frozenset()
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds) and node.name.startswith("test"))


def rows() -> list[tuple[str, str]]:
    """Each promise with what shows it."""
    _, _, behind = PAGE.partition("\n## What the services' pages promise\n")
    section = behind.partition("\n## ")[0]
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return [(promise, shown) for promise, shown in lines if promise != "promise"]


def test_every_test_exists() -> None:
    """Every test that the page names is there."""
    found = named(PAGE)
    assert len(found) > 60
    missing = [f"{file}::{name}" for file, name in found if name not in names(file) | {""}]
    assert missing == []


def test_every_promise_is_shown() -> None:
    """Each sentence of the four pages has a test, and none is owed."""
    found = rows()
    assert len(found) > 70
    for promise, shown in found:
        assert named(shown) and "*due" not in shown, promise


def test_what_a_full_run_left_out() -> None:
    """A named test that did not pass is told, whichever of its parameters did; a file is named for any of its tests."""
    page = "`tests/a.py::test_one` `tests/a.py::test_two` `tests/b.py` `tests/c.py`"
    passed = ["tests/a.py::test_one[x::y]", "tests/b.py::Case::test_three"]
    assert left_out(page, passed) == ["tests/a.py::test_two", "tests/c.py"]
