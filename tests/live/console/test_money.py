"""Plans and balance in the console: both pots, a quote, an order that is granted, and the ledger."""

from __future__ import annotations

from collections.abc import Callable

from ..daemon import Sandbox, letter
from .browser import Person


def test_from_quote_to_ledger(sandbox: Sandbox, somebody: Callable[[], Person], administrator: Person) -> None:
    """A member sees both pots, asks what sends cost, orders, and takes an order back; an administrator grants and
    refuses; the ledger has each movement once, and the month's sends are used first."""
    shop = sandbox.shop()
    name = f"money@{shop.account}.example"
    made = sandbox.cli("user", "add", name, "--account", shop.account)
    sandbox.cli("price", "set", f"{shop.account}-usual", "--account", shop.account, "--currency", "EUR",
                "1000=2.00", "10000=1.50")  # fmt: skip
    sandbox.cli("plan", "set", shop.account, "500")
    before = sandbox.cli("balance", "show", shop.account)
    sandbox.settled(sandbox.submit(shop, ["ann@example.net"], letter(shop)))
    person = somebody()
    person.sign_in(name, made["password"])
    page = person.page
    page.get_by_role("link", name="Plans and balance").click()
    assert page.get_by_text("499 left of this month").is_visible()
    assert page.get_by_role("img", name="499 of the month").is_visible()
    page.get_by_label("Sends", exact=True).fill("5")
    page.get_by_role("button", name="Show the price").click()
    assert page.locator("#sends-fault").is_visible()
    person.complaints.clear()  # the browser tells of every 400
    page.get_by_label("Sends", exact=True).fill("9000")
    page.get_by_role("button", name="Show the price").click()
    assert page.get_by_text("18.00 EUR").is_visible()
    assert page.get_by_text("would cost less: 15.00 EUR").is_visible()
    page.get_by_label("Note").fill("for <b>June</b>")
    person.look("balance-quote")
    page.get_by_role("button", name="Order", exact=True).click()
    assert page.get_by_text("are requested").is_visible()
    page.get_by_label("Sends", exact=True).fill("1000")
    page.get_by_role("button", name="Show the price").click()
    page.get_by_role("button", name="Order", exact=True).click()
    person.look("balance")
    page.get_by_role("link", name="1\u202f000 prepaid").first.click()
    assert page.get_by_role("button", name="Grant").count() == 0
    page.get_by_text("Withdraw…").click()
    page.get_by_role("button", name="Withdraw").click()
    assert page.get_by_text("Withdrawn", exact=True).is_visible()

    root = administrator.page
    root.get_by_role("link", name="Plans and balance").click()
    root.get_by_role("link", name="Orders", exact=True).click()
    root.get_by_label("Account").select_option(label=shop.account)
    root.get_by_label("Status").select_option("requested")
    root.get_by_role("button", name="Show").click()
    administrator.look("orders")
    root.get_by_role("link", name="9\u202f000 prepaid").click()
    assert root.get_by_text("for <b>June</b>").is_visible()
    administrator.look("order")
    root.locator("#grant-note").fill("invoice 17")
    root.get_by_role("button", name="Grant").click()
    assert root.get_by_text("Its sends are booked").is_visible()
    after = sandbox.cli("balance", "show", shop.account)
    assert (after["prepaid"] - before["prepaid"], after["monthly_left"]) == (9000, 499)

    page.get_by_role("link", name="Plans and balance").first.click()
    page.get_by_role("link", name="Ledger").click()
    assert page.get_by_role("row").filter(has_text="invoice 17").filter(has_text="+9\u202f000").count() == 1
    person.look("ledger")
    page.get_by_label("What", exact=True).select_option("send")
    page.get_by_role("button", name="Show").click()
    assert page.locator("tbody tr").count() == 1
    assert not person.complaints
    assert not administrator.complaints


def test_by_hand(sandbox: Sandbox, administrator: Person) -> None:
    """An administrator adds sends and sets a plan; the ledger goes on to older entries page by page."""
    shop = sandbox.shop()
    for number in range(26):
        sandbox.cli("balance", "topup", shop.account, str(number + 1))
    page = administrator.page
    assert administrator.go(f"/console/balance?account={shop.account}") == 200
    page.get_by_text("Add prepaid sends…").click()
    page.get_by_label("Sends to add").fill("many")
    page.get_by_role("button", name="Add").click()
    assert page.get_by_text("must be a whole number").is_visible()
    administrator.complaints.clear()
    page.get_by_label("Sends to add").fill("77")
    page.get_by_label("Note").last.fill("by hand")
    page.get_by_role("button", name="Add").click()
    page.get_by_text("Set the plan…").click()
    page.get_by_label("Sends each month").fill("300")
    page.get_by_role("button", name="Set the plan").click()
    assert page.get_by_text("300 left of this month").is_visible()
    administrator.look("balance-administrator")
    page.get_by_role("link", name="Ledger").click()
    assert page.get_by_role("row").filter(has_text="by hand").filter(has_text="+77").count() == 1
    first = page.locator("tbody tr").count()
    page.get_by_role("link", name="Older").click()
    assert (first, page.locator("tbody tr").count()) == (25, 4)
    assert not administrator.complaints


def test_prices(sandbox: Sandbox, administrator: Person) -> None:
    """An administrator sets what sends cost, is told beside the field what is wrong, changes and removes it."""
    shop = sandbox.shop()
    name = f"{shop.account}-prices"
    page = administrator.page
    administrator.go("/console/balance")
    page.get_by_role("link", name="Prices").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Currency").fill("EUR")
    page.get_by_label("For", exact=True).select_option(label=shop.account)
    page.get_by_label("Steps").fill("1000 2.00\n10000 1,50")
    page.get_by_role("button", name="Set").click()
    assert page.locator("#steps-fault").is_visible()
    administrator.complaints.clear()  # the browser tells of the 400
    page.get_by_label("Steps").fill("1000 2.00\n10000 1.50")
    page.get_by_role("button", name="Set").click()
    assert page.get_by_text(f"For {shop.account} alone.").is_visible()
    administrator.look("prices")
    assert sandbox.cli("price", "quote", shop.account, "10000")["total"] == "15.00"
    page.get_by_role("button", name="Change").last.click()
    assert page.get_by_label("Steps").input_value() == "1000 2.00\n10000 1.50"
    page.get_by_label("Steps").fill("1 3")
    page.get_by_role("button", name="Set").click()
    assert sandbox.cli("price", "quote", shop.account, "1000")["total"] == "3.00"
    page.get_by_text("Remove…").last.click()
    page.get_by_role("button", name="Remove").last.click()
    assert name not in [each["name"] for each in sandbox.cli("price", "list")]
    assert not administrator.complaints
