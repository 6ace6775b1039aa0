"""One daemon for one state folder: a lock that is held for life.

The kernel frees it when the process ends, however it ends, so a crash leaves nothing to clean up. It survives a fork
into the background. It is no lock against writers: commands work beside the daemon, behind the store's own lock.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

LOCK = "daemon.lock"


class Occupied(Exception):
    """Another daemon runs on this state; the text is the whole story in one line."""


def occupy(state: Path) -> int:
    """Hold the folder, made where it is missing, until the descriptor given is closed or the process ends.

    Fails with `Occupied`.
    """
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(state / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise Occupied(f"another daemon runs on the state in {state}") from error
        raise
    return descriptor
