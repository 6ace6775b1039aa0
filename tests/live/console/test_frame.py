"""What stands around every page: the navigation, the theme, the menu on a phone."""

from __future__ import annotations

from ..daemon import Sandbox
from .browser import LOOKS, Person

DARK = "rgb(19, 22, 26)"


def test_theme_stays(administrator: Person) -> None:
    """A chosen theme holds on every page from its first paint on, until the system's is chosen again."""
    page = administrator.page
    colour = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(colour) != DARK
    page.get_by_text("Theme", exact=True).click()
    page.get_by_role("button", name="Dark").click()
    page.get_by_role("link", name="Statistics").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.evaluate(colour) == DARK
    page.get_by_text("Theme", exact=True).click()
    page.get_by_role("button", name="As the system").click()
    assert page.url.endswith("/console/statistics")
    assert page.evaluate(colour) != DARK
    assert not administrator.complaints


def test_menu_on_a_phone(administrator: Person) -> None:
    """The pages are behind one link on a phone, by keyboard, too, and without the script."""
    page = administrator.page
    page.set_viewport_size(LOOKS[2]["viewport"])
    link = page.get_by_role("link", name="Statistics")
    assert not link.is_visible()
    page.get_by_role("link", name="Menu").focus()
    page.keyboard.press("Enter")
    administrator.look("menu")
    page.set_viewport_size(LOOKS[2]["viewport"])
    link.click()
    assert page.get_by_role("heading", name="Statistics").is_visible()
    assert not link.is_visible()


def test_administrators_pages(sandbox: Sandbox, person: Person) -> None:
    """A member's navigation leads nowhere that is refused."""
    shop = sandbox.shop()
    made = sandbox.cli("user", "add", "mia@shop.example", "--account", shop.account)
    person.sign_in("mia@shop.example", made["password"])
    paths = [each.get_attribute("href") for each in person.page.locator("#pages li a").all()]
    assert paths
    for path in paths:
        assert path is not None
        assert person.go(path) == 200, path
    assert not person.complaints
