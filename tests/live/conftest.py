"""The daemons of the live tests: one sandbox for each file of tests, and for a test that wants one of its own.

Live tests mostly wait, so that several processes run them side by side. Those with the same ``--lane FOLDER``, which is
empty at first, run each file once between them: whoever is through takes what is left. What takes long is begun first,
so that nobody comes to wait for it at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pytest

from .daemon import Sandbox, Shop

#: What takes a minute or more, the longest first; the order is all that hangs on it.
LONG = (
    "console",
    "clients",
    "test_cli_live.py",
    "test_ten_replies.py",
    "test_dialect_replies.py",
    "test_crash_points.py",
    "test_crash_rounds.py",
    "test_config_daemon.py",
    "test_crash.py",
    "test_dkim.py",
    "test_flood.py",
    "test_abuse_memory.py",
    "test_systemd.py",
    "test_outcomes.py",
    "test_namespaces.py",
    "test_crash_migration.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--lane", type=Path, help="a folder by which processes share the files of tests among them")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run what no other process of the same folder has taken; without ``--lane`` pytest's own loop runs everything."""
    folder: Path | None = session.config.getoption("--lane", None)
    if folder is None or session.testsfailed or session.config.option.collectonly:
        return None
    left = taken(session.items, folder.resolve())
    item = next(left, None)
    while item is not None:
        following = next(left, None)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        item = following
    return True


def taken(items: list[pytest.Item], folder: Path) -> Iterator[pytest.Item]:
    """The tests of one file, or folder of files that share a daemon, after the other, each taken when it is due."""
    parts = {part: list(those) for part, those in groupby(sorted(items, key=part_of), part_of)}
    for part in sorted(parts, key=lambda part: (LONG.index(part) if part in LONG else len(LONG), part)):
        try:
            (folder / part).touch(exist_ok=False)
        except FileExistsError:
            continue
        yield from parts[part]


def part_of(item: pytest.Item) -> str:
    return item.path.relative_to(Path(__file__).parent).parts[0]


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
