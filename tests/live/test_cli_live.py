"""The command line beside the running daemon: the queue, the switches, a test mail, and what it says to bad input."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ..dialogue import Tcp
from .daemon import Sandbox, Shop, eventually, letter, send

SOFT = "soft-bounce@example.net"


def put_off(sandbox: Sandbox, shop: Shop, *to: str) -> str:
    """A mail whose recipients wait, held, for what a test does with them."""
    id = sandbox.submit(shop, to or [SOFT])
    eventually(lambda: all(each["state"] == "deferred" for each in sandbox.history(id).values()))
    assert sandbox.cli("queue", "hold", "--id", id)["count"] == len(to or [SOFT])
    return id


def waiting(sandbox: Sandbox, *named: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sandbox.cli("queue", "list", *named)["waiting"]
    return found


def test_queue_list(sandbox: Sandbox, shop: Shop) -> None:
    """What waits is listed with why and until when, by account, connection, domain and recipient, and counted by
    destination."""
    id = put_off(sandbox, shop, "soft-bounce+1@example.net", "soft-bounce+2@example.org")
    (one,) = waiting(sandbox, "--id", id, "--domain", "example.org")
    assert one["rcpt"] == "soft-bounce+2@example.org" and one["state"] == "deferred" and one["held"]
    assert one["last_reply"] == "450 4.2.0 Mailbox is busy, try again later" and one["attempts"] >= 1
    assert one["accepted_at"] < one["expires_at"] and one["due_at"]
    for named in (["--account", shop.account], ["--connection", shop.connection], ["--id", id]):
        assert len(waiting(sandbox, *named)) == 2
    (to,) = waiting(sandbox, "--account", shop.account, "--to", "SOFT-bounce+1@example.net")
    assert to["rcpt"] == "soft-bounce+1@example.net"
    counted = sandbox.cli("queue", "list", "--account", shop.account)["destinations"]
    assert {each["destination"]: (each["count"], each["held"]) for each in counted} == {
        "example.net": (1, 1),
        "example.org": (1, 1),
    }
    assert sandbox.cli("queue", "drop", "--id", id)["count"] == 2


def test_hold_and_release(sandbox: Sandbox, shop: Shop) -> None:
    """Held mail is not tried, not even when it is made due; released it goes, and is delivered once."""
    id = put_off(sandbox, shop)
    attempts = sandbox.history(id)[SOFT]["attempts"]
    sandbox.cli("queue", "retry", "--id", id)
    other = sandbox.submit(shop, ["soft-bounce+other@example.net"])
    sandbox.settled(other)  # the scheduler has looked at the queue several times by now
    passage = sandbox.history(id)[SOFT]
    assert passage["state"] == "deferred" and passage["held"] and passage["attempts"] == attempts
    assert sandbox.cli("queue", "release", "--id", id)["count"] == 1
    assert sandbox.settled(id)[SOFT]["state"] == "delivered"
    assert len([kept for kept in sandbox.arrived(SOFT) if shop.domain.encode() in sandbox.source(kept)]) == 1


def test_retry(sandbox: Sandbox, shop: Shop) -> None:
    """Mail that is made due is tried within two seconds, whatever its schedule says."""
    id = sandbox.submit(shop, [SOFT])
    eventually(lambda: sandbox.history(id)[SOFT]["attempts"] == 2, 5)
    assert sandbox.cli("queue", "retry", "--id", id)["count"] == 1
    assert eventually(lambda: sandbox.history(id)[SOFT]["attempts"] == 3)


def test_drop(sandbox: Sandbox, shop: Shop) -> None:
    """Dropped mail ends as failed with the reason, is never sent, and stays charged as emailmassivo charges: at
    acceptance."""
    id = put_off(sandbox, shop)
    assert sandbox.cli("queue", "drop", "--id", id, "--reason", "sent by mistake")["count"] == 1
    passage = sandbox.history(id)[SOFT]
    assert passage["state"] == "failed" and "sent by mistake" in passage["last_reply"]
    assert waiting(sandbox, "--account", shop.account) == []
    assert sandbox.cli("queue", "release", "--account", shop.account, "--yes")["count"] == 0
    assert sandbox.available(shop) == 999
    assert not [kept for kept in sandbox.arrived(SOFT) if shop.domain.encode() in sandbox.source(kept)]


def test_top(sandbox: Sandbox, shop: Shop) -> None:
    """Who watches sees what came in and went out, what waits for whom, and after replies of which class."""
    sandbox.settled(sandbox.submit(shop, ["ann@example.net"]))
    sandbox.submit(shop, [SOFT])
    told = sandbox.cli("top", "--once")
    assert told["accepted"] >= 2 and told["delivered"] >= 1 and set(told["per_second"]) == {"in", "out"}, told
    assert told["in_hand"] >= 0 and told["sessions"] >= 0


def test_pause_and_resume(sandbox: Sandbox, shop: Shop) -> None:
    """Pausing and resuming are felt within two seconds, and a pause outlives a restart of the daemon."""

    def greeting() -> int:
        line = Tcp("127.0.0.1", sandbox.port())
        try:
            return int(line.line()[:3])
        finally:
            line.close()

    sandbox.cli("pause")
    try:
        eventually(lambda: greeting() == 421)
        sandbox.restart()
        assert greeting() == 421
    finally:
        sandbox.cli("resume")
    eventually(lambda: greeting() == 220)
    sandbox.submit(shop, ["resumed@example.net"])


@pytest.mark.parametrize("tls", ["none", "starttls", "implicit"])
def test_send_test(sandbox: Sandbox, shop: Shop, tls: str) -> None:
    """A test mail goes through the daemon's own port with the connection's own login, verified by its certificate."""
    done = sandbox.cli("send-test", "--connection", shop.connection, "--to", f"{tls}@example.net", "--tls", tls)
    assert done["tls"] == tls and done["refused"] == {}
    id = done["reply"].removeprefix("250 Ok: queued as ")
    assert sandbox.settled(id)[f"{tls}@example.net"]["state"] == "delivered"
    assert b"test mail" in sandbox.received(f"{tls}@example.net")


def test_send_test_is_refused(sandbox: Sandbox, shop: Shop) -> None:
    """What the daemon refuses is one line with its reply and status 1."""
    sandbox.cli("balance", "set", shop.account, "0")
    said = sandbox.refusal("send-test", "--connection", shop.connection, "--to", "a@example.net", status=1)
    assert said == "450 Balance not enough"
    sandbox.cli("connection", "block", shop.connection)

    def blocked() -> bool:
        words = ["send-test", "--connection", shop.connection, "--to", "a@example.net"]
        return sandbox.refusal(*words, status=1) == "535 5.7.8 Incorrect login or password"

    eventually(blocked)


def test_a_login_taken_over(sandbox: Sandbox, shop: Shop) -> None:
    """An application moves by its host name only: its old user name, in any case, and its old password log in."""
    given = ["--account", shop.account, "--dialect", "emailmassivo", "--sender", f"old@{shop.domain}", "--active"]
    given += ["--username", "Old.Login@elsewhere.example", "--password-stdin"]
    sandbox.cli("connection", "create", "old", *given, stdin="pass word-äß\n")
    for username in ("Old.Login@elsewhere.example", "old.LOGIN@elsewhere.example"):
        old = replace(shop, mail_from=f"old@{shop.domain}", username=username, password="pass word-äß")
        with sandbox.smtp() as client:
            client.ehlo()
            assert client.docmd("AUTH", f"PLAIN {old.variables['plain']}")[0] == 235
            send(client, old.mail_from, ["moved@example.net"], letter(old))
    assert len(sandbox.inbox("moved@example.net", 2)) == 2


def test_reveal(sandbox: Sandbox, shop: Shop) -> None:
    """The password can be seen again on the card, and only there on request."""
    assert sandbox.cli("connection", "show", shop.connection, "--reveal")["password"] == shop.password
    assert "password" not in sandbox.cli("connection", "show", shop.connection)


def test_senders(sandbox: Sandbox, shop: Shop) -> None:
    """A connection's sender may be changed to another address of a registered domain, and decides what may be sent."""
    domain = f"new.{shop.domain}"
    sandbox.cli("domain", "add", domain, "--account", shop.account, "--verified")
    sandbox.cli("sender", "add", f"a@{domain}", "--account", shop.account)
    sandbox.cli("connection", "set-sender", shop.connection, f"a@{domain}")

    def taken() -> bool:
        with sandbox.smtp(shop) as client:
            return client.mail(f"b@{domain}")[0] == 250

    eventually(taken)
    with sandbox.smtp(shop) as client:
        assert client.mail(shop.mail_from) == (553, b"Domain not found")


