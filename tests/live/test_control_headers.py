"""What a message asks for by control headers, from the line to the mail that arrives and the history that tells of it.

What is said stands in golden dialogues, ``tests/dialogues/standard/headers``.
"""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, build_opener

import pytest

from ..dialogue import ROOT, Tcp, read, run
from .daemon import Sandbox, Shop, eventually, letter, queued

HEADERS = ROOT / "standard" / "headers"


@pytest.fixture
def shop(sandbox: Sandbox) -> Shop:
    """A customer of this test alone, who speaks our own superset."""
    return sandbox.shop(dialect="standard")


def play(sandbox: Sandbox, shop: Shop, name: str, **others: str) -> str:
    """One dialogue, which must go as it is written; gives the id of the mail that was taken."""
    variables = shop.variables | {"rcpt": "rcpt@example.net"} | others
    line = Tcp("localhost", sandbox.ports("plain", "standard")[0])
    return run(read(HEADERS / f"{name}.txt"), line, variables).get("ID", "")


def newest_refusal(sandbox: Sandbox, shop: Shop, rule: str) -> dict[str, Any]:
    """The newest line in the book of refusals, once it is by that rule: it is written behind the reply."""

    def found() -> dict[str, Any]:
        told: list[dict[str, Any]] = sandbox.cli(
            "message", "explain", "--refused", "--connection", shop.connection, "--last", "1"
        )
        return told[0] if told and told[0]["rule"] == rule else {}

    return eventually(found, what=f"a refusal by {rule}")


def test_refused(sandbox: Sandbox, shop: Shop) -> None:
    """Each control header that cannot be read, and each wish that cannot be met, has its reply; nothing is charged,
    and the book of refusals has the reason."""
    play(sandbox, shop, "refused")
    assert sandbox.available(shop) == 1000
    assert newest_refusal(sandbox, shop, "template")["reply"] == "template_failed"


def test_taken(sandbox: Sandbox, shop: Shop) -> None:
    """Control headers are kept with the message and shown, and do not arrive; all others do."""
    id = play(sandbox, shop, "taken", rcpt="taken@example.net")
    arrived = message_from_bytes(sandbox.received("taken@example.net"))
    assert [name for name, _ in arrived.items() if name.lower().startswith("x-")] == ["X-Keep-Me"]
    told: dict[str, Any] = sandbox.settled(id)["taken@example.net"]
    assert (told["tag"], told["client_ref"]) == ("news", "Bestellung 17 für Ann")
    assert told["metadata"] == {"plan": "gold", "seats": "3", "Order": "17"}


def test_preflight(sandbox: Sandbox, shop: Shop) -> None:
    """A preflight is told apart in the final reply, or refused as the mail would be; nothing is charged, kept or sent,
    and what refused it is not kept either. A message posted as one by HTTP is not sent by mistake."""
    play(sandbox, shop, "preflight", rcpt="preflight@example.net")
    assert sandbox.available(shop) == 1000
    assert sandbox.cli("message", "list", "--connection", shop.connection) == []
    assert newest_refusal(sandbox, shop, "control_headers"), "what could not be read was no preflight"
    assert sandbox.arrived("preflight@example.net") == []


def test_repeated(sandbox: Sandbox, shop: Shop) -> None:
    """The same key gets the same id; each recipient gets one mail and is charged once, who is new by the repetition
    too; and that holds when the first took the last send."""
    names = {"rcpt": "once@example.net", "other": "more@example.net"}
    sandbox.cli("balance", "set", shop.account, "2")
    id = play(sandbox, shop, "repeated", key="order-17", **names)
    assert {to: each["state"] for to, each in sandbox.settled(id).items()} == dict.fromkeys(names.values(), "delivered")
    for to in names.values():
        assert len(sandbox.inbox(to)) == 1
    assert sandbox.available(shop) == 0


