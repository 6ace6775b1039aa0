"""A person's first walk through the console, in Debian's Chromium: by eye, by keyboard, on a phone, in the dark."""

from __future__ import annotations

from ..daemon import Sandbox, letter
from .browser import Person


def test_first_connection(sandbox: Sandbox, person: Person) -> None:
    """Sign in, create a connection, read its login, send by it, and see it in the statistics."""
    shop = sandbox.shop(dialect="standard")
    made = sandbox.cli("user", "add", "ann@shop.example", "--account", shop.account)
    page = person.page
    page.goto(f"{person.base}/console")
    person.look("sign-in")
    person.sign_in("ann@shop.example", made["password"])
    page.get_by_role("link", name="Connections").click()
    assert page.get_by_role("heading", name="Connections").is_visible()
    person.look("connections")
    page.get_by_role("link", name="Create connection").click()
    page.get_by_label("Name").fill("web")
    page.get_by_label("Sender").fill(f"orders@{shop.domain}")
    person.look("create")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Show password").click()
    person.look("card")
    (card,) = [each for each in sandbox.cli("connection", "list", "--account", shop.account) if each["name"] == "web"]
    password = sandbox.cli("connection", "show", card["id"], "--reveal")["password"]
    assert page.get_by_text(password, exact=True).is_visible()
    page.locator("dd", has_text=password).get_by_role("button", name="Copy").click()
    assert page.evaluate("navigator.clipboard.readText()") == password

    sandbox.settled(sandbox.submit(shop, ["bob@example.net", "hard-bounce@example.net"], letter(shop, "hello")))
    page.get_by_role("link", name="Statistics").first.click()
    page.get_by_label("Connection").select_option("")
    page.get_by_role("button", name="Show").click()
    row = page.get_by_role("row").filter(has=page.get_by_role("cell", name="delivered", exact=True))
    assert row.get_by_role("cell").nth(1).inner_text() == "1"
    assert page.get_by_role("img", name="Mail by hour").is_visible()
    person.look("statistics")

    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{person.base}/console/statistics")
    assert page.url.endswith("/console/sign-in")
    assert not person.complaints


def test_errors_stand_beside_their_fields(sandbox: Sandbox, person: Person) -> None:
    """A wrong password, and a sender of another's domain, are told where they were typed."""
    shop = sandbox.shop()
    made = sandbox.cli("user", "add", "bob@shop.example", "--account", shop.account)
    person.sign_in("bob@shop.example", "not the password")
    assert "not right" in person.page.locator("#password-fault").inner_text()
    person.complaints.clear()  # the browser tells of every 403
    person.page.get_by_label("Password").fill(made["password"])
    person.page.get_by_role("button", name="Sign in").click()
    person.page.get_by_role("link", name="Connections").click()
    person.page.get_by_role("link", name="Create connection").click()
    person.page.get_by_label("Name").fill("web")
    person.page.get_by_label("Sender").fill("me@elsewhere.example")
    person.page.get_by_role("button", name="Next").click()
    assert person.page.locator("#sender-fault").is_visible()
    assert person.page.get_by_label("Name").input_value() == "web"
    person.look("fault")


def test_others_are_not_there(sandbox: Sandbox, person: Person) -> None:
    """A12: another account's connection is not found, by its page, its statistics or a form; and a form without the
    session's key does nothing."""
    mine, others = sandbox.shop(), sandbox.shop()
    made = sandbox.cli("user", "add", "eve@shop.example", "--account", mine.account)
    theirs = sandbox.cli("connection", "show", others.connection)["id"]
    own = sandbox.cli("connection", "show", mine.connection)["id"]
    person.sign_in("eve@shop.example", made["password"])
    page = person.page
    assert page.get_by_text(others.connection, exact=True).count() == 0
    for path in (f"connections/{theirs}", "nothing"):
        answer = page.goto(f"{person.base}/console/{path}")
        assert answer is not None and answer.status == 404, path
    assert page.goto(f"{person.base}/console/statistics?connection={theirs}").status in (400, 404)  # type: ignore[union-attr]
    blocked = page.request.post(f"{person.base}/console/connections/{own}/block", form={"key": "guessed"})
    assert blocked.status == 403
    assert sandbox.cli("connection", "show", mine.connection)["status"] == "active"
