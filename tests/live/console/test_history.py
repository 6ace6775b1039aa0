"""The send history and the pages of one message, as a member of an account sees them."""

from __future__ import annotations

import csv

from ..daemon import Sandbox, Shop, eventually, letter
from .browser import Person

#: What a stranger may write in the hope that a page runs it (H11).
EVIL = '"><img src=x onerror=alert(1)><script>alert(2)</script>'


def signed_in(sandbox: Sandbox, person: Person, shop: Shop) -> None:
    """A member of the account, at the console."""
    name = f"{shop.account}@people.example"
    made = sandbox.cli("user", "add", name, "--account", shop.account)
    person.sign_in(name, made["password"])


def test_history(sandbox: Sandbox, person: Person) -> None:
    """By status, recipient, tag and connection the history shows just what fits, and gives it as a file."""
    shop = sandbox.shop(dialect="standard")
    signed_in(sandbox, person, shop)
    page = person.page
    page.get_by_role("link", name="History").click()
    assert page.get_by_text("No mail was accepted yet").is_visible()
    person.look("history-empty")
    fields = (b"X-Relay-Tag: invoice", b"X-Relay-Reference: order-7")
    sandbox.settled(sandbox.submit(shop, ["bob@example.net"], letter(shop, "First", b"text\r\n", *fields)))
    sandbox.settled(sandbox.submit(shop, ["hard-bounce@example.net"], letter(shop, "Second")))
    page.reload()
    assert page.locator("tbody tr").count() == 3, "two mails, and the report on the one that bounced"
    person.look("history")
    page.get_by_label("Status").select_option("bounced")
    page.get_by_role("button", name="Show").click()
    assert page.locator("tbody tr").count() == 1
    assert page.get_by_role("link", name="Second").is_visible()
    page.get_by_label("Status").select_option("")
    page.get_by_label("Recipient or domain").fill("example.net")
    page.get_by_label("Tag").fill("invoice")
    page.get_by_label("Client reference").fill("order-7")
    page.get_by_role("button", name="Show").click()
    assert page.locator("tbody tr").count() == 1
    with page.expect_download() as started:
        page.get_by_role("link", name="CSV").click()
    with open(started.value.path(), newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["rcpt"], row["tag"], row["state"]) == ("bob@example.net", "invoice", "delivered")
    page.get_by_text("Everything was written: 1 row.").wait_for()
    page.go_back()
    page.get_by_label("Tag").fill("nothing")
    page.get_by_role("button", name="Show").click()
    assert page.get_by_text("Nothing fits").is_visible()
    assert not person.complaints


def test_history_tells_what_is_wrong_beside_the_field(sandbox: Sandbox, person: Person) -> None:
    """A recipient that is no address is told where it was typed."""
    shop = sandbox.shop(dialect="standard")
    signed_in(sandbox, person, shop)
    assert person.go("/console/history?to=a@b@c") == 400
    assert person.page.locator("#to-fault").is_visible()
    assert person.page.get_by_label("Recipient or domain").input_value() == "a@b@c"


def test_message(sandbox: Sandbox, person: Person) -> None:
    """One message: when what happened, with its transcript; what was decided; and what its recipient reads, where what
    a stranger wrote is only text (H11)."""
    shop = sandbox.shop(dialect="standard")
    signed_in(sandbox, person, shop)
    sandbox.cli("connection", "set", shop.connection, "track_clicks=true")
    body = b"<p id=mine>Hello</p><a href='https://shop.example/item'>item</a><script>parent.document.title='owned'</script>\r\n"
    source = letter(shop, f"Hi {EVIL}", body, b"Content-Type: text/html; charset=utf-8")
    sandbox.settled(sandbox.submit(shop, ["bob@example.net"], source))
    page = person.page
    person.go("/console/history")
    page.locator("tbody a").first.click()
    assert EVIL in page.get_by_role("heading", level=1).inner_text()
    line = page.locator(".timeline")
    assert line.get_by_text("Accepted after").is_visible()
    assert "delivered" in line.inner_text()
    page.get_by_text("What was said").click()
    assert page.get_by_text("C: MAIL FROM").first.is_visible()
    person.look("message")
    page.get_by_role("link", name="Content", exact=True).click()
    assert page.frame_locator("iframe.mail").locator("#mine").inner_text() == "Hello"
    assert "owned" not in page.title()
    person.complaints.clear()  # the browser tells of the script that it did not run
    assert page.get_by_role("row").filter(has_text="https://shop.example/item").is_visible()
    assert (page.get_by_role("link", name="Web version").get_attribute("href") or "").startswith(
        sandbox.facts["public_url"]
    )
    person.look("message-content")
    page.get_by_role("link", name="Decisions").click()
    assert page.get_by_role("cell", name="connection_active").first.is_visible()
    person.look("message-decisions")


def test_sent_again_and_cancelled(sandbox: Sandbox, person: Person) -> None:
    """A message goes out again to somebody else; one that waits is given up; a fault stands beside its field."""
    shop = sandbox.shop(dialect="standard")
    signed_in(sandbox, person, shop)
    sandbox.settled(sandbox.submit(shop, ["bob@example.net"], letter(shop, "Again")))
    page = person.page
    person.go("/console/history")
    page.get_by_role("link", name="Again").click()
    page.get_by_text("Send again …").click()
    page.get_by_label("To other recipients").fill("nobody")
    page.get_by_role("button", name="Send again").click()
    assert page.locator("#to-fault").is_visible()
    person.complaints.clear()  # the browser tells of the 400
    page.get_by_label("To other recipients").fill("soft-bounce@example.net")
    page.get_by_role("button", name="Send again").click()
    assert page.get_by_text("Sent again: this is the new message.").is_visible()
    assert eventually(lambda: (page.reload(), page.locator(".event.deferred").count())[1])
    assert not page.get_by_text("Sent again: this is the new message.").is_visible(), "told once"
    page.get_by_text("Cancel …").click()
    page.get_by_role("button", name="Cancel delivery").click()
    assert page.get_by_text("Cancelled for 1 recipient.").is_visible()
    assert page.locator(".event.failed").is_visible()
    assert not person.complaints
