"""One's own settings in the console: password, one-time codes and sessions, and what each does to other browsers."""

from __future__ import annotations

import re
from collections.abc import Callable

import pyotp

from ..daemon import Sandbox
from .browser import Person

NEW = "a sentence of my own"


def signed_in(person: Person) -> bool:
    """Does the person's session last?"""
    person.go("/console/settings")
    return not person.page.url.endswith("/console/sign-in")


def test_settings(sandbox: Sandbox, somebody: Callable[[], Person]) -> None:
    """A changed password ends every other session and this one goes on; a second factor is set up by its picture or
    key, asked for at the door from then on, and replaced once by a recovery code; sessions are ended from afar."""
    shop = sandbox.shop()
    name = f"me@{shop.domain}"
    old = sandbox.cli("user", "add", name, "--account", shop.account)["password"]
    me, elsewhere = somebody(), somebody()
    for each in (me, elsewhere):
        each.sign_in(name, old)
    page = me.page
    page.get_by_role("link", name="Your settings", exact=True).first.click()
    assert page.locator("tbody tr").count() == 2
    me.look("settings")
    page.get_by_label("The one that you have").fill("not it")
    page.get_by_label("New password").fill(NEW)
    page.get_by_label("The new one again").fill(NEW)
    page.get_by_role("button", name="Change password").click()
    assert page.locator("#old-fault").inner_text() == "is not right"
    me.complaints.clear()  # the browser tells of every 400
    assert signed_in(elsewhere)
    page.get_by_label("The one that you have").fill(old)
    page.get_by_label("New password").fill(NEW)
    page.get_by_label("The new one again").fill(NEW)
    page.get_by_role("button", name="Change password").click()
    assert page.get_by_text("all other sessions ended").is_visible()
    assert signed_in(me) and not signed_in(elsewhere)

    elsewhere.sign_in(name, NEW)
    page.get_by_label("Your password").fill(NEW)
    page.get_by_role("button", name="Set up").click()
    assert page.get_by_role("img", name="The key as a QR code").evaluate("it => it.naturalWidth") > 50
    key = re.sub(r"\s", "", page.locator(".copied code").inner_text())
    me.look("codes")
    page.get_by_label("The code that it shows now").fill("000000")
    page.get_by_role("button", name="Confirm").click()
    assert page.locator("#code-fault").is_visible()
    assert re.sub(r"\s", "", page.locator(".copied code").inner_text()) == key
    me.complaints.clear()
    page.get_by_label("The code that it shows now").fill(pyotp.TOTP(key).now())
    page.get_by_role("button", name="Confirm").click()
    codes = page.locator(".recovery code").all_inner_texts()
    assert len(set(codes)) == 10
    me.look("recovery")
    page.get_by_role("link", name="I have kept them").click()
    assert page.get_by_text("Recovery codes left: 10 of 10.").is_visible()
    assert not signed_in(elsewhere)

    elsewhere.sign_in(name, NEW)
    assert "code" in elsewhere.page.locator("#code-fault").inner_text()
    elsewhere.page.get_by_label("Password").fill(NEW)
    elsewhere.page.get_by_label("One-time code").fill(codes[0])
    elsewhere.page.get_by_role("button", name="Sign in").click()
    assert signed_in(elsewhere)
    page.reload()
    assert page.get_by_text("Recovery codes left: 9 of 10.").is_visible()
    page.get_by_role("button", name="Sign out everywhere else").click()
    assert page.get_by_text("Signed out of 1 other session.").is_visible()
    assert signed_in(me) and not signed_in(elsewhere)
    page.get_by_text("Remove the codes…").click()
    page.get_by_label("Your password").fill(NEW)
    page.get_by_role("button", name="Remove").click()
    assert page.get_by_text("You are asked for no codes any more").is_visible()
    elsewhere.sign_in(name, NEW)
    assert signed_in(elsewhere)
    page.reload()
    page.locator("tbody").get_by_role("button", name="Sign out").click()
    assert page.get_by_text("Signed out there.").is_visible()
    assert not signed_in(elsewhere)
    assert not me.complaints
