"""The daemons of the live tests: one sandbox for each file of tests, and for a test that wants one of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .daemon import Sandbox, Shop


@pytest.fixture(scope="module")
def module_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A started sandbox; ended with its file of tests."""
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"))
    try:
        sandbox.start()
        yield sandbox
    finally:
        sandbox.end()


@pytest.fixture
def sandbox(module_sandbox: Sandbox) -> Iterator[Sandbox]:
    """The running sandbox of this file; after each test its laws hold and its log tells of no trouble."""
    if not module_sandbox.running:
        module_sandbox.start()
    yield module_sandbox
    module_sandbox.assert_sound()


@pytest.fixture
def shop(sandbox: Sandbox) -> Shop:
    """A customer of this test alone, who speaks emailmassivo."""
    return sandbox.shop()


@pytest.fixture
def own_sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox that has not been started."""
    sandbox = Sandbox(tmp_path)
    try:
        yield sandbox
        sandbox.assert_sound()
    finally:
        sandbox.end()
