"""What becomes of each recipient: the sink's four acts, what the history tells of them, and what is charged."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from .daemon import ARRIVES, Sandbox, Shop, eventually, letter, send

PROMISED = {
    "id",
    "connection",
    "rcpt",
    "state",
    "dialect_status",
    "last_reply",
    "attempts",
    "billed",
    "tag",
    "client_ref",
}


def only(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    (passage,) = found.values()
    return passage


def test_delivered(sandbox: Sandbox, shop: Shop) -> None:
    """A mail that the next hop takes is delivered at the first attempt; the history has its reply, host and time."""
    id = sandbox.submit(shop, ["ann@example.net"])
    passage = only(sandbox.settled(id))
    (kept,) = sandbox.inbox("ann@example.net")
    assert (passage["state"], passage["dialect_status"], passage["attempts"]) == ("delivered", "delivered", 1)
    assert passage["last_reply"] == f"250 Ok: queued as {kept['id']}"
    assert passage["last_host"] and passage["last_at"] > passage["accepted_at"]
    assert passage["billed"] == 1


def test_history_is_the_same_everywhere(sandbox: Sandbox, shop: Shop) -> None:
    """The command line and the API tell the same of a message, by its id and by its recipient, with every key promised;
    the id is that of the 250."""
    id = sandbox.submit(shop, ["one@example.org", "two@example.org"])
    listed = sorted(sandbox.settled(id).values(), key=lambda each: str(each["rcpt"]))
    assert [each["rcpt"] for each in listed] == ["one@example.org", "two@example.org"]
    for passage in listed:
        assert passage.keys() >= PROMISED
        assert passage["id"] == id and passage["connection"] == shop.connection
        assert passage["tag"] == passage["client_ref"] == ""
        assert passage["sender"] == shop.mail_from and passage["account"] and passage["subject"] == "golden"
    by_api = sandbox.get("/api/v1/messages", id=id)["messages"]
    assert sorted(by_api, key=lambda each: str(each["rcpt"])) == listed
    assert sandbox.get("/api/v1/messages", id=id, to="TWO@example.org") == {"messages": [listed[1]], "next": ""}
    assert sandbox.get("/api/v1/messages", to="two@example.org")["messages"][0] == listed[1]
    assert sandbox.cli("message", "list", "--to", "two@example.org")[0] == listed[1]
    again = sandbox.cli("message", "resend", id, "--to", "three@example.org")
    status, body = sandbox.request(f"/api/v1/messages/{listed[0]['recipient']}/resend", "POST")
    assert status == 201
    for made, to in ((again, "three@example.org"), (json.loads(body), "one@example.org")):
        (passage,) = sandbox.settled(made["id"]).values()
        assert (passage["rcpt"], passage["state"], passage["subject"]) == (to, "delivered", "golden")
        first = sandbox.get(f"/api/v1/messages/{made['id']}/explain")["decisions"][0]
        assert (first["rule"], first["facts"]) == ("resent", {"message": id})
    shown = sandbox.cli("message", "show", id)
    assert shown["id"] == id and sorted(shown["recipients"], key=lambda each: str(each["rcpt"])) == listed
    assert {verdict["rule"] for verdict in shown["verdicts"]} >= {"domain_verified", "suppression", "from_present"}


def test_hard_bounce(sandbox: Sandbox, shop: Shop) -> None:
    """An unknown mailbox is bounced at the first attempt with the hop's reply, and charged; nothing arrives."""
    id = sandbox.submit(shop, ["hard-bounce@example.net", "Hard-Bounce+tag@Example.org"])
    found = sandbox.settled(id)
    assert len(found) == 2
    for passage in found.values():
        assert (passage["state"], passage["dialect_status"]) == ("bounced", "hard_bounce")
        assert (passage["last_reply"], passage["attempts"]) == ("550 5.1.1 No such mailbox here", 1)
        assert passage["billed"] == 1
    assert sandbox.available(shop) == 998
    assert sandbox.arrived("hard-bounce@example.net") == []


def test_soft_bounce(sandbox: Sandbox, shop: Shop) -> None:
    """A busy mailbox is tried again after one second and after two more, then delivered at the third attempt; between
    them it is deferred. The next message is counted anew."""
    for _ in range(2):
        id = sandbox.submit(shop, ["soft-bounce@example.net"])
        deferred = put_off(sandbox, id)
        assert deferred["last_reply"] == "450 4.2.0 Mailbox is busy, try again later"
        assert deferred["dialect_status"] == "soft_bounce"
        passage = only(sandbox.settled(id))
        assert (passage["state"], passage["attempts"], passage["dialect_status"]) == ("delivered", 3, "delivered")
        assert 3 <= waited(passage) < 5
    assert len(sandbox.inbox("soft-bounce@example.net", 2)) == 2
    assert sandbox.available(shop) == 998


def put_off(sandbox: Sandbox, id: str) -> dict[str, Any]:
    """The recipient of a message that waits for its next attempt."""
    return eventually(lambda: [each for each in sandbox.history(id).values() if each["state"] == "deferred"])[0]


def waited(passage: dict[str, Any]) -> float:
    """Seconds from a mail's acceptance to what was last heard of it."""
    last, accepted = map(datetime.fromisoformat, (passage["last_at"], passage["accepted_at"]))
    return (last - accepted).total_seconds()


