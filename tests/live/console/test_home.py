"""The first page: what to do next, today's figures, what went wrong; and the way in and out."""

from __future__ import annotations

from ..daemon import Sandbox, letter
from .browser import Person


def test_first_steps(sandbox: Sandbox, person: Person) -> None:
    """Until the first mail has arrived the page leads on from what is done; then it tells of today, and of trouble."""
    sandbox.cli("account", "create", "fresh", "--balance", "1000")
    made = sandbox.cli("user", "add", "fay@fresh.example", "--account", "fresh")
    page = person.page
    person.sign_in("fay@fresh.example", made["password"])
    steps = page.locator(".steps")
    assert steps.locator("li.done").count() == 0
    assert page.get_by_text("Nothing was accepted today yet.").is_visible()
    assert not page.get_by_role("link", name="Sandbox inbox").is_visible(), "others' mail is in it"
    steps.get_by_role("link").click()
    assert page.url.endswith("/console/domains")

    shop = sandbox.shop(dialect="standard")
    made = sandbox.cli("user", "add", "ann@home.example", "--account", shop.account)
    page.get_by_role("button", name="Sign out").click()
    person.sign_in("ann@home.example", made["password"])
    assert steps.locator("li.done").count() == 3
    person.look("home-steps")
    sandbox.settled(sandbox.submit(shop, ["bob@example.net", "hard-bounce@example.net"], letter(shop, "hello")))
    person.go("/console")
    assert not steps.is_visible()
    figures = page.locator(".tiles > div")
    assert figures.filter(has_text="Sends left").locator("dd").inner_text() == f"{sandbox.available(shop):,}"
    assert page.get_by_role("img", name="Today's mail by the hour").is_visible()
    assert page.get_by_role("row").filter(has_text="hard-bounce@example.net").is_visible()
    sandbox.cli("connection", "block", shop.connection, "--reason", "too many bounces")
    page.reload()
    assert page.get_by_text("is blocked").is_visible()
    person.look("home")
    figures.filter(has_text="Bounced").get_by_role("link").click()
    assert page.url.partition("?")[0].endswith("/console/history")
    assert not person.complaints


def test_sandbox_inbox(sandbox: Sandbox, administrator: Person) -> None:
    """An administrator is let into the sandbox's inbox without typing its token; nobody else is."""
    page = administrator.page
    page.get_by_role("link", name="Sandbox inbox").click()
    assert page.url.endswith("/sandbox")
    assert page.get_by_role("button", name="Sign out").is_visible()
    administrator.go("/console")
    administrator.look("home-administrator")


def test_a_session_that_was_ended(sandbox: Sandbox, administrator: Person) -> None:
    """A session that was ended elsewhere leads to the form for signing in, from a page as from a form."""
    page = administrator.page
    name = page.locator(".who").inner_text()
    sandbox.cli("user", "password", name)
    page.get_by_role("button", name="Sign out").click()
    assert page.url.endswith("/console/sign-in")
    administrator.go("/console/statistics")
    assert page.url.endswith("/console/sign-in")
    assert page.get_by_label("Password").is_visible()


def test_by_keyboard(sandbox: Sandbox, person: Person) -> None:
    """From signing in to a connection's card with the keyboard alone: the focus is always seen, and the first key leads
    past the navigation."""
    shop = sandbox.shop(dialect="standard")
    made = sandbox.cli("user", "add", "kay@keys.example", "--account", shop.account)
    page = person.page
    person.go("/console")
    page.keyboard.type("kay@keys.example")
    page.keyboard.press("Tab")
    page.keyboard.type(made["password"])
    page.keyboard.press("Enter")
    page.wait_for_selector("#pages")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    reach(person, "Connections")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Connections").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    reach(person, "Create connection")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Create connection").wait_for()
    page.keyboard.type("keys")
    page.keyboard.press("Tab")
    page.keyboard.type(f"orders@{shop.domain}")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="keys").wait_for()
    reach(person, "Sign out")
    page.keyboard.press("Enter")
    page.get_by_label("Password").wait_for()
    assert not person.complaints


def reach(person: Person, name: str) -> None:
    """Press Tab until the focus is on what is called so, and shows it."""
    for _ in range(60):
        person.page.keyboard.press("Tab")
        focused = person.page.evaluate(
            "[document.activeElement.textContent, getComputedStyle(document.activeElement).outlineStyle]"
        )
        if focused[0] == name:
            assert focused[1] != "none", name
            return
    raise AssertionError(f"no way to {name} by keyboard")
