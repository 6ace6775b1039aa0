"""The budget: µs of CPU that one message costs, a row for each step, and the whole daemon beneath.

Each step is measured alone (`steps`), three times, in a process of its own; the whole is scenario R with this
relay. The target for the whole is 500 µs for a message of 4 KiB.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from .relay import measure
from .server import Relay
from .steps import STEPS

ROUNDS = 3


def step(name: str, messages: int, folder: Path) -> float:
    """One run of a step: µs of CPU for each message."""
    with tempfile.TemporaryDirectory(prefix="bench-step-", dir=folder) as state:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.steps", name, str(messages), state],
            capture_output=True,
            text=True,
            check=False,
        )
    try:
        return float(done.stdout)
    except ValueError:
        raise SystemExit(f"step {name}: {done.stderr or done.stdout}") from None


def budget(messages: int, folder: Path) -> None:
    """Measure and print the table."""
    costs = {name: median(step(name, messages, folder) for _ in range(ROUNDS)) for name in STEPS}
    _, whole = measure(Relay, messages, True, folder)
    rows = {
        "wire in: SMTP, one session's share": costs["wire in"],
        "admission: policy, ids, header": costs["admission"],
        "commit: accept, reserve, keep": costs["commit"],
        "compose: the bytes that leave": costs["compose"],
        "wire out: envelope, body, verdict": costs["wire out"],
        "settle: state, charge, counters": costs["commit and settle"] - costs["commit"],
    }
    total = 1e6 / whole.per_cpu_second
    print(f"\nBudget: µs of CPU for each message of 4 KiB, median of {ROUNDS} runs of {messages}")
    for row, cost in rows.items():
        print(f"  {row:44}{cost:8.0f}")
    print(f"  {'the rest: scheduler, log, look-ups, start-up':44}{total - sum(rows.values()):8.0f}")
    print(f"  {'the whole daemon, scenario R':44}{total:8.0f}")
    print(f"  {'besides, ten tracked links, and a pixel':44}{costs['compose personal']:8.0f}")
    print(f"  {'besides, 55 links in 20 KiB followed':44}{costs['links']:8.0f}")
    print(f"  {'besides, for a template of 6 kB: the relay':44}{costs['render']:8.0f}")
    print(f"  {'and its child, in another process':44}{costs['render, in the child']:8.0f}")
    print(f"  {'besides, in scenario D: both signatures':44}{costs['signing']:8.0f}")
