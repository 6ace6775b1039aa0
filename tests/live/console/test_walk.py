"""A person's first walk through the console, in Debian's Chromium: by eye, by keyboard, on a phone, in the dark."""

from __future__ import annotations

import smtplib
from email import message_from_bytes, policy
from email.message import EmailMessage

from playwright.sync_api import Browser

from ..daemon import ARRIVES, Sandbox, eventually
from .browser import Person

#: A browser that a person may sit at: what calls itself headless counts as a machine.
READER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


TARGET = "https://shop.example/item"


def fact(person: Person, name: str) -> str:
    """What a card says of something."""
    return person.page.locator(f"dt:text-is('{name}') + dd code").first.inner_text()


def test_new_user(sandbox: Sandbox, person: Person, browser: Browser) -> None:
    """The whole walk: signed in as the sandbox tells, a person creates a connection, sends by what its card shows, and
    sees the mail arrive; its reader opens it, follows its link and unsubscribes; all of it stands in the history and in
    the statistics."""
    page = person.page
    (login,) = [each for each in sandbox.facts["users"] if each["role"] == "member"]
    person.go("/console")
    person.look("sign-in")
    person.sign_in(login["name"], login["password"])
    page.get_by_role("link", name="Connections").click()
    person.look("connections")
    page.get_by_role("link", name="Create connection").click()
    page.get_by_label("Name").fill("walk")
    sender = sandbox.card("standard")["mail_from"]
    page.get_by_label("Sender").fill(sender)
    page.get_by_label("Speaks").select_option("standard")
    person.look("create")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Show password").click()
    person.look("card")
    page.locator("dt:text-is('Password') + dd").get_by_role("button", name="Copy").click()
    password = page.evaluate("navigator.clipboard.readText()")
    assert password == fact(person, "Password")
    host, port, name = (fact(person, each) for each in ("Host", "Port, STARTTLS", "User name"))
    card = page.url.partition("?")[0].removesuffix("/reveal")
    page.goto(card)
    page.get_by_role("link", name="Settings", exact=True).click()
    for option in ("track_opens", "track_clicks", "list_unsubscribe"):
        page.locator(f"#option_{option}").select_option("true")
    page.locator("form[action$='/settings/options']").get_by_role("button", name="Save").click()
    page.get_by_text("Saved.", exact=True).wait_for()

    mail = EmailMessage(policy=policy.SMTP)
    mail["From"], mail["To"], mail["Subject"] = sender, "reader@example.net", "A walk"
    mail.set_content("Plain text.\n")
    mail.add_alternative(f'<html><body><a href="{TARGET}">item</a></body></html>', subtype="html")
    with smtplib.SMTP(host, int(port), timeout=30) as client:
        client.starttls(context=sandbox.context())
        client.login(name, password)
        client.send_message(mail, sender, ["reader@example.net"])
    source = sandbox.received("reader@example.net")

    person.go("/console/history")
    row = page.get_by_role("row").filter(has_text="reader@example.net")
    assert eventually(lambda: (page.reload(), row.get_by_text("delivered", exact=True).count())[1], ARRIVES)
    read(browser, source)

    row.get_by_role("link", name="A walk").click()
    for act in ("Opened", "Clicked", "Unsubscribed"):
        entry = page.locator(".event").filter(has_text=act)
        eventually(lambda: (page.reload(), entry.count())[1], 15, act)  # noqa: B023
    assert page.locator(".event").filter(has_text=TARGET).is_visible()
    person.look("walk")
    page.goto(f"{person.base}/console/statistics?connection={card.rpartition('/')[2]}")
    for label in ("delivered", "opened", "clicked", "unsubscribed"):
        counted = page.get_by_role("row").filter(has=page.get_by_role("cell", name=label, exact=True)).first
        assert counted.get_by_role("cell").nth(1).inner_text() == "1", label
    assert page.get_by_role("img", name="Mail by hour").is_visible()
    person.look("statistics")
    person.go("/console")
    assert not page.locator(".steps").is_visible()
    page.get_by_role("button", name="Sign out").click()
    person.go("/console/statistics")
    assert page.url.endswith("/console/sign-in")
    assert not person.complaints


def read(browser: Browser, source: bytes) -> None:
    """Open a mail in a browser of its reader, which loads its pictures, follow its link, and unsubscribe."""
    mail = message_from_bytes(source, policy=policy.default)
    html = mail.get_body(("html",))
    assert html is not None
    context = browser.new_context(user_agent=READER)
    try:
        page = context.new_page()
        context.route("https://shop.example/**", lambda route: route.fulfill(body="the shop"))
        page.set_content(html.get_content(), wait_until="load")
        page.get_by_role("link", name="item").click()
        page.get_by_text("the shop").wait_for()
        assert page.url == TARGET
        page.goto(mail["List-Unsubscribe"].strip("<>"))
        page.get_by_role("button").click()
        page.get_by_role("strong").get_by_text("reader@example.net").wait_for()
    finally:
        context.close()


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