def test_mailbox_full(sandbox: Sandbox, shop: Shop) -> None:
    """A full mailbox is bounced, and only its own address is refused by emailmassivo from then on; by no other account
    of it."""
    id = sandbox.submit(shop, ["mailbox-full@example.net"])
    passage = only(sandbox.settled(id))
    assert (passage["state"], passage["last_reply"]) == ("bounced", "552 5.2.2 Mailbox is full")

    def refused() -> bool:
        with sandbox.smtp(shop) as client:
            client.mail(shop.mail_from)
            return client.rcpt("Mailbox-Full@EXAMPLE.net") == (553, b"Recipient has exceeded mailbox limit")

    eventually(refused)
    sandbox.submit(sandbox.shop(), ["mailbox-full@example.net"])


def test_slow(sandbox: Sandbox, shop: Shop) -> None:
    """A slow hop keeps its own recipient waiting for five seconds, and nobody else."""
    id = sandbox.submit(shop, ["slow@example.net", "quick@example.net"])
    assert sandbox.inbox("quick@example.net", within=2)
    assert sandbox.history(id)["slow@example.net"]["state"] == "queued"
    passage = sandbox.settled(id)["slow@example.net"]
    assert (passage["state"], passage["attempts"]) == ("delivered", 1)
    assert 5 <= waited(passage) < 8


def test_mixed_transaction(sandbox: Sandbox, shop: Shop) -> None:
    """The recipients of one mail have fates of their own."""
    to = {
        "good@example.net": "delivered",
        "hard-bounce@example.net": "bounced",
        "soft-bounce+mixed@example.net": "delivered",
        "mailbox-full+mixed@example.net": "bounced",
    }
    id = sandbox.submit(shop, list(to))
    assert {rcpt: each["state"] for rcpt, each in sandbox.settled(id).items()} == to
    assert sandbox.available(shop) == 1000 - len(to)


def test_charged_once_for_each_recipient(sandbox: Sandbox, shop: Shop) -> None:
    """One send is deducted for each envelope recipient, copies included, in the commit that accepts; a recipient given
    twice, in whatever case its domain is, is answered 250, sent and charged once."""
    to = ["to@example.net", "cc@example.net", "bcc@example.net", "to@example.net", "to@EXAMPLE.net"]
    with sandbox.smtp(shop) as client:
        id = send(client, shop.mail_from, to, letter(shop, "charged", b"text\r\n", b"Cc: cc@example.net"))
        assert sandbox.available(shop) == 997
    assert len(sandbox.settled(id)) == 3
    for each in set(to[:3]):
        assert len([kept for kept in sandbox.arrived(each) if kept["subject"] == "charged"]) == 1
    assert sandbox.available(shop) == 997


def test_what_is_refused_costs_nothing(sandbox: Sandbox, shop: Shop) -> None:
    """A transaction that is reset, broken off before its end, or refused at its end leaves neither mail nor charge."""
    with sandbox.smtp(shop) as client:
        client.mail(shop.mail_from)
        client.rcpt("reset@example.net")
        client.rset()
        client.mail(shop.mail_from)
        client.rcpt("nobody@example.net")
        assert client.data(b"Subject: no author\r\n\r\ntext\r\n")[0] == 550
        client.mail(shop.mail_from)
        client.rcpt("broken@example.net")
        client.putcmd("data")
        assert client.getreply()[0] == 354
        client.send(b"From: a@" + shop.domain.encode() + b"\r\n\r\nhalf a mes")
        client.close()
    assert sandbox.available(shop) == 1000
    assert sandbox.cli("message", "list", "--account", shop.account) == []
    for each in ("reset", "nobody", "broken"):
        assert sandbox.arrived(f"{each}@example.net") == []


def test_many_recipients(sandbox: Sandbox, shop: Shop) -> None:
    """Two hundred recipients of one mail each get a copy, and the queue is empty afterwards."""
    to = [f"many{number}@example.net" for number in range(200)]
    id = sandbox.submit(shop, to)
    found = sandbox.settled(id, 2 * ARRIVES)
    assert found.keys() == set(to) and {each["state"] for each in found.values()} == {"delivered"}
    listed = [each["rcpt_to"] for each in sandbox.get("/api/v1/sandbox/messages") if each["rcpt_to"].startswith("many")]
    assert sorted(listed) == sorted(to)
    assert sandbox.cli("queue", "list", "--account", shop.account)["waiting"] == []


@pytest.mark.parametrize("dialect", ["standard", "emailmassivo"])
def test_dialects_differ(sandbox: Sandbox, dialect: str) -> None:
    """A hard bounce that is known is turned down by the standard dialect, and sent again by emailmassivo."""
    shop = sandbox.shop(dialect=dialect)
    sandbox.cli("suppression", "add", "known@example.net", "--account", shop.account, "--reason", "hard_bounce")
    with sandbox.smtp(shop) as client:
        client.mail(shop.mail_from)
        assert client.rcpt("known@example.net")[0] == {"standard": 550, "emailmassivo": 250}[dialect]


def test_api_refuses_nonsense(sandbox: Sandbox) -> None:
    """A parameter that cannot be read is a 400 that says which, and no 500."""
    for query in ("limit=0", "limit=x", "state=nothing", "limit=1&limit=2"):
        status, body = sandbox.request(f"/api/v1/messages?{query}")
        assert status == 400 and json.loads(body)["status"] == 400, (query, status, body)
