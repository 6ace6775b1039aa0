"""Has a full run passed every test that docs/dialects.md names? ``python -m tests.ran FILE``.

FILE has a line for each test that passed (MAILRELAY_RAN, see `tests.conftest`). `tests.test_promises` can tell that a
named test exists; that it was run, and not left out by a mark, a lane or a missing room, only the whole run can tell.
Ends with status 1 and the ids of those that were not.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "dialects.md").read_text("utf-8")

_ID = re.compile(r"`(tests/[\w/.]+\.py)(?:::(\w+))?`")


def named(page: str) -> list[tuple[str, str]]:
    """The tests that a page names: (file, test), "" for a whole file."""
    found: list[tuple[str, str]] = _ID.findall(page)
    return found


def left_out(page: str, passed: Iterable[str]) -> list[str]:
    """The tests that a page names and that did not pass; of a file that is named alone any test will do."""
    seen: set[tuple[str, str]] = set()
    for line in passed:
        file, _, rest = line.strip().partition("::")
        seen |= {(file, ""), (file, rest.partition("[")[0].rpartition("::")[2])}
    return sorted("::".join(filter(None, each)) for each in set(named(page)) - seen)


if __name__ == "__main__":
    missing = left_out(PAGE, Path(sys.argv[1]).read_text("utf-8").splitlines())
    sys.exit(
        "\n".join(f"{each}: docs/dialects.md names it, and it was not passed in this run" for each in missing) or 0
    )
