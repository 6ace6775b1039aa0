"""Webhooks in the console, with a real receiver: added, tested, failing, sent again, changed, removed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from ..daemon import Sandbox, eventually, letter
from ..hooks import Hooks
from .browser import Person


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    """A receiver."""
    made = Hooks()
    yield made
    made.stop()


def test_life(sandbox: Sandbox, somebody: Callable[[], Person], hooks: Hooks) -> None:
    """A member adds a receiver, sees each request to it with its answer, its time and what stood in it, and has one
    event and then a time sent again; the bar of that waits for a relay that is away, and gives way to another page."""
    shop = sandbox.shop()
    made = sandbox.cli("user", "add", "hooks@shop.example", "--account", shop.account)
    person = somebody()
    person.sign_in("hooks@shop.example", made["password"])
    page = person.page
    page.get_by_role("link", name="Webhooks", exact=True).first.click()
    person.look("webhooks-empty")
    page.get_by_role("link", name="Add a webhook").click()
    page.get_by_label("Address").fill("http://169.254.169.254/latest")
    page.get_by_label("Name").fill("shop-hook")
    page.get_by_label("delivered", exact=True).check()
    page.get_by_label("bounced", exact=True).check()
    page.get_by_role("button", name="Add").click()
    assert page.locator("#url-fault").is_visible()
    assert page.get_by_label("bounced", exact=True).is_checked()
    person.complaints.clear()  # the browser tells of every 400
    person.look("webhook-new")
    page.get_by_label("Address").fill(hooks.url)
    page.get_by_role("button", name="Add").click()
    page.get_by_role("button", name="Send a test").click()
    eventually(lambda: hooks.events, 10, "the test event")

    page.get_by_role("button", name="Show secret").click()
    secret = sandbox.cli("webhook", "show", "shop-hook", "--account", shop.account, "--reveal")["secret"]
    assert page.get_by_text(secret, exact=True).is_visible()

    hooks.answers = 500
    sandbox.settled(sandbox.submit(shop, ["ann@example.net", "hard-bounce@example.net"], letter(shop)))
    eventually(lambda: len(hooks.asked) > 1, 10, "a request that fails")
    hooks.answers = 204
    eventually(lambda: len(hooks.events) == 3, 20, "both events")
    page.get_by_role("link", name="Webhooks", exact=True).first.click()
    page.get_by_role("link", name="shop-hook").click()

    def listed() -> bool:
        page.reload()
        return page.locator("tbody tr").count() >= 4

    eventually(listed, 10, "four deliveries")
    assert page.get_by_text("500", exact=True).count() >= 1
    person.look("webhook")
    page.get_by_role("link", name="bounced").first.click()
    assert "hard-bounce@example.net" in page.locator("pre").inner_text()
    person.look("delivery")
    told = json.loads(page.locator("pre").inner_text())
    hooks.events.clear()
    page.get_by_role("button", name="Send it again").click()
    eventually(lambda: hooks.events, 10, "the event again")
    assert hooks.events[0] == told

    hooks.events.clear()
    hooks.answers = 503
    page.get_by_text("Send a time again…").click()
    page.get_by_label("From").fill("2020-01-01T00:00")
    page.get_by_role("button", name="Send again").click()
    assert page.get_by_role("progressbar").is_visible()
    person.look("replay")
    here = page.url
    page.route(here, lambda route: route.abort())
    page.wait_for_event("requestfailed")
    assert page.get_by_role("progressbar").is_visible()
    page.unroute(here)
    page.route(here, lambda route: route.fulfill(body="<h1>Sign in</h1>", content_type="text/html"))
    page.get_by_role("heading", name="Sign in").wait_for()
    page.unroute(here)
    page.goto(here)
    person.complaints.clear()  # the browser tells of every request that fails
    hooks.answers = 204
    eventually(lambda: page.get_by_text("Send a time again…").is_visible(), 20, "the end of sending again, by itself")
    assert len(hooks.events) >= 2
    assert not person.complaints


def test_change_and_remove(sandbox: Sandbox, administrator: Person, hooks: Hooks) -> None:
    """An administrator sees everybody's receivers; one is changed, paused, resumed and removed."""
    shop = sandbox.shop()
    name = f"{shop.account}-hook"
    sandbox.cli("webhook", "add", hooks.url, "--name", name, "--account", shop.account, "--event", "opened")
    page = administrator.page
    page.get_by_role("link", name="Webhooks", exact=True).first.click()
    assert shop.account in page.get_by_role("row").filter(has_text=name).inner_text()
    page.get_by_role("link", name=name).click()
    page.get_by_role("link", name="Change").click()
    assert page.get_by_label("opened", exact=True).is_checked()
    page.get_by_label("clicked", exact=True).check()
    page.get_by_label("Name").fill(f"{name}-2")
    page.get_by_role("button", name="Save").click()
    assert sandbox.cli("webhook", "show", f"{name}-2")["events"] == ["opened", "clicked"]
    page.get_by_role("button", name="Pause").click()
    assert page.get_by_text("Paused", exact=True).is_visible()
    page.get_by_role("button", name="Resume").click()
    old = sandbox.cli("webhook", "show", f"{name}-2", "--reveal")["secret"]
    page.get_by_text("New secret…").click()
    page.get_by_role("button", name="Make a new secret").click()
    new = sandbox.cli("webhook", "show", f"{name}-2", "--reveal")["secret"]
    assert new != old and page.get_by_text(new, exact=True).is_visible()
    page.get_by_text("Remove…").click()
    page.get_by_role("button", name="Remove").click()
    assert page.get_by_role("heading", name="Webhooks").is_visible()
    assert page.get_by_role("link", name=f"{name}-2").count() == 0
    assert not administrator.complaints