def test_large(sandbox: Sandbox, shop: Shop) -> None:
    """A message of a megabyte under a key is taken once, too, and arrives whole."""
    source = letter(shop, "large", b"x" * 70 + b"\r\n", b"X-Relay-Idempotency-Key: large", b"X-Relay-Tag: large")
    source += (b"y" * 70 + b"\r\n") * 15_000
    ids = {sandbox.submit(shop, ["large@example.net"], source) for _ in range(2)}
    assert len(ids) == 1
    assert sandbox.settled(ids.pop())["large@example.net"]["tag"] == "large"
    assert sandbox.received("large@example.net").endswith(source[-1_000_000:])
    assert sandbox.available(shop) == 999


def test_as_a_library_writes_them(sandbox: Sandbox, shop: Shop) -> None:
    """Headers as Python's own library folds and encodes them are read as they were meant."""
    made = EmailMessage(policy=policy.SMTP)
    made["From"], made["To"], made["Subject"] = shop.mail_from, "lib@example.net", "library"
    made["X-Relay-Metadata"] = '{"name":"Grüße","long":"%s"}' % ("é1" * 60)
    made.set_content("text")
    with sandbox.smtp(shop) as client:
        client.mail(shop.mail_from)
        client.rcpt("lib@example.net")
        id = queued(client.data(made.as_bytes()))
    assert sandbox.history(id)["lib@example.net"]["metadata"] == {"name": "Grüße", "long": "é1" * 60}


def test_stored_template(sandbox: Sandbox, shop: Shop, tmp_path: Path) -> None:
    """A stored template with variables, a cached file and a tracked link, asked for by headers alone: each recipient
    gets the mail that the template says, with links of its own, and the history tells of template and tag."""
    page = tmp_path / "welcome.html"
    page.write_text('<p>Hi {{ name }}, <a href="https://shop.example/{{ path }}">go</a></p>')
    (tmp_path / "bill.txt").write_text("bill")
    fields = ("--subject", "Welcome, {{ name }}", "--from-name", "{{ shop }}", "--tag", "welcome")
    sandbox.cli("template", "create", "--account", shop.account, "--id", "hello", *fields, "--html", str(page))
    sandbox.cli("file", "add", str(tmp_path / "bill.txt"), "--account", shop.account, "--key", "bill")
    asked = (
        b"X-Relay-Template: hello",
        'X-Relay-Variables: {"name": "<Änn>", "shop": "Größe & Co", "path": "a?b=c"}'.encode(),
        b"X-Relay-File: bill:invoice.txt",
        b"X-Relay-Track-Opens: yes",
        b"X-Relay-Track-Clicks: yes",
        b"X-Relay-Tag: mine",
    )
    to = ["one@example.net", "two@example.net"]
    id = eventually(lambda: _taken(sandbox, shop, to, letter(shop, "ignored", b"ignored\r\n", *asked)))
    links = set()
    for each in to:
        made = message_from_bytes(sandbox.received(each), policy=policy.default)
        assert made["Subject"] == "Welcome, <Änn>"
        assert made["From"].addresses[0].display_name == "Größe & Co"
        html, file = made.iter_parts()  # type: ignore[attr-defined]
        assert "<p>Hi &lt;Änn&gt;, " in html.get_content() and "ignored" not in html.get_content()
        assert (file.get_filename(), file.get_content()) == ("invoice.txt", "bill")
        links |= set(re.findall(r'href="([^"]+)"', html.get_content()))
    assert len(links) == 2
    for link in links:
        with pytest.raises(HTTPError) as answered:
            build_opener(_Staying).open(link, timeout=10)
        assert answered.value.headers["Location"] == "https://shop.example/a?b=c"
    told = sandbox.settled(id)["one@example.net"]
    assert (told["template"], told["tag"], told["subject"]) == ("hello", "welcome", "Welcome, <Änn>")


def _taken(sandbox: Sandbox, shop: Shop, to: list[str], source: bytes) -> str:
    """The id, or "" while a template is not known yet."""
    try:
        return sandbox.submit(shop, to, source)
    except AssertionError:
        return ""


class _Staying(HTTPRedirectHandler):
    """Follows no redirect."""

    def redirect_request(self, *_: object) -> None:  # type: ignore[override]
        return None
