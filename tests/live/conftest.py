"""The daemons of the live tests: one sandbox for each file of tests, and for a test that wants one of its own.

``--share 1/2`` takes every second file from the first on, ``--share 2/2`` the others: live tests mostly wait, so that
two processes may run them side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .daemon import Sandbox, Shop


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--share", default="1/1", help="which of how many equal shares of the files of tests to run")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the files of the other shares."""
    mine, shares = map(int, config.getoption("--share", "1/1").split("/"))
    if not 1 <= mine <= shares:
        raise pytest.UsageError(f"--share {mine}/{shares}: there is no such share")
    files = sorted({item.path for item in items})
    taken = {file for place, file in enumerate(files) if place % shares == mine - 1}
    config.hook.pytest_deselected(items=[item for item in items if item.path not in taken])
    items[:] = [item for item in items if item.path in taken]


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
