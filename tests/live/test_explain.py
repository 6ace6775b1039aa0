"""What becomes of mail that cannot be delivered, and what `explain` tells, against a started daemon."""

from __future__ import annotations

import email
import json
import re
import smtplib
from typing import Any

import pytest
from flufl.bounce import all_failures

from .daemon import Sandbox, Shop, eventually


@pytest.fixture
def standard(sandbox: Sandbox) -> Shop:
    """A customer whose dialect reports by mail what could not be delivered."""
    return sandbox.shop(dialect="standard")


def explained(sandbox: Sandbox, id: str, *words: str) -> dict[str, Any]:
    """What the command line explains."""
    found: dict[str, Any] = sandbox.cli("message", "explain", id, *words)
    return found


def test_delivered(sandbox: Sandbox, standard: Shop) -> None:
    """A delivered message tells how its client came and logged in, each check with its values, and the talk in which it
    was handed over, signed; no secret and nothing of its content stands in it."""
    with sandbox.smtp(standard, "starttls") as client:
        client.ehlo()
        client.mail(standard.mail_from)
        client.rcpt("ann@example.net")
        _, said = client.data(f"From: {standard.mail_from}\r\nSubject: open\r\n\r\nthe content\r\n")
    id = said.decode().rpartition(" ")[2]
    sandbox.settled(id)
    found = explained(sandbox, id)
    assert sandbox.get(f"/api/v1/messages/{id}/explain") == found
    assert found["id"] == id and found["left_out"] == 0
    assert all(each["allowed"] for each in found["decisions"])
    facts = {each["rule"]: each["facts"] for each in found["decisions"]}
    assert facts["listener"]["tls"] == "TLSv1.3" and facts["listener"]["peer"] == "127.0.0.1"
    assert facts["listener"]["listener"] and facts["listener"]["hello"]
    assert facts["login"]["user"] == standard.username and facts["login"]["name"] == standard.connection
    assert facts["domain_verified"] == {"domain": standard.domain, "status": "verified"}
    assert facts["balance_nonzero"] == {"available": 1000}
    (recipient,) = found["recipients"]
    assert (recipient["next"], recipient["report"]) == (None, None)
    assert recipient["passage"]["state"] == "delivered"
    (attempt,) = recipient["attempts"]
    assert (attempt["number"], attempt["state"], attempt["route"]) == (1, "delivered", "sink")
    assert re.fullmatch(rf"[\w-]+\._domainkey\.{standard.domain} \(.*\), .*", attempt["signed"])
    talk = "\n".join(attempt["transcript"])
    for words in ("C: RCPT TO:<ann@example.net>", "C: DATA", f"S: {attempt['reply']}"):
        assert words in talk, talk
    whole = json.dumps(found)
    for secret in (standard.password, *standard.variables.values()):
        assert secret in (standard.mail_from, standard.domain, standard.username) or secret not in whole
    assert "the content" not in whole


def test_soft_bounced(sandbox: Sandbox, standard: Shop) -> None:
    """A message that is put off tells why, when the next attempt is made and by which rule; afterwards each attempt has
    its own talk. Its sender is told nothing by mail."""
    id = sandbox.submit(standard, ["soft-bounce+explain@example.net"])

    def deferred() -> dict[str, Any]:
        found = explained(sandbox, id)["recipients"][0]
        return found if found["passage"]["state"] == "deferred" and found["next"]["rule"] == "schedule" else {}

    waiting = eventually(deferred, 10, "a deferral")
    attempt = waiting["attempts"][-1]
    assert attempt["state"] == "deferred" and attempt["reply"].startswith("4")
    assert waiting["next"]["at"] == attempt["next_at"] > attempt["at"]
    assert waiting["next"]["facts"]["attempts"] == attempt["number"]
    sandbox.settled(id, 60)
    (recipient,) = explained(sandbox, id)["recipients"]
    assert [each["number"] for each in recipient["attempts"]] == [1, 2, 3]
    assert [each["state"] for each in recipient["attempts"]] == ["deferred", "deferred", "delivered"]
    for each in recipient["attempts"]:
        assert any(line.endswith(f"S: {each['reply']}") for line in each["transcript"])
    assert recipient["report"] is None
    assert sandbox.arrived(standard.mail_from) == []


