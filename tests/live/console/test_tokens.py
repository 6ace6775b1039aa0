"""Tokens made in the console, and the rules of shaping."""

from __future__ import annotations

import json
import re
from urllib.parse import urljoin
from urllib.request import Request, urlopen

from ..daemon import Sandbox
from .browser import Person


def test_a_token_is_made_and_opens_the_api(sandbox: Sandbox, administrator: Person) -> None:
    """What the copy button gives opens the API of the one account; the list shows what the token may, and no secret."""
    shop, page = sandbox.shop(), administrator.page
    page.get_by_role("link", name="API tokens").click()
    page.get_by_label("Account", exact=True).select_option(label=shop.account)
    page.get_by_label("Name", exact=True).fill(f"{shop.domain} robot")
    page.get_by_label("Ends after").fill("7")
    page.get_by_label("connections:read", exact=True).check()
    page.get_by_role("button", name="Make").click()
    administrator.look("token")
    page.get_by_role("button", name="Copy").first.click()
    secret = page.evaluate("navigator.clipboard.readText()")
    asked = Request(urljoin(page.url, "/api/v1/connections"), headers={"Authorization": f"Bearer {secret}"})
    with urlopen(asked) as answer:
        assert {each["account"] for each in json.load(answer)} == {shop.account}
    page.get_by_role("link", name="To the tokens").click()
    row = page.get_by_role("row").filter(has_text=f"{shop.domain} robot")
    assert row.get_by_text(re.compile("in [67] days")).is_visible()
    assert secret not in page.content()
    administrator.look("tokens")
    row.get_by_text("Revoke …").click()
    row.get_by_role("button", name="Revoke").click()
    assert page.get_by_text("opens nothing any more").is_visible()
    assert not administrator.complaints


def test_shaping_is_told(administrator: Person) -> None:
    """The page of shaping has the rules, and says which holds for a mail host."""
    page = administrator.page
    page.get_by_role("link", name="Shaping").click()
    page.get_by_label("Provider, mail host").fill("gmail-smtp-in.l.google.com")
    page.get_by_role("button", name="Show").click()
    assert page.get_by_text("the rule 'google' holds").is_visible()
    administrator.look("shaping")
    assert not administrator.complaints
