"""Sending by HTTP through a running daemon: what arrives, what is refused in which words, what a preflight leaves."""

from __future__ import annotations

import base64
import email
import json
import re
from email import policy
from email.message import EmailMessage
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from .daemon import Sandbox, Shop
from .migrating import sqlite_module


@pytest.fixture
def shop(sandbox: Sandbox) -> Shop:
    """A customer of this test alone, who speaks our own superset."""
    return sandbox.shop(dialect="standard")


def post(sandbox: Sandbox, path: str, body: object) -> tuple[int, Any]:
    """The status and the JSON of a request."""
    headers = {"Authorization": f"Bearer {sandbox.facts['api_token']}", "Content-Type": "application/json"}
    request = Request(f"{sandbox.facts['http']}{path}", json.dumps(body).encode(), headers, method="POST")
    try:
        with urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read())
    except HTTPError as error:
        with error:
            return error.code, json.loads(error.read()) | {"retry": error.headers.get("Retry-After")}


def asked(shop: Shop, *to: str, **more: object) -> dict[str, object]:
    named = {"connection": f"{shop.account}/{shop.connection}", "from": f"Shop <{shop.mail_from}>", "to": list(to)}
    return {**named, "subject": "Grüße", "text": "Hello https://acme.example/a.", **more}