def test_hard_bounced(sandbox: Sandbox, standard: Shop) -> None:
    """RFC 3464: a refusal for good is reported by mail to the return path, once, from the null sender, at no charge; a
    reader of bounces understands it, and `explain` names it."""
    id = sandbox.submit(standard, ["hard-bounce@example.net", "ann@example.net"])
    left = sandbox.available(standard)
    report = sandbox.received(standard.mail_from)
    (kept,) = sandbox.inbox(standard.mail_from)
    assert kept["mail_from"] == ""
    assert all_failures(email.message_from_bytes(report)) == (frozenset(), frozenset({b"hard-bounce@example.net"}))
    assert b"Auto-Submitted: auto-replied" in report and id.encode() in report
    recipients = {each["passage"]["rcpt"]: each for each in explained(sandbox, id)["recipients"]}
    assert recipients["ann@example.net"]["report"] is None
    bounced = recipients["hard-bounce@example.net"]
    assert bounced["passage"]["state"] == "bounced" and bounced["next"] is None
    assert bounced["attempts"][0]["reply"].encode() in report.replace(b"\r\n ", b" ")
    assert bounced["report"]["rcpt"] == standard.mail_from
    sandbox.settled(bounced["report"]["id"])
    told = explained(sandbox, bounced["report"]["id"])
    assert told["recipients"][0]["passage"]["billed"] == 0
    assert [each["rule"] for each in told["decisions"]] == ["dsn"]
    assert told["decisions"][0]["facts"]["message"] == id
    assert sandbox.available(standard) == left
    only = explained(sandbox, id, "--to", "Ann@Example.NET")
    assert [each["passage"]["rcpt"] for each in only["recipients"]] == ["ann@example.net"]


def test_what_is_reported_cannot_go_round(sandbox: Sandbox, standard: Shop) -> None:
    """O14: a report that is refused in its turn ends there, and mail from the null sender gets none."""
    sandbox.cli("sender", "add", f"hard-bounce@{standard.domain}", "--account", standard.account)
    first = sandbox.submit(standard, ["hard-bounce@example.net"], sender=f"hard-bounce@{standard.domain}")
    second = sandbox.submit(standard, ["hard-bounce@example.net"], sender="")
    sandbox.settled(first)
    sandbox.settled(second)
    report = explained(sandbox, first)["recipients"][0]["report"]
    ended = sandbox.settled(report["id"])
    assert [each["state"] for each in ended.values()] == ["bounced"]
    assert explained(sandbox, report["id"])["recipients"][0]["report"] is None
    assert explained(sandbox, second)["recipients"][0]["report"] is None
    mine = sandbox.cli("message", "list", "--account", standard.account)
    assert len(mine) == 3


def test_a_dialect_that_tells_otherwise(sandbox: Sandbox, shop: Shop) -> None:
    """Where the dialect sends no reports, a refusal is told by the history alone."""
    id = sandbox.submit(shop, ["hard-bounce@example.net"])
    sandbox.settled(id)
    (recipient,) = explained(sandbox, id)["recipients"]
    assert recipient["passage"]["state"] == "bounced" and recipient["report"] is None
    assert len(sandbox.cli("message", "list", "--account", shop.account)) == 1
    assert sandbox.arrived(shop.mail_from) == []


def test_refused(sandbox: Sandbox, standard: Shop) -> None:
    """What was not accepted stands in the book of refusals, newest first: by which connection and client, at which
    stage, by which rule and on which facts."""
    with sandbox.smtp(standard) as client:
        client.ehlo()
        with pytest.raises(smtplib.SMTPSenderRefused):
            client.sendmail("me@nowhere.example", ["ann@example.net"], b"x")
    sandbox.cli("suppression", "add", "gone@example.net", "--account", standard.account, "--reason", "complaint")

    def refused() -> list[dict[str, Any]]:
        with sandbox.smtp(standard) as client, pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail(standard.mail_from, ["gone@example.net"], b"x")
        found: list[dict[str, Any]] = sandbox.cli(
            "message", "explain", "--refused", "--connection", standard.connection
        )
        return found if len(found) >= 2 else []

    found = eventually(refused, 10, "two refusals in the book")
    assert (found[0]["stage"], found[0]["rule"], found[0]["reply"]) == ("rcpt", "suppression", "recipient_suppressed")
    assert found[0]["facts"] == {"address": "gone@example.net", "suppression": "complaint"}
    assert (found[-1]["stage"], found[-1]["rule"], found[-1]["peer"]) == ("mail", "domain_known", "127.0.0.1")
    assert found[-1]["decisions"][1]["facts"]["user"] == standard.username
    assert len(sandbox.cli("message", "explain", "--refused", "--last", "1")) == 1


def test_for_people(sandbox: Sandbox, standard: Shop) -> None:
    """On a terminal the whole story is lines: client, checks, talk, end, report."""
    id = sandbox.submit(standard, ["hard-bounce@example.net"])
    sandbox.settled(id)
    said = sandbox.command("message", "explain", id)
    assert (said.returncode, said.stderr) == (0, "")
    for words in (
        f"Message {id}",
        "listener",
        "domain_verified",
        "attempt 1",
        "S: 550",
        "report ",
        "bounced",
    ):
        assert words in said.stdout, said.stdout


def test_unknown(sandbox: Sandbox) -> None:
    """What does not exist cannot be explained, and who asks for nothing is told what to ask for."""
    nothing = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    assert nothing in sandbox.refusal("message", "explain", nothing)
    assert "--refused" in sandbox.refusal("message", "explain")
    assert sandbox.request(f"/api/v1/messages/{nothing}/explain")[0] == 404
    assert sandbox.request(f"/api/v1/messages/{nothing}/explain", token="")[0] == 401
