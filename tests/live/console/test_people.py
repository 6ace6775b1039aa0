"""Accounts and users in the console: made, changed, acted for, and what a member sees of them."""

from __future__ import annotations

from collections.abc import Callable

from ..daemon import Sandbox
from .browser import Person


def test_from_account_to_member(sandbox: Sandbox, somebody: Callable[[], Person], administrator: Person) -> None:
    """An administrator makes an account in its time zone and a member of it, who signs in with the password that was
    shown, sees the own account and its people, and changes none of them; blocked, they are out at once."""
    page = administrator.page
    page.get_by_role("link", name="Accounts and users").click()
    administrator.look("accounts")
    page.get_by_role("link", name="Make an account").click()
    page.get_by_label("Name").fill("bakery")
    page.get_by_label("Time zone").fill("Europe/Nowhere")
    page.get_by_label("Sends to begin with").fill("500")
    page.get_by_role("button", name="Make it").click()
    assert page.locator("#zone-fault").is_visible()
    assert "bakery" not in [each["name"] for each in sandbox.cli("account", "list")]
    administrator.complaints.clear()  # the browser tells of every 400
    administrator.look("account-new")
    page.get_by_label("Time zone").fill("Asia/Tokyo")
    page.get_by_role("button", name="Make it").click()
    assert page.get_by_text("Nobody signs in for this account yet.").is_visible()
    page.get_by_label("Name").fill("baker@bakery.example")
    page.get_by_role("button", name="Add a member").click()
    password = page.locator(".secret code").inner_text()
    administrator.look("user-new")

    member = somebody()
    member.sign_in("baker@bakery.example", password)
    member.page.get_by_role("link", name="Accounts and users").click()
    assert member.page.get_by_role("heading", name="bakery").is_visible()
    assert member.page.get_by_role("button", name="Act for this account").count() == 0
    member.look("account-member")
    member.page.get_by_role("main").get_by_role("link", name="baker@bakery.example").click()
    assert member.page.get_by_text("Member of bakery").is_visible()
    assert member.page.get_by_role("button", name="Remove").count() == 0

    page.get_by_role("link", name="Member of bakery").click()
    page.get_by_text("Change…").click()
    page.get_by_label("Weight").fill("0")
    page.get_by_role("button", name="Save").click()
    assert page.get_by_text("must be at least 1").is_visible()
    administrator.complaints.clear()
    page.get_by_label("Weight").fill("3")
    page.get_by_role("button", name="Save").click()
    assert sandbox.cli("account", "show", "bakery")["weight"] == 3
    administrator.look("account")
    page.get_by_role("link", name="baker@bakery.example").click()
    page.get_by_text("Block…").click()
    page.get_by_role("button", name="Block").click()
    assert page.get_by_text("signs in no more").is_visible()
    administrator.look("user")
    member.page.reload()
    assert member.page.get_by_role("button", name="Sign in").is_visible(), "the session ended"
    page.get_by_role("button", name="Let them sign in again").click()
    page.get_by_text("New password…").click()
    page.get_by_role("button", name="Make a new password").click()
    fresh = page.locator(".secret code").inner_text()
    assert fresh != password
    member.sign_in("baker@bakery.example", fresh)
    assert member.page.get_by_role("link", name="Plans and balance").is_visible()
    page.get_by_text("Remove…").click()
    page.get_by_role("button", name="Remove").last.click()
    assert "baker@bakery.example" not in [each["name"] for each in sandbox.cli("user", "list")]
    assert not administrator.complaints


def test_acting(sandbox: Sandbox, administrator: Person) -> None:
    """Acting for an account an administrator sees its pages under a banner, and no other account; the way back leads
    to the account."""
    shop, other = sandbox.shop(), sandbox.shop()
    page = administrator.page
    page.get_by_role("link", name="Accounts and users").click()
    page.get_by_role("link", name=shop.account, exact=True).click()
    page.get_by_role("button", name="Act for this account").click()
    banner = page.get_by_role("region", name="Acting for an account")
    assert shop.account in banner.inner_text()
    page.get_by_role("link", name="Accounts and users").click()
    assert page.get_by_role("heading", name=shop.account, exact=True).is_visible()
    assert page.get_by_text(other.account, exact=True).count() == 0
    administrator.look("acting")
    found = sandbox.cli("account", "show", other.account)
    assert administrator.go(f"/console/accounts/{found['id']}") == 404
    administrator.complaints.clear()  # the browser tells of the 404
    administrator.go("/console/balance")
    banner.get_by_role("button", name="Back to all accounts").click()
    assert page.get_by_role("heading", name=shop.account, exact=True).is_visible()
    assert banner.count() == 0
    assert not administrator.complaints
