"""Domains and senders in the console: what is added, shown and removed there is what the installation holds."""

from __future__ import annotations

from ..daemon import Sandbox
from .browser import Person

EVIL = '"><img src=x onerror=alert(1)>'


def test_a_domain_from_adding_to_removing(sandbox: Sandbox, administrator: Person) -> None:
    """A domain is added, its records can be copied, it is verified by word, its keys are changed step by step, and it
    is removed once no connection sends from it."""
    shop = sandbox.shop()
    page = administrator.page
    page.get_by_role("link", name="Domains and senders").click()
    administrator.look("domains")
    page.get_by_label("Account").select_option(shop.account)
    page.get_by_label("Add a domain").fill("not a domain")
    page.get_by_role("button", name="Add", exact=True).click()
    assert page.locator("#domain-fault").is_visible()
    assert page.get_by_label("Add a domain").input_value() == "not a domain"
    administrator.complaints.clear()  # the browser tells of every 400
    page.get_by_label("Add a domain").fill(f"mail.{shop.domain}")
    page.get_by_role("button", name="Add", exact=True).click()
    assert page.get_by_role("heading", name=f"mail.{shop.domain}").is_visible()

    told = sandbox.cli("domain", "show", f"mail.{shop.domain}")
    for record in told["records"]:
        row = page.get_by_role("row").filter(has=page.get_by_text(record["name"], exact=True))
        row.filter(has_text=record["value"]).get_by_role("button", name="Copy").nth(1).click()
        assert page.evaluate("navigator.clipboard.readText()") == record["value"]
    page.get_by_role("button", name="Verify by my word").click()
    assert sandbox.cli("domain", "show", f"mail.{shop.domain}")["status"] == "verified"

    page.get_by_text("Change the keys").click()
    page.get_by_role("button", name="Make a new pair").click()
    assert "waits" in page.get_by_role("table", name="Keys by which").inner_text()
    administrator.look("domain")
    page.get_by_role("button", name="Use the new pair").click()
    fresh = sandbox.cli("domain", "show", f"mail.{shop.domain}")["keys"]
    assert [each["active"] for each in fresh] == [False, False, True, True]

    page.get_by_text("Remove this domain").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    assert f"mail.{shop.domain}" not in {each["domain"] for each in sandbox.cli("domain", "list")}
    assert page.get_by_text(f"mail.{shop.domain} is removed.").is_visible()
    page.get_by_role("link", name=shop.domain, exact=True).click()
    page.get_by_text("Remove this domain").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    assert shop.connection in page.locator(".fault").inner_text()
    assert shop.domain in {each["domain"] for each in sandbox.cli("domain", "list")}
    administrator.complaints.clear()


def test_senders(sandbox: Sandbox, person: Person) -> None:
    """A member adds a sender on a domain of theirs, asks for another by a letter that arrives, and removes one."""
    shop = sandbox.shop()
    made = sandbox.cli("user", "add", f"ann@{shop.domain}", "--account", shop.account)
    person.sign_in(f"ann@{shop.domain}", made["password"])
    page = person.page
    page.get_by_role("link", name="Domains and senders").click()
    page.get_by_role("link", name=shop.domain, exact=True).click()
    page.get_by_role("link", name="Add a sender").click()
    page.get_by_label("Address").fill(f"{EVIL}@elsewhere.example")
    page.get_by_role("button", name="Add", exact=True).click()
    assert page.locator("#address-fault").is_visible()
    person.complaints.clear()  # the browser tells of every 400
    page.get_by_label("Address").fill(f"help@{shop.domain}")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_label("Address").fill(f"ann-{shop.account}@elsewhere.example")
    page.get_by_label("Why it may be used").select_option("letter")
    page.get_by_role("button", name="Add", exact=True).click()
    person.look("senders")
    states = {each["address"]: each["status"] for each in sandbox.cli("sender", "list", "--account", shop.account)}
    assert states[f"help@{shop.domain}"] == "confirmed"
    assert states[f"ann-{shop.account}@elsewhere.example"] == "requested"
    assert b"Confirm a sender address" in sandbox.received(f"ann-{shop.account}@elsewhere.example")
    assert page.get_by_role("button", name="Confirm by my word").count() == 0

    row = page.get_by_role("row").filter(has_text=f"help@{shop.domain}")
    row.get_by_text("Remove …").click()
    row.get_by_role("button", name="Remove").click()
    left = {each["address"] for each in sandbox.cli("sender", "list", "--account", shop.account)}
    assert f"help@{shop.domain}" not in left and len(left) == 2
    assert not person.complaints


def test_a_domain_of_others(sandbox: Sandbox, person: Person) -> None:
    """A12: another account's domain is not there, by its page or by a form."""
    mine, others = sandbox.shop(), sandbox.shop()
    made = sandbox.cli("user", "add", f"eve@{mine.domain}", "--account", mine.account)
    owner = sandbox.cli("account", "show", others.account)["id"]
    person.sign_in(f"eve@{mine.domain}", made["password"])
    person.go("/console/domains")
    key = person.page.locator("input[name=key]").first.get_attribute("value")
    assert key is not None
    assert person.go(f"/console/domains/{owner}/{others.domain}") == 404
    for act in ("remove", "rotate", "by-word"):
        answer = person.page.request.post(
            f"{person.base}/console/domains/{owner}/{others.domain}/{act}", form={"key": key}
        )
        assert answer.status == 404, act
    form = {"key": key, "account": owner, "address": others.mail_from}
    assert person.page.request.post(f"{person.base}/console/senders/remove", form=form).status == 404
    assert others.domain in {each["domain"] for each in sandbox.cli("domain", "list")}
    assert len(sandbox.cli("sender", "list", "--account", others.account)) == 1
