"""What a message asks for by control headers, from the line to the mail that arrives and the history that tells of it.

What is said stands in golden dialogues, ``tests/dialogues/standard/headers``.
"""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from ..dialogue import ROOT, Tcp, read, run
from .daemon import Sandbox, Shop, letter, queued

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


def test_refused(sandbox: Sandbox, shop: Shop) -> None:
    """Each control header that cannot be read, and each wish that cannot be met, has its reply; nothing is charged,
    and the book of refusals has the reason."""
    play(sandbox, shop, "refused")
    assert sandbox.available(shop) == 1000
    (told,) = sandbox.cli("message", "explain", "--refused", "--connection", shop.connection, "--last", "1")
    assert (told["rule"], told["reply"]) == ("route_known", "route_unknown")


def test_taken(sandbox: Sandbox, shop: Shop) -> None:
    """Control headers are kept with the message and shown, and do not arrive; all others do."""
    id = play(sandbox, shop, "taken", rcpt="taken@example.net")
    arrived = message_from_bytes(sandbox.received("taken@example.net"))
    assert [name for name, _ in arrived.items() if name.lower().startswith("x-")] == ["X-Keep-Me"]
    told: dict[str, Any] = sandbox.settled(id)["taken@example.net"]
    assert (told["tag"], told["client_ref"]) == ("news", "Bestellung 17 für Ann")
    assert told["metadata"] == {"plan": "gold", "seats": "3", "Order": "17"}


def test_repeated(sandbox: Sandbox, shop: Shop) -> None:
    """The same key gets the same id; each recipient gets one mail and is charged once, who is new by the repetition
    too."""
    names = {"rcpt": "once@example.net", "other": "more@example.net"}
    id = play(sandbox, shop, "repeated", key="order-17", **names)
    assert {to: each["state"] for to, each in sandbox.settled(id).items()} == dict.fromkeys(names.values(), "delivered")
    for to in names.values():
        assert len(sandbox.inbox(to)) == 1
    assert sandbox.available(shop) == 998


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