def test_a_person_at_a_terminal(sandbox: Sandbox, shop: Shop) -> None:
    """The command as a process: tables for people, JSON for programs, the state named by environment or option."""
    sandbox.submit(shop, ["person@example.net"])
    for words in (["account", "list"], ["queue", "list"], ["message", "list", "--limit", "5"], ["dialect", "list"]):
        people, programs = sandbox.command(*words), sandbox.command(*words, "--json")
        assert (people.returncode, people.stderr) == (programs.returncode, programs.stderr) == (0, ""), words
        json.loads(programs.stdout)
        assert people.stdout.strip() and not people.stdout.lstrip().startswith(("[", "{"))
    assert shop.account in sandbox.command("account", "list").stdout
    assert sandbox.command("audit").stdout == "All laws hold.\n"


NOBODY = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
BAD = [
    ["account", "create", ""],
    ["account", "create", "x", "--balance", "-1"],
    ["account", "create", "emailmassivo"],
    ["account", "show", "nobody"],
    ["balance", "set", "emailmassivo", "many"],
    ["balance", "set", "emailmassivo", "-1"],
    ["balance", "set", "nobody", "1"],
    ["balance", "top-up", "emailmassivo", "0"],
    ["balance", "topup", "emailmassivo", "99999999999999999999"],
    ["balance", "show"],
    ["connection", "create", "x", "--dialect", "nothing", "--sender", "a@emailmassivo.example"],
    ["connection", "create", "x", "--account", "standard", "--dialect", "standard", "--sender", "a@unknown.example"],
    ["connection", "create", "x", "--account", "standard", "--dialect", "standard", "--sender", "no address"],
    ["connection", "create", "x", "--account", "nobody", "--dialect", "standard", "--sender", "a@standard.example"],
    ["connection", "show", "nobody"],
    ["connection", "activate", "nobody"],
    ["connection", "block", "nobody"],
    ["connection", "new-password", "nobody"],
    ["connection", "set-rate", "emailmassivo", "-1"],
    ["connection", "set-rate", "emailmassivo", "1", "--period", "0"],
    ["connection", "set-sender", "emailmassivo", "a@unknown.example"],
    ["connection", "ip-list", "set", "emailmassivo", "no network"],
    ["connection", "ip-list", "add", "emailmassivo", "10.0.0.1/8"],
    ["connection", "ip-list", "remove", "emailmassivo", "10.0.0.0/8"],
    ["domain", "add", "not a domain", "--account", "standard"],
    ["domain", "add", "standard.example", "--account", "standard"],
    ["domain", "verify", "unknown.example"],
    ["domain", "unverify", "unknown.example", "--account", "standard"],
    ["sender", "add", "a@unknown.example", "--account", "standard"],
    ["sender", "remove", "a@unknown.example", "--account", "standard"],
    ["suppression", "add", "no address", "--account", "standard"],
    ["suppression", "add", "a@example.net"],
    ["suppression", "add", "a@example.net", "--account", "standard", "--reason", "nothing"],
    ["suppression", "remove", "never@example.net", "--account", "standard"],
    ["login-guard", "clear", "--address", "no address"],
    ["queue", "retry"],
    ["queue", "hold"],
    ["queue", "release", "--id", NOBODY],
    ["queue", "drop", "--all", "--id", NOBODY],
    ["queue", "list", "--limit", "0"],
    ["queue", "list", "--domain", "not a domain"],
    ["message", "list", "--status", "nothing"],
    ["message", "list", "--to", "no address"],
    ["message", "list", "--account", "nobody"],
    ["message", "show", NOBODY],
    ["dialect", "show", "nothing"],
    ["send-test", "--connection", "nobody", "--to", "a@example.net"],
    ["send-test", "--connection", "emailmassivo", "--to", "no address"],
    ["send-test", "--connection", "emailmassivo"],
    ["pause", "--nothing"],
    ["resume", "now"],
    ["audit", "everything"],
    ["nothing"],
    ["queue", "nothing"],
]


@pytest.mark.parametrize("words", BAD, ids=" ".join)
def test_bad_input(sandbox: Sandbox, words: list[str]) -> None:
    """Bad input of every command is one line on standard error that names what is wrong, and status 2."""
    assert len(sandbox.refusal(*words)) > 10


@pytest.mark.parametrize("words", [["check-config"], ["dialect", "check"]], ids=" ".join)
def test_bad_files(sandbox: Sandbox, words: list[str]) -> None:
    """A file that cannot be read is one line that begins with its name, and status 2."""
    ended = sandbox.command(*words, "/nonexistent.toml")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("/nonexistent.toml: ") and ended.stderr.count("\n") == 1
