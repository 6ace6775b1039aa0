"""The card of a connection: what it shows, what can be done to it, and that what it gives to paste sends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from ..daemon import Sandbox, Shop
from .browser import Person


@pytest.fixture
def own(sandbox: Sandbox) -> Shop:
    """An account with a connection that speaks the superset."""
    return sandbox.shop(dialect="standard")


@pytest.fixture
def member(sandbox: Sandbox, own: Shop, person: Person) -> Person:
    """Its member, with the card on the screen."""
    name = f"member@{own.domain}"
    made = sandbox.cli("user", "add", name, "--account", own.account)
    person.sign_in(name, made["password"])
    person.go("/console/connections")
    person.page.get_by_role("link", name=own.connection, exact=True).click()
    return person


def test_pasted_text_sends(sandbox: Sandbox, own: Shop, member: Person) -> None:
    """What the card gives to paste, copied by its button, sends as it stands: by each mode of TLS, to a server whose
    certificate is verified. Before the password is shown there is none in it."""
    page = member.page
    assert own.password not in page.content()
    assert "YOUR-PASSWORD" in page.content()
    page.get_by_role("button", name="Show password and keys").click()
    ca = str(sandbox.facts["ca"])
    trust = dict(os.environ) | {"SSL_CERT_FILE": ca, "CURL_CA_BUNDLE": ca}
    for client, command, mode in (
        ("python-smtplib", [sys.executable, "-"], "TLS"),
        ("curl", ["bash", "-s"], "STARTTLS"),
        ("swaks", ["bash", "-s"], "TLS"),
    ):
        if mode == "STARTTLS":
            page.get_by_role("navigation", name="Encryption").get_by_role("link", name="STARTTLS").click()
            page.get_by_role("button", name="Show password and keys").click()
        page.locator(f"#{client} summary").click()
        page.locator(f"#{client}").get_by_role("button", name="Copy").click()
        text = page.evaluate("navigator.clipboard.readText()")
        assert own.password in text
        if client == "swaks":  # it takes its authority by an option alone
            text = text.replace("--tls-verify", f"--tls-verify --tls-ca-path {ca}")
        recipient = f"{client}.{own.domain}@example.net"
        assert "ann@example.net" in text
        ended = subprocess.run(
            command, input=text.replace("ann@example.net", recipient), env=trust, capture_output=True, text=True,
            timeout=60,
        )  # fmt: skip
        assert ended.returncode == 0, (text, ended.stdout, ended.stderr)
        (arrived,) = sandbox.inbox(recipient)
        assert arrived["subject"] == "Your order"
    page.locator("#python-smtplib summary").click()
    member.look("card")
    assert not member.complaints


def test_keys_come_and_go(sandbox: Sandbox, own: Shop, member: Person) -> None:
    """An API key and a short password are made, shown once, sent by, and revoked; a new password ends the old one."""
    page = member.page

    def do(summary: str) -> None:
        page.locator(".acts summary", has_text=summary).click()
        page.get_by_role("button", name=summary, exact=True).click()

    def shown(name: str) -> str:
        return page.locator("dt", has_text=name).locator("xpath=following-sibling::dd[1]").locator("code").inner_text()

    do("New API key")
    key = shown("API key")
    with sandbox.smtp(mode="starttls", port=sandbox.port(587, "standard")) as client:
        client.login("whoever", key)
    do("New short password")
    name, short = shown("Short user name"), shown("Short password")
    with sandbox.smtp(mode="starttls", port=sandbox.port(587, "standard")) as client:
        client.login(name, short)
    do("Revoke API key")
    assert page.get_by_role("status").filter(has_text="refused from the next login").is_visible()
    assert page.locator("dt", has_text="API key").count() == 0
    do("Revoke short password")
    (credential,) = sandbox.cli("connection", "show", own.connection)["credentials"]
    assert credential["kind"] == "generated"
    do("New password")
    assert shown("Password") not in ("", own.password)
    assert not member.complaints


def test_settings(sandbox: Sandbox, own: Shop, member: Person, somebody: Callable[[], Person]) -> None:
    """Sender, addresses, rate and options are set in forms of their own; a fault stands beside its field and keeps
    what was typed. A member is not shown what an administrator alone may set."""
    page = member.page
    page.get_by_role("link", name="Settings", exact=True).click()
    assert page.url.endswith("/settings")

    def save(form: str) -> None:
        page.locator(f"form[action$='/settings/{form}']").get_by_role("button", name="Save").click()

    page.locator("#networks").fill("192.0.2.0/24\n2001:db8::/32")
    save("networks")
    page.get_by_text("Saved.", exact=True).wait_for()
    assert page.locator("#units, #option_daily_limit").count() == 0
    page.locator("#sender").fill("me@elsewhere.example")
    save("sender")
    assert page.locator("#sender-fault").is_visible()
    member.complaints.clear()  # the browser tells of the 400
    page.locator("#option_sandbox").select_option("true")
    save("options")
    assert sandbox.cli("connection", "show", own.connection)["options"]["sandbox"] is True
    page.get_by_role("link", name="Card", exact=True).click()
    assert page.get_by_text("192.0.2.0/24, 2001:db8::/32").is_visible()
    assert not member.complaints

    made, root, settings = sandbox.cli("user", "add", f"root@{own.domain}"), somebody(), page.url + "/settings"
    root.sign_in(f"root@{own.domain}", made["password"])
    page = root.page
    page.goto(settings)
    page.locator("#units").fill("ten")
    save("rate")
    assert "whole number" in page.locator("#units-fault").inner_text()
    assert page.locator("#units").input_value() == "ten"
    page.locator("#option_daily_limit").fill("many")
    save("options")
    assert page.locator("#option_daily_limit-fault").is_visible()
    root.complaints.clear()
    page.locator("#units").fill("10")
    save("rate")
    page.locator("#option_daily_limit").fill("100")
    save("options")
    root.look("card-settings")
    found = sandbox.cli("connection", "show", own.connection)
    assert found["rate"] == 10
    assert found["options"]["daily_limit"] == 100
    page.locator("#option_daily_limit").fill("")
    save("options")
    assert sandbox.cli("connection", "show", own.connection)["options"]["daily_limit"] == 0
    assert not root.complaints


def test_blocked_and_activated(sandbox: Sandbox, own: Shop, member: Person, somebody: Callable[[], Person]) -> None:
    """A member blocks a connection, with a reason, and is told whom to turn to; only an administrator activates it."""
    page = member.page
    page.locator(".acts summary", has_text="Block").click()
    page.get_by_label("Reason").fill("sent to a bought list")
    page.get_by_role("button", name="Block", exact=True).click()
    assert page.get_by_text("Reason: sent to a bought list.").is_visible()
    assert page.get_by_role("link", name="help@relay.example").get_attribute("href") == "mailto:help@relay.example"
    assert page.get_by_role("button", name="Activate").count() == 0
    member.look("card-blocked")
    assert sandbox.cli("connection", "show", own.connection)["status"] == "blocked"
    made, root = sandbox.cli("user", "add", f"root@{own.domain}"), somebody()
    root.sign_in(f"root@{own.domain}", made["password"])
    root.page.goto(page.url)
    root.page.get_by_role("button", name="Activate").click()
    assert root.page.get_by_text("Active", exact=True).is_visible()
    page.reload()
    assert page.get_by_role("link", name="help@relay.example").count() == 0
    assert not member.complaints + root.complaints
