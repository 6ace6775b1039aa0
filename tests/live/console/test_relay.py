"""The whole relay in the console: paused and resumed, the keys of links, and closed to members."""

from __future__ import annotations

from collections.abc import Callable

from ..daemon import Sandbox
from .browser import Person


def test_relay(sandbox: Sandbox, administrator: Person, somebody: Callable[[], Person]) -> None:
    """An administrator stops and starts new mail, makes a key of links and withdraws it no earlier than asked, and
    forgets failed logins; nobody else gets there."""
    page = administrator.page
    page.get_by_role("link", name="The relay", exact=True).first.click()
    page.get_by_text("Pause…").click()
    page.get_by_label("Reason").fill("we move")
    page.get_by_role("button", name="Pause").click()
    try:
        assert page.get_by_text("None is taken: we move.").is_visible()
    finally:
        page.get_by_role("button", name="Take mail again").click()
    assert page.get_by_text("Mail is taken again.").is_visible()
    page.get_by_role("button", name="Make a new key").click()
    newest = sandbox.cli("link-key", "list")[-1]
    assert newest["status"] == "signs"
    administrator.look("relay")
    page.get_by_role("button", name="Make a new key").click()
    page.get_by_text(f"Withdraw {newest['number']}…").click()
    page.get_by_role("button", name="Withdraw").click()
    assert {each["number"]: each["status"] for each in sandbox.cli("link-key", "list")}[newest["number"]] == "withdrawn"
    page.get_by_text("Forget failed logins…").click()
    page.get_by_label("User name").fill("somebody")
    page.get_by_role("button", name="Forget", exact=True).click()
    assert page.locator("#username-fault").is_visible()
    administrator.complaints.clear()  # the browser tells of every 400
    page.get_by_label("Address").fill("192.0.2.1")
    page.get_by_role("button", name="Forget", exact=True).click()
    assert page.get_by_text("Those failed logins are forgotten.").is_visible()
    assert not administrator.complaints

    shop = sandbox.shop()
    made = sandbox.cli("user", "add", f"m@{shop.domain}", "--account", shop.account)
    member = somebody()
    member.sign_in(f"m@{shop.domain}", made["password"])
    assert member.page.get_by_role("link", name="The relay").count() == 0
    assert member.go("/console/relay") == 403
