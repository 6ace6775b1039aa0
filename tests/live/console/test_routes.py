"""Routes in the console: stored ones made, changed, tried and removed; a member sees those of the own account."""

from __future__ import annotations

from collections.abc import Callable

from ..daemon import Sandbox, free_port
from .browser import Person


def test_routes(sandbox: Sandbox, administrator: Person, somebody: Callable[[], Person]) -> None:
    """A route is made with a login that is never shown again, tried step by step, changed without its password, led by
    MX, and removed, but not while another falls back on it; a member only sees it (A12)."""
    shop, other = sandbox.shop(), sandbox.shop()
    id, port = f"way-of-{shop.account}", sandbox.ports("plain")[0]
    page = administrator.page
    page.get_by_role("link", name="Routes", exact=True).first.click()
    page.get_by_role("link", name="Add a route").first.click()
    page.get_by_label("Account").select_option(shop.account)
    page.get_by_label("Id", exact=True).fill(id)
    page.get_by_label("Hosts").fill(f"127.0.0.1:{port}\n127.0.0.1:{free_port()}")
    page.get_by_label("User name").fill("somebody")
    page.get_by_role("button", name="Add").click()
    assert "go together" in page.locator("#username-fault").inner_text()
    administrator.complaints.clear()  # the browser tells of every 400
    administrator.look("route-new")
    page.get_by_label("Password").fill("a-secret-of-the-smart-host")
    page.get_by_role("button", name="Add").click()
    assert page.get_by_text("somebody, with a password that is kept sealed").is_visible()
    page.get_by_role("link", name="Change").click()
    page.get_by_label("TLS").select_option("none")
    page.get_by_label("For domains").fill(f"*.{shop.domain}")
    page.get_by_role("button", name="Save").click()
    assert page.get_by_text(f"*.{shop.domain}").is_visible()
    (kept,) = sandbox.cli("route", "list", "--account", shop.account)
    assert (kept["tls"], kept["username"], kept["domains"]) == ("none", "somebody", [f"*.{shop.domain}"])
    page.get_by_role("link", name="Change").click()
    page.get_by_label("User name").fill("")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Try it").click()
    assert page.get_by_text("would take mail", exact=True).is_visible()
    assert page.get_by_text("would take none", exact=True).is_visible()
    assert page.get_by_role("cell", name="EHLO").first.is_visible()
    administrator.look("route-tried")
    assert "a-secret-of-the-smart-host" not in page.content()

    sandbox.cli("route", "add", f"127.0.0.1:{port}", "--id", f"{id}-2", "--account", shop.account, "--fallback", id)
    page.get_by_text("Remove…").click()
    page.get_by_role("button", name="Remove").click()
    assert page.get_by_text(f"route {id}-2 falls back on {id}").is_visible()
    administrator.complaints.clear()
    member = somebody()
    for name, owner in ((f"r1@{shop.domain}", shop), (f"r2@{other.domain}", other)):
        sandbox.cli("user", "add", name, "--account", owner.account, "--password-stdin", stdin="a sentence of mine\n")
    member.sign_in(f"r1@{shop.domain}", "a sentence of mine")
    member.page.get_by_role("link", name="Routes", exact=True).first.click()
    assert member.page.get_by_role("link", name="Add a route").count() == 0
    member.page.get_by_role("link", name=id, exact=True).click()
    assert member.page.get_by_role("button", name="Try it").count() == 0
    stranger = somebody()
    stranger.sign_in(f"r2@{other.domain}", "a sentence of mine")
    assert stranger.go(member.page.url.removeprefix(member.base)) == 404
    assert not member.complaints

    sandbox.cli("route", "remove", f"{id}-2", "--account", shop.account)
    page.get_by_text("Remove…").click()
    page.get_by_role("button", name="Remove").click()
    assert page.get_by_text(f"Route {id} is gone.").is_visible()
    page.get_by_role("link", name="Add a route").first.click()
    page.get_by_label("Id", exact=True).fill(f"{id}-mx")
    page.get_by_label("Leads").select_option("mx")
    page.get_by_label("Our addresses").fill("192.0.2.1, nonsense")
    page.get_by_role("button", name="Add").click()
    assert page.locator("#sources-fault").is_visible()
    page.get_by_label("Our addresses").fill("192.0.2.1")
    page.get_by_role("button", name="Add").click()
    assert page.get_by_text("by MX, to port 25").is_visible()
    page.get_by_text("Remove…").click()
    page.get_by_role("button", name="Remove").click()
    administrator.look("routes")
