"""The audit log in the console: filtered, in pages, and of one's own account alone."""

from __future__ import annotations

from collections.abc import Callable

from ..daemon import Sandbox
from .browser import Person


def test_changes(sandbox: Sandbox, administrator: Person, somebody: Callable[[], Person]) -> None:
    """Whatever was changed stands there with whoever did it; filters and pages narrow it, and a member reads of the own
    account alone (A12)."""
    shop, other = sandbox.shop(), sandbox.shop()
    for number in range(52):
        sandbox.cli("suppression", "add", f"gone{number}@example.net", "--account", shop.account)
    page = administrator.page
    page.get_by_role("link", name="Audit log", exact=True).first.click()
    page.get_by_label("Account").select_option(shop.account)
    page.get_by_role("button", name="Show").click()
    assert page.locator("tbody tr").count() == 50
    page.get_by_role("link", name="Older").click()
    page.get_by_role("link", name="connection: create").click()
    row = page.get_by_role("row").filter(has_text=shop.connection).first
    assert "on the machine" in row.inner_text() and f"sender: {shop.mail_from}" in row.inner_text()
    administrator.look("changes")
    page.get_by_label("What").select_option("session")
    page.get_by_role("button", name="Show").click()
    assert "session: sign in" in page.locator("tbody").inner_text()
    page.get_by_label("From").fill("2199-01-01T00:00")
    page.get_by_role("button", name="Show").click()
    page.get_by_text("Nothing fits.").wait_for(timeout=10_000)
    assert not administrator.complaints

    made = sandbox.cli("user", "add", "reads@shop.example", "--account", other.account)
    member = somebody()
    member.sign_in("reads@shop.example", made["password"])
    member.page.get_by_role("link", name="Audit log", exact=True).first.click()
    assert other.domain in member.page.locator("tbody").inner_text()
    assert shop.account not in member.page.content()
    assert not member.complaints
