"""The queue in the console: seen by destination, filtered, held, released, given up, and only one's own."""

from __future__ import annotations

from collections.abc import Callable

from ..daemon import Sandbox, Shop, eventually, free_port, letter
from .browser import Person


def deferred(sandbox: Sandbox, shop: Shop, domain: str, number: int) -> str:
    """Mail that waits after a first attempt: its account's route leads to where nobody listens."""
    if not sandbox.cli("route", "list", "--account", shop.account):
        sandbox.cli("route", "add", f"127.0.0.1:{free_port()}", "--account", shop.account)
    id = sandbox.submit(shop, [f"ann{each}@{domain}" for each in range(number)], letter(shop, "a bill"))
    eventually(lambda: all(each["state"] == "deferred" for each in sandbox.history(id).values()), 20, "a deferral")
    return id


def test_queue(sandbox: Sandbox, administrator: Person, somebody: Callable[[], Person]) -> None:
    """What waits is drawn by destination and told by reply; what a filter means is held, released and dropped after a
    question; a member sees and touches the own mail alone (A12), and sends none by another route."""
    shop, other = sandbox.shop(), sandbox.shop()
    mine = deferred(sandbox, shop, f"a.{shop.domain}", 3)
    theirs = deferred(sandbox, other, f"b.{other.domain}", 1)
    page = administrator.page
    page.get_by_role("link", name="Queue", exact=True).first.click()
    administrator.look("queue")
    page.get_by_role("link", name=f"a.{shop.domain}", exact=True).click()
    row = page.get_by_role("row").filter(has_text=f"a.{shop.domain}").first
    assert row.get_by_role("img").get_attribute("aria-label") == "3 tried, and due later"
    assert page.get_by_text("What fits the filters: 3 recipients.").is_visible()
    page.get_by_text("Hold…").click()
    page.get_by_role("button", name="Hold").click()
    assert page.get_by_text("3 held back.").is_visible()
    assert all(each["held"] for each in sandbox.cli("queue", "list", "--id", mine)["waiting"])
    assert page.get_by_role("img", name="3 held").is_visible()
    page.get_by_role("button", name="Release").click()
    assert page.get_by_text("3 let go.").is_visible()
    page.get_by_text("Another route…").click()
    page.get_by_label("Route").last.fill("nowhere")
    page.get_by_role("button", name="Send by it").click()
    assert "nowhere" in page.locator("#by-fault").inner_text()
    administrator.complaints.clear()  # the browser tells of every 400
    administrator.look("queue-fault")
    page.get_by_text("Drop…").click()
    page.get_by_label("Reason").first.fill("not wanted any more")
    page.get_by_role("button", name="Drop").click()
    assert page.get_by_text("Nothing that waits fits.").is_visible()
    assert {(each["state"], each["last_reply"]) for each in sandbox.history(mine).values()} == {
        ("failed", "not wanted any more")
    }
    assert [each["held"] for each in sandbox.cli("queue", "list", "--id", theirs)["waiting"]] == [False]
    assert not administrator.complaints

    made = sandbox.cli("user", "add", "waits@shop.example", "--account", other.account)
    member = somebody()
    member.sign_in("waits@shop.example", made["password"])
    deferred(sandbox, shop, f"c.{shop.domain}", 1)
    member.page.get_by_role("link", name="Queue", exact=True).first.click()
    assert member.page.get_by_text("Everything that waits: 1 recipient.").is_visible()
    assert member.page.get_by_text(f"c.{shop.domain}").count() == 0
    assert member.page.get_by_text("Another route…").count() == 0
    member.page.get_by_role("link", name=f"ann0@b.{other.domain}").click()
    assert member.page.get_by_text("a bill").first.is_visible()
    sandbox.cli("queue", "drop", "--account", shop.account, "--yes")
    sandbox.cli("queue", "drop", "--account", other.account, "--yes")
    assert not member.complaints
