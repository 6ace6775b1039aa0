"""Suppressions in the console: found, added, removed; a list that comes in, is undone, and goes out."""

from __future__ import annotations

from pathlib import Path

from ..daemon import Sandbox, Shop, eventually
from .browser import Person

EVIL = '""><img src=x onerror=alert(1)>'


def addresses(sandbox: Sandbox, shop: Shop) -> set[str]:
    """Who is suppressed."""
    return {each["address"] for each in sandbox.cli("suppression", "list", "--account", shop.account)}


def member(sandbox: Sandbox, shop: Shop, person: Person) -> None:
    """Sign in as a member of a shop."""
    made = sandbox.cli("user", "add", f"ann@{shop.domain}", "--account", shop.account)
    person.sign_in(f"ann@{shop.domain}", made["password"])


def test_added_found_removed(sandbox: Sandbox, person: Person) -> None:
    """An address is suppressed with a reason and an end, mail to it is not sent, it is found by a part of it, and is
    let go again."""
    shop = sandbox.shop()
    member(sandbox, shop, person)
    page = person.page
    page.get_by_role("link", name="Suppressions").click()
    person.look("suppressions-none")
    page.get_by_label("Address not to be sent to").fill("nobody")
    page.get_by_label("For how many days").fill("30")
    page.get_by_role("button", name="Suppress").click()
    assert page.locator("#address-fault").is_visible()
    assert page.get_by_label("For how many days").input_value() == "30"
    person.complaints.clear()  # the browser tells of every 400
    page.get_by_label("Address not to be sent to").fill("bob@example.net")
    page.get_by_label("Reason").select_option("complaint")
    page.get_by_role("button", name="Suppress").click()
    (kept,) = sandbox.cli("suppression", "list", "--account", shop.account)
    assert (kept["address"], kept["reason"], bool(kept["expires_at"])) == ("bob@example.net", "complaint", True)
    sandbox.cli("suppression", "add", "carol@example.org", "--account", shop.account)
    page.get_by_label("Address", exact=True).fill("EXAMPLE.NET")
    page.get_by_role("button", name="Show").click()
    assert page.get_by_role("cell", name="bob@example.net").is_visible()
    assert page.get_by_role("cell", name="carol@example.org").count() == 0
    person.look("suppressions")
    page.get_by_text("Remove …").click()
    page.get_by_role("button", name="Remove").click()
    assert addresses(sandbox, shop) == {"carol@example.org"}
    assert not person.complaints


def test_a_list_comes_in_is_undone_and_goes_out(sandbox: Sandbox, person: Person, tmp_path: Path) -> None:
    """A file is imported with a bar that goes on; what was refused is told by its line, hostile words and all (H11);
    who was suppressed before stays so when the list is undone; what is left goes out as CSV."""
    shop = sandbox.shop()
    member(sandbox, shop, person)
    sandbox.cli("suppression", "add", "known@example.net", "--account", shop.account, "--reason", "complaint")
    rows = [
        "address,reason",
        "known@example.net,manual",
        EVIL,
        f'"{EVIL}"',
        *(f"u{n}@example.net," for n in range(3000)),
    ]
    file = tmp_path / "<script>alert(1)<script>.csv"
    file.write_text("\n".join(rows))
    page = person.page
    page.get_by_role("link", name="Suppressions").click()
    page.get_by_role("link", name="Import and export").click()
    page.get_by_role("button", name="Import").click()
    assert page.locator("#file-fault").is_visible()
    person.complaints.clear()  # the browser tells of every 400
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Import").click()
    assert page.locator(".followed").is_visible()
    page.get_by_text("3000 addresses").wait_for()
    assert page.get_by_role("row").filter(has_text="img src").get_by_role("cell").first.inner_text() == "4"
    person.look("import")
    assert len(addresses(sandbox, shop)) == 3001
    page.get_by_role("link", name="To the lists").click()
    assert page.get_by_role("link", name="<script>").is_visible()
    person.look("imports")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export CSV").click()
    exported = Path(download.value.path()).read_text().splitlines()
    assert exported[0].startswith("address,reason") and len(exported) == 3002
    page.get_by_text("Everything was written: 3001 rows.").wait_for()
    person.look("export")
    page.get_by_role("link", name="Lists").click()
    page.get_by_text("Undo …").click()
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("3000 addresses may be sent to again").wait_for()
    assert eventually(lambda: addresses(sandbox, shop) == {"known@example.net"})

    page.get_by_role("link", name="To the lists").click()
    page.get_by_label("Or paste it").fill("dan@example.net\ndora@example.net")
    page.get_by_role("button", name="Import").click()
    page.get_by_text("2 addresses").wait_for()
    assert addresses(sandbox, shop) == {"known@example.net", "dan@example.net", "dora@example.net"}
    assert not person.complaints


def test_work_of_others(sandbox: Sandbox, person: Person, administrator: Person) -> None:
    """A12: what an administrator imports for one account is not there for another's member."""
    mine, others = sandbox.shop(), sandbox.shop()
    page = administrator.page
    administrator.go("/console/suppressions/imports")
    page.locator("#account").first.select_option(others.account)
    page.get_by_label("Or paste it").fill("zoe@example.net")
    page.get_by_role("button", name="Import").click()
    page.get_by_text("1 addresses").wait_for()
    path = page.url.removeprefix(administrator.base)
    assert addresses(sandbox, others) == {"zoe@example.net"}
    administrator.page.get_by_role("button", name="Sign out").click()
    member(sandbox, mine, administrator)
    assert administrator.go(path) == 404
    assert administrator.go("/console/suppressions") == 200
    assert page.get_by_text("zoe@example.net").count() == 0
