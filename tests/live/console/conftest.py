"""One daemon and one browser for all tests of the console: each test makes accounts and people of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from ..daemon import Sandbox
from .browser import CHROMIUM, Person


@pytest.fixture(scope="session")
def console_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The daemon behind the console."""
    sandbox = Sandbox(tmp_path_factory.mktemp("console"))
    try:
        sandbox.start()
        yield sandbox
    finally:
        sandbox.end()


@pytest.fixture
def sandbox(console_sandbox: Sandbox) -> Iterator[Sandbox]:
    """The running daemon; after each test its laws hold and its log tells of no trouble."""
    yield console_sandbox
    console_sandbox.assert_sound()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all."""
    assert Path(CHROMIUM).exists(), "Chromium is not here: install the Debian package `chromium`"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def free(browser: Browser) -> list[BrowserContext]:
    """Browsers that nobody sits at. All that the console has them remember is cookies; to make one anew costs as much
    as to open four pages."""
    return []


@pytest.fixture
def somebody(browser: Browser, free: list[BrowserContext], sandbox: Sandbox) -> Iterator[Callable[[], Person]]:
    """Makes people, each with a browser of their own that remembers nothing."""
    made: list[Person] = []

    def make() -> Person:
        context = free.pop() if free else browser.new_context(permissions=["clipboard-read", "clipboard-write"])
        made.append(Person(context, str(sandbox.facts["http"]).rstrip("/")))
        return made[-1]

    yield make
    for each in made:
        for page in each.context.pages:
            page.close()
        each.context.clear_cookies()
        free.append(each.context)


@pytest.fixture
def person(somebody: Callable[[], Person]) -> Person:
    """Somebody who is not signed in yet."""
    return somebody()


@pytest.fixture
def administrator(sandbox: Sandbox, person: Person) -> Person:
    """An administrator of this test alone, signed in."""
    name = f"root-{len(sandbox.cli('user', 'list'))}@relay.example"
    made = sandbox.cli("user", "add", name)
    person.sign_in(name, made["password"])
    return person
