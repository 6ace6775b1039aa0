"""The page of events: what programs are told, looked at."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from ..daemon import Sandbox, letter
from .browser import Person


def test_what_programs_are_told(sandbox: Sandbox, somebody: Callable[[], Person]) -> None:
    """A member sees in order what happened to mail, what a program is told of each, and goes on from there; the page
    leads to the message."""
    shop, person = sandbox.shop(), somebody()
    name = f"events@{shop.domain}"
    person.sign_in(name, sandbox.cli("user", "add", name, "--account", shop.account)["password"])
    page = person.page
    page.get_by_role("link", name="Events", exact=True).click()
    assert page.get_by_text("Nothing that fits has happened since then.").is_visible()
    person.look("events-none")
    sandbox.settled(sandbox.submit(shop, ["ann@example.net", "hard-bounce@example.net"], letter(shop)))
    page.get_by_role("link", name="Look for newer ones").click()
    rows = page.locator("tbody tr")
    assert rows.count() == 4
    assert all("accepted" in each for each in rows.all_inner_texts()[:2])
    rows.filter(has_text="bounced").get_by_text(re.compile(r"^\d+$")).click()
    person.look("events")
    told = json.loads(rows.filter(has_text="bounced").locator("pre").inner_text())
    assert (told["type"], told["to"], told["account"]) == ("bounced", "hard-bounce@example.net", shop.account)
    numbers = [int(each) for each in page.locator("tbody summary").all_inner_texts()]
    assert numbers == sorted(set(numbers)) and told["id"] in numbers
    page.get_by_label("What", exact=True).select_option(label="delivered")
    page.get_by_role("button", name="Show").click()
    assert rows.count() == 1
    rows.get_by_role("link", name="ann@example.net").click()
    assert page.get_by_role("heading", level=1).is_visible() and "/console/messages/" in page.url
    assert not person.complaints
