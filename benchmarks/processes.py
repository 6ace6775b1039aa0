"""What a server's processes cost: the CPU time of a tree of processes, from Linux's /proc.

`cpu_seconds` counts a process, all its descendants, and those of them that died and were waited for, in steps of the
kernel's tick (mostly 10 ms). It never counts what an orphan used that init adopted.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the third on (proc(5)); None when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def tree(roots: Sequence[int]) -> list[int]:
    """Processes and their living descendants."""
    children = defaultdict(list)
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := _stat(int(entry))) is not None:
            children[int(fields[1])].append(int(entry))
    found = list(roots)
    for pid in found:
        found.extend(children[pid])
    return found


def cpu_seconds(roots: Sequence[int]) -> float:
    """User and system time of trees of processes, their dead children included."""
    ticks = 0
    for pid in tree(roots):
        if (fields := _stat(pid)) is not None:
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / TICK


def memory_megabytes(roots: Sequence[int]) -> float:
    """Proportional set size of trees of processes."""
    kilobytes = 0
    for pid in tree(roots):
        try:
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    kilobytes += int(line.split()[1])
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return kilobytes / 1024


def settled(roots: Sequence[int], quiet: float = 1.5, patience: float = 60.0) -> float:
    """Wait until trees of processes have used at most a tick within `quiet` seconds; gives its CPU seconds then."""
    deadline = time.monotonic() + patience
    before = cpu_seconds(roots)
    while time.monotonic() < deadline:
        time.sleep(quiet)
        now = cpu_seconds(roots)
        if now - before <= 2 / TICK:
            return now
        before = now
    raise TimeoutError(f"process {roots[0]} did not come to rest within {patience:.0f} s")


def wait_until(condition: Callable[[], bool], what: str, patience: float) -> None:
    """Look ten times a second until something holds; `TimeoutError` names what did not."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} took more than {patience:.0f} s")
        time.sleep(0.1)
