"""How a render child is started, and what its end says about the template that it was rendering."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from ..mail.reply import Refusal
from . import render_child

TOO_LONG = "rendering takes more than 250 ms"
TOO_MUCH = "rendering takes more than 64 MB of memory"
BROKEN = "rendering it ended its process"

_BROKEN_BY = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE})


def command() -> list[str]:
    """The command line of a child: isolated, no site-packages of its own, its modules from where we have ours."""
    path = os.pathsep.join(map(os.path.abspath, sys.path))
    return [sys.executable, "-I", "-S", "-X", "utf8", str(Path(render_child.__file__)), path]


def fault_of(ended_by: int | None, status: int | None) -> str:
    """Why a template is to blame for the end of the child that rendered it, or "" when it is not.

    `ended_by` is the signal that ended the child, or None; `status` its exit status, or None.
    """
    if ended_by == signal.SIGPROF:
        return TOO_LONG
    if status == render_child.OUT_OF_MEMORY:
        return TOO_MUCH
    if ended_by in _BROKEN_BY:
        return BROKEN
    return ""


def failed(reason: str) -> Refusal:
    """What a rendering fails with when the template or its variables are to blame."""
    return Refusal("template_failed", {"reason": reason}, rule="template", facts={"reason": reason})