def received(sandbox: Sandbox, to: str) -> EmailMessage:
    found = email.message_from_bytes(sandbox.received(to), policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def tables(sandbox: Sandbox) -> dict[str, list[tuple[object, ...]]]:
    """Everything that is kept, but for what the daemon writes to see whether it can, and its beats."""
    with sqlite_module().connect(sandbox.folder / "state" / "mailrelay.sqlite3") as link:
        names = [name for (name,) in link.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")]
        kept = {name: sorted(map(tuple, link.execute(f"SELECT * FROM {name}")), key=repr) for name in names}
    for passing in ("settings", "nodes", "batches"):
        kept.pop(passing)
    assert kept["connections"] and kept["suppressions"]
    return kept


def test_from_parts(sandbox: Sandbox, shop: Shop) -> None:
    """A message of parts arrives as it was meant at everybody it names, is charged, and is found by what was said of
    it; a copy that is blind is seen by nobody else."""
    logo = base64.b64encode(b"\x89PNG\r\n\0").decode()
    status, told = post(
        sandbox,
        "/api/v1/messages",
        asked(
            shop,
            "Änne <parts-a@example.net>",
            cc=["parts-b@example.net"],
            bcc=[{"address": "parts-c@example.net"}],
            html='<p>Hello <img src="cid:logo@acme"></p>',
            headers={"X-Order": "17"},
            attachments=[
                {"name": "logo.png", "type": "image/png", "content": logo, "cid": "logo@acme"},
                {"name": "Rechnung Ä.pdf", "type": "application/pdf", "content": logo},
            ],
            tag="orders",
            reference="order-17",
            metadata={"shop": "1"},
        ),
    )
    assert status == 202, told
    assert told["accepted"] and [each["accepted"] for each in told["recipients"]] == [True] * 3, told
    for name in "abc":
        found = received(sandbox, f"parts-{name}@example.net")
        assert (found["Subject"], found["X-Order"], found["Bcc"]) == ("Grüße", "17", None)
        assert "with HTTP id" in found["Received"] and found["DKIM-Signature"] and found["Date"]
        assert [part.get_filename() for part in found.iter_attachments()] == ["Rechnung Ä.pdf"]
    assert sandbox.available(shop) == 997
    row = sandbox.history(told["id"])["parts-a@example.net"]
    assert (row["tag"], row["client_ref"], row["metadata"]) == ("orders", "order-17", {"shop": "1"})
    rules = [each["rule"] for each in sandbox.get(f"/api/v1/messages/{told['id']}/explain")["decisions"]]
    assert {"listener", "domain_verified", "from_domain"} <= set(rules), rules


def test_raw_and_repeated(sandbox: Sandbox, shop: Shop) -> None:
    """A whole message goes out as it is, its control headers read; under one key it is sent once, and a different
    one is refused by the name of the member."""
    source = f"From: {shop.mail_from}\r\nSubject: raw\r\nX-Relay-Tag: own\r\n\r\nHello\r\n".encode()
    body = {
        "connection": f"{shop.account}/{shop.connection}",
        "from": shop.mail_from,
        "to": "raw@example.net",
        "raw": base64.b64encode(source).decode(),
        "idempotency_key": "k1",
    }
    first, second = (post(sandbox, "/api/v1/messages", body) for _ in range(2))
    assert (first[0], second[0]) == (202, 202) and first[1]["id"] == second[1]["id"]
    found = received(sandbox, "raw@example.net")
    assert (found["Subject"], found["X-Relay-Tag"]) == ("raw", None)
    assert sandbox.history(first[1]["id"])["raw@example.net"]["tag"] == "own"
    status, problem = post(sandbox, "/api/v1/messages", body | {"raw": base64.b64encode(source + b"!").decode()})
    assert (status, problem["field"]) == (422, "idempotency_key"), problem
    assert sandbox.available(shop) == 999


def test_batch(sandbox: Sandbox, shop: Shop) -> None:
    """In a batch each gets a message of their own, with variables and a reference of their own; who is suppressed is
    refused alone, and a repetition of the batch sends nothing twice."""
    sandbox.cli("suppression", "add", "batch-no@example.net", "--account", shop.account)
    batch = [
        {"to": f"batch-{name}@example.net", "variables": {"name": name}, "reference": f"r-{name}"}
        for name in ("ann", "bob", "no")
    ]
    body = asked(shop, subject="Hi {{ name }} {{ end }}", text="Dear {{ name }}", batch=batch, variables={"end": "!"})
    del body["to"]
    body["idempotency_key"] = "batch-1"
    for _ in range(2):
        status, told = post(sandbox, "/api/v1/messages", body)
        assert status == 202, told
        assert [each["accepted"] for each in told["messages"]] == [True, True, False]
        assert told["messages"][2]["refused"]["rule"] == "suppression"
    for name in ("ann", "bob"):
        found = received(sandbox, f"batch-{name}@example.net")
        assert (found["Subject"], found["To"]) == (f"Hi {name} !", f"batch-{name}@example.net")
    assert sandbox.history(told["messages"][1]["id"])["batch-bob@example.net"]["client_ref"] == "r-bob"
    assert sandbox.available(shop) == 998


def test_refused(sandbox: Sandbox, shop: Shop) -> None:
    """What cannot be read is 400, what the dialect refuses 422, what it puts off 503 and when to come back; each
    names its member, and nothing is charged."""
    wrong: list[tuple[dict[str, object], int, str]] = [
        ({"to": "nobody"}, 400, "to[0]"),
        ({"subject": "a\r\nBcc: x@example.net"}, 400, "subject"),
        ({"headers": {"Bcc": "x@example.net"}}, 400, "headers.Bcc"),
        ({"attachments": [{"name": "a", "content": "!"}]}, 400, "attachments[0].content"),
        ({"colour": "red"}, 400, "colour"),
        ({"priority": "soon"}, 400, "priority"),
        ({"valid_until": "2001-01-01T00:00:00Z"}, 422, "valid_until"),
        ({"from": "app@elsewhere.example"}, 422, "from"),
        ({"template": "none"}, 422, "template"),
        ({"route": "none"}, 422, "route"),
        ({"text": "{{", "variables": {}}, 422, "template"),
    ]
    for more, expected, member in wrong:
        status, problem = post(sandbox, "/api/v1/messages", asked(shop, "refused@example.net") | more)
        assert (status, problem["field"]) == (expected, member), (more, problem)
    poor = sandbox.shop(0, "standard")
    status, problem = post(sandbox, "/api/v1/messages", asked(poor, "refused@example.net"))
    assert (status, problem["detail"], problem["retry"]) == (503, "4.7.1 Balance not enough", "30")
    assert post(sandbox, "/api/v1/messages", asked(shop, "refused@example.net") | {"connection": "x"})[0] == 404
    assert sandbox.available(shop) == 1000


def test_preflight_leaves_no_trace(sandbox: Sandbox, shop: Shop) -> None:
    """A preflight tells the verdict on each recipient, what would leave, and what would be left; and nothing at all is
    kept, charged or sent, however large the message (seen by comparing all tables)."""
    sandbox.cli("suppression", "add", "flight-no@example.net", "--account", shop.account)
    body = asked(shop, "flight@example.net", "flight-no@example.net", html='<a href="https://acme.example/b">b</a>')
    before = tables(sandbox)
    status, told = post(sandbox, "/api/v1/preflight", body)
    assert status == 200 and told["accepted"], told
    assert [each["accepted"] for each in told["recipients"]] == [True, False]
    assert told["recipients"][1]["reply"]["rule"] == "suppression"
    assert told["links"] == ["https://acme.example/a", "https://acme.example/b"]
    assert {(each["domain"], each["alignment"]) for each in told["dkim"]} == {(shop.domain, "strict")}
    assert told["dmarc"] == {"domain": shop.domain, "aligned": True, "by": ["dkim"]}
    assert told["balance"] == {"available": 1000, "cost": 1, "remaining": 999}
    leaves = email.message_from_string(told["message"], policy=policy.default)
    assert leaves["Subject"] == "Grüße" and len(told["message"]) == told["size"] > told["stored_size"]
    large = base64.b64encode(b"x" * 600_000).decode()
    status, told = post(sandbox, "/api/v1/preflight", body | {"attachments": [{"name": "a.bin", "content": large}]})
    assert status == 200 and told["accepted"] and told["size"] > 800_000, (status, told["refused"])
    status, told = post(sandbox, "/api/v1/preflight", asked(shop, "flight-no@example.net"))
    assert (status, told["accepted"], told["refused"]["rule"]) == (200, False, "suppression")
    assert tables(sandbox) == before
    assert sandbox.arrived("flight@example.net") == []


def test_command(sandbox: Sandbox, shop: Shop) -> None:
    """``mailrelay preflight`` tells of a file what the API tells of a post, writes nothing, and ends with status 1 when
    somebody would be refused."""
    file = sandbox.folder / "letter.eml"
    file.write_bytes(
        f"From: {shop.mail_from}\r\nTo: cli@example.net\r\nSubject: x\r\n\r\nhttp://a.example/\r\n".encode()
    )
    before = tables(sandbox)
    told = sandbox.cli("preflight", str(file), "--connection", f"{shop.account}/{shop.connection}")
    assert told["accepted"] and told["links"] == ["http://a.example/"] and told["dmarc"]["by"] == ["dkim"]
    assert [each["address"] for each in told["recipients"]] == ["cli@example.net"]
    named = ("--connection", f"{shop.account}/{shop.connection}")
    shown = sandbox.command("preflight", str(file), *named)
    assert shown.returncode == 0 and "would be taken" in shown.stdout and "999 of 1000" in shown.stdout, shown
    refused = sandbox.command("preflight", str(file), *named, "--from", "a@elsewhere.example")
    assert refused.returncode == 1 and "refused at mail: 550 5.7.1" in refused.stdout, refused
    assert tables(sandbox) == before


SEQUENCES = (
    "\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\n.\r", "\r.\n", "\r\n\0.\r\n", "\r\n.\0\r\n",
    "\r\n. \r\n", "\r\n.\t\r\n", "\r\n.\r\n",
)  # fmt: skip
SMUGGLED = "MAIL FROM:<evil@example.net>\r\nRCPT TO:<smuggled@example.net>\r\nDATA\r\nSubject: smuggled\r\n\r\nx"


def test_smuggling(sandbox: Sandbox, shop: Shop) -> None:
    """S20: whatever ends a message elsewhere, in a text, in HTML, in a variable or in a raw message, is octets of one
    message that leaves clean; a NUL is refused."""
    ways = {
        "text": lambda seq: {"text": f"a{seq}{SMUGGLED}"},
        "html": lambda seq: {"html": f"<p>a{seq}{SMUGGLED}"},
        "variable": lambda seq: {"text": "a{{ x }}", "variables": {"x": f"{seq}{SMUGGLED}"}},
        "raw": lambda seq: {"raw": f"From: {shop.mail_from}\r\nSubject: x\r\n\r\na{seq}{SMUGGLED}"},
    }
    every = 0
    for way, make in ways.items():
        taken = 0
        for seq in SEQUENCES:
            body = asked(shop, f"s20-{way}@example.net", **make(seq))
            if "raw" in body:
                body["raw"] = base64.b64encode(str(body["raw"]).encode()).decode()
                del body["subject"], body["text"]
            status, told = post(sandbox, "/api/v1/messages", body)
            assert status in ((400, 422) if "\0" in seq else (202,)), (way, seq, told)
            taken += status == 202
        for each in sandbox.inbox(f"s20-{way}@example.net", taken):
            source = sandbox.source(each)
            assert not re.search(rb"(?<!\r)\n|\r(?!\n)|\0", source), (way, source)
            assert source.count(b"\r\nSubject: ") - source.count(b"\r\nSubject: smuggled") == 1
        every += taken
    assert sandbox.arrived("smuggled@example.net") == []
    assert len(sandbox.cli("message", "list", "--connection", shop.connection, "--limit", "1000")) == every
