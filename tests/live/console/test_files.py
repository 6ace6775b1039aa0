"""The file cache in the console: a file goes in, a message attaches it, it comes out as it was, and goes away."""

from __future__ import annotations

from pathlib import Path

from ..daemon import Sandbox
from .browser import Person

EVIL = "<img src=x onerror=alert(1)>.txt"


def test_a_file_from_upload_to_removal(sandbox: Sandbox, person: Person, tmp_path: Path) -> None:
    """H11: a member uploads a file with a hostile name, whose key can be copied and whose octets come back unchanged,
    to be saved and not shown; an empty one and a key that is taken are told beside the
    field."""
    shop = sandbox.shop()
    made = sandbox.cli("user", "add", f"ann@{shop.domain}", "--account", shop.account)
    person.sign_in(f"ann@{shop.domain}", made["password"])
    page = person.page
    page.get_by_role("link", name="Files").click()
    octets = b"Terms: <script>alert(1)</script>\r\n\r\n--border\r\n" * 20_000
    (tmp_path / EVIL).write_bytes(octets)
    page.get_by_label("File", exact=True).set_input_files(tmp_path / EVIL)
    page.get_by_label("Key").fill("terms")
    page.get_by_role("button", name="Upload").click()
    assert page.get_by_text("under the key terms").is_visible()
    (kept,) = sandbox.cli("file", "list", "--account", shop.account)
    assert (kept["key"], kept["name"], kept["size"]) == ("terms", EVIL, len(octets))
    person.look("files")
    page.get_by_role("button", name="Copy").click()
    assert page.evaluate("navigator.clipboard.readText()") == "terms"
    with page.expect_download() as download:
        page.get_by_role("link", name=EVIL).click()
    assert Path(download.value.path()).read_bytes() == octets

    (tmp_path / "empty.txt").write_bytes(b"")
    page.get_by_label("File", exact=True).set_input_files(tmp_path / "empty.txt")
    page.get_by_role("button", name="Upload").click()
    assert "empty" in page.locator("#file-fault").inner_text()
    page.get_by_label("File", exact=True).set_input_files(tmp_path / EVIL)
    page.get_by_label("Key").fill("terms")
    page.get_by_role("button", name="Upload").click()
    assert "exists already" in page.locator("#called-fault").inner_text()
    person.complaints.clear()  # the browser tells of every 400
    page.get_by_text("Remove …").click()
    page.get_by_role("button", name="Remove").click()
    assert sandbox.cli("file", "list", "--account", shop.account) == []
    assert not person.complaints
