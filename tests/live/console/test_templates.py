"""Templates in the console: written, previewed, tried by a mail, compared and restored; and hostile ones do no harm."""

from __future__ import annotations

from ..daemon import Sandbox
from .browser import Person

EVIL = "<script>document.title='evil'</script>\"><img src=x onerror=\"document.title='evil'\">"


def test_a_template_from_writing_to_removing(sandbox: Sandbox, person: Person) -> None:
    """A member writes a template, sees what is wrong with it beside the field, previews it, saves it, sends a mail by
    it that arrives, saves another version, compares the two, takes the first again, and removes all."""
    shop = sandbox.shop(dialect="standard")
    made = sandbox.cli("user", "add", f"ann@{shop.domain}", "--account", shop.account)
    person.sign_in(f"ann@{shop.domain}", made["password"])
    page = person.page
    page.get_by_role("link", name="Templates").click()
    page.get_by_role("link", name="New template").click()
    page.get_by_label("Name", exact=True).fill("Welcome")
    page.get_by_label("Id").fill(f"welcome-{shop.account}")
    page.get_by_label("Subject").fill("Hello {{ name }}")
    page.get_by_label("HTML").fill("<h1 style='color: teal'>Hello</h1>\n<p>{% if name %}{{ name }}</p>")
    page.get_by_role("button", name="Save").click()
    assert "line 2" in page.locator("#html-fault").inner_text()
    person.complaints.clear()  # the browser tells of every 400
    page.get_by_label("HTML").fill("<h1 style='color: teal'>Hello</h1>\n<p>{{ name }}</p>" + EVIL)
    page.get_by_role("button", name="Preview").click()
    assert page.get_by_label("Example values").input_value() == '{\n "name": "(name)"\n}'
    assert page.frame_locator("iframe").get_by_text("(name)").is_visible()
    assert page.title() == "New template – mailrelay"
    assert page.evaluate("frames[0].length") == 0
    page.get_by_role("button", name="Save").click()
    told = sandbox.cli("template", "show", f"welcome-{shop.account}", "--account", shop.account)
    assert (told["version"], told["html"].endswith(EVIL), told["subject"]) == (1, True, "Hello {{ name }}")

    page.get_by_label("To", exact=True).fill(f"bob-{shop.account}@example.net")
    page.get_by_label("With the values").fill('{"name": "Bob"}')
    page.get_by_role("button", name="Send a test mail").click()
    assert page.get_by_text("A mail is on its way").is_visible()
    assert b"Subject: Hello Bob" in sandbox.received(f"bob-{shop.account}@example.net")

    page.get_by_label("Subject").fill("Good day, {{ name }}")
    page.get_by_role("button", name="Save").click()
    assert page.get_by_text("Version 2 is saved").is_visible()
    page.get_by_role("button", name="Preview").click()
    person.complaints.clear()  # of the frame: its script, its picture, which are not let in
    person.look("template")
    page.get_by_role("link", name="Version 1", exact=True).click()
    assert page.locator("ins").inner_text().strip() == "+Hello {{ name }}"
    person.complaints.clear()
    person.look("template-version")
    page.get_by_role("button", name="Use version 1 again").click()
    told = sandbox.cli("template", "show", f"welcome-{shop.account}", "--account", shop.account)
    assert (told["version"], told["subject"]) == (3, "Hello {{ name }}")

    page.get_by_text("Remove this template").click()
    page.get_by_role("button", name="Remove", exact=True).click()
    assert sandbox.cli("template", "list", "--account", shop.account) == []
    assert not person.complaints


def test_hostile_words(sandbox: Sandbox, administrator: Person) -> None:
    """H11: markup in the name, the id and the subject of a template is text on every page; a preview is no part of the
    page and may run nothing; a program without end is stopped."""
    shop = sandbox.shop()
    given = ["--account", shop.account, "--name", EVIL, "--subject", EVIL]
    sandbox.cli("template", "create", *given, "--id", '"><b>x', "--html", "-", stdin=EVIL)
    page = administrator.page
    administrator.go("/console/templates")
    assert page.get_by_role("cell", name=EVIL, exact=True).count() == 2
    page.get_by_role("row").filter(has_text='"><b>x').get_by_role("link").click()
    page.get_by_label("HTML").fill("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}")
    page.get_by_role("button", name="Preview").click()
    assert page.locator(".fault").first.is_visible()
    assert page.title() == f"{EVIL} – mailrelay"
    assert page.locator("main b").count() == 0
    administrator.complaints.clear()  # the browser tells of every 400
