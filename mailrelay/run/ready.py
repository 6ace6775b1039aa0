"""The sign that everything listens: a file for programs, put in place by rename, taken away before we stop."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path


def publish(path: Path, facts: Mapping[str, object]) -> None:
    """Write the facts as JSON, readable by the owner only, whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(facts, file, indent=2, ensure_ascii=False)
        file.write("\n")
    os.replace(draft, path)


def withdraw(path: Path) -> None:
    """Take the sign away; nothing happens when there is none."""
    path.unlink(missing_ok=True)
