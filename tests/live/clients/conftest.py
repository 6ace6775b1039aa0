"""One sandbox for the whole matrix, with its own `ready.json`; a smaller size and more failed logins than it has."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from ..daemon import Sandbox, eventually
from .matrix import SERVICES, SIZE, SUPPRESSED, SUPPRESSED_ADDRESS


@pytest.fixture(scope="package")
def module_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A started sandbox; ended with this folder of tests."""
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"))
    sandbox.program = [sys.executable, "-m", "tests.live.patches", "limits", str(SIZE), "--"]
    try:
        sandbox.launch()
        eventually(sandbox.listens, 60, "a start")
        # before anybody sends: that an account spares nobody is remembered for a while
        for dialect, service in SERVICES.items():
            if SUPPRESSED in service.refusals:
                account = ("--account", dialect, "--reason", "unsubscribe")
                sandbox.cli("suppression", "add", SUPPRESSED_ADDRESS, *account)
        yield sandbox
    finally:
        sandbox.end()
