"""Stored templates through a running daemon: what arrives, when a change holds, and what a bad one can do to others."""

from __future__ import annotations

import email
import json
import os
import signal
import smtplib
import time
from concurrent.futures import ThreadPoolExecutor
from email import policy
from email.message import EmailMessage
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from .daemon import TAKES_EFFECT, Sandbox, Shop, eventually, letter, queued
from .migrating import sqlite_module

HOG = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
LOGINS = 40


@pytest.fixture
def shop(sandbox: Sandbox) -> Shop:
    """A customer of this test alone, who speaks our own superset."""
    return sandbox.shop(dialect="standard")


def asks(template: str, **variables: object) -> tuple[bytes, bytes]:
    """The headers that name a template and its variables."""
    return f"X-Relay-Template: {template}".encode(), b"X-Relay-Variables: " + json.dumps(variables).encode()


def answer(sandbox: Sandbox, shop: Shop, to: str, source: bytes) -> tuple[int, bytes]:
    """The final reply to a mail."""
    with sandbox.smtp(shop) as client:
        client.ehlo()
        client.mail(shop.mail_from)
        client.rcpt(to)
        return client.data(source)


def received(sandbox: Sandbox, to: str) -> EmailMessage:
    found = email.message_from_bytes(sandbox.received(to), policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def kept(sandbox: Sandbox, shop: Shop, id: str, html: str, *more: str) -> None:
    sandbox.cli("template", "create", "--account", shop.account, "--id", id, "--html", "-", *more, stdin=html)


def children(sandbox: Sandbox) -> list[int]:
    """The processes that the daemon has started."""
    assert sandbox.process is not None
    found = Path(f"/proc/{sandbox.process.pid}/task/{sandbox.process.pid}/children").read_text()
    return [int(each) for each in found.split()]


def test_the_one_of_the_sandbox(sandbox: Sandbox) -> None:
    """The sandbox has a template, named on its card; what arrives has the variables in it, escaped in HTML."""
    card = sandbox.card("standard")
    source = "\r\n".join(
        [
            f"From: {card['mail_from']}",
            "Subject: replaced",
            f"X-Relay-Template: {card['template']}",
            'X-Relay-Variables: {"name": "Ann & Bob 👋", "items": ["<one>", "two"]}',
            "",
            "replaced",
            "",
        ]
    ).encode()
    with smtplib.SMTP(card["host"], card["plain"][0]) as client:
        client.login(card["username"], card["password"])
        client.sendmail(card["mail_from"], ["greeted@example.net"], source)
    made = received(sandbox, "greeted@example.net")
    assert made["Subject"] == "Hello Ann & Bob 👋"
    plain, html = made.iter_parts()
    assert plain.get_content().splitlines() == ["Hello Ann & Bob 👋", "- <one>", "- two"]
    assert html.get_content().splitlines() == ["<h1>Hello Ann &amp; Bob 👋</h1>", "<p>&lt;one&gt;</p>", "<p>two</p>"]


def test_of_emaildelivery(sandbox: Sandbox) -> None:
    """An application that named its templates goes on: the id taken over, the key in a header, names and subject
    rendered too, one HTML text out, a template error told at the end; without variables nothing is rendered."""
    card = sandbox.card("emaildelivery")
    fields = ("--from-name", "{{ shop }}", "--reply-to", "help@shop.example", "--subject", "Order {{ order.id }}")
    body = "<p>{{ name }}</p>{% for i in order['items'] %}<i>{{ i }}</i>{% endfor %}"
    more = ("--text", "-", "--tag", "orders", "--strict")
    account = ("--account", "emaildelivery")
    made = sandbox.cli("template", "create", *account, "--id", "tpl-4711", *fields, *more, stdin="{{ name }}")
    edited = sandbox.cli("template", "edit", "tpl-4711", *account, "--html", "-", stdin=body)
    assert (made["version"], edited["version"]) == (1, 2)

    def answered(variables: str, to: str) -> tuple[int, bytes]:
        with smtplib.SMTP(card["host"], card["plain"][0]) as client:
            client.ehlo()
            client.mail(card["mail_from"])
            client.rcpt(to)
            head = [f"X-Auth-APIKey: {card['api_key']}", f"From: Me <{card['mail_from']}>", f"To: Ann <{to}>"]
            head += ["Subject: x", "X-Transactional-Template: tpl-4711"]
            head += [f"X-Transactional-Variables: {variables}"] if variables else []
            return client.data("\r\n".join([*head, "", "replaced", ""]).encode())

    said = {"shop": "Café", "name": "<Ann>", "order": {"id": 17, "items": ["a&b"]}}
    assert answered(json.dumps(said), "order@example.net") == (250, b"Thank you.")
    arrived = received(sandbox, "order@example.net")
    assert (arrived["From"], arrived["To"]) == (f"Café <{card['mail_from']}>", "Ann <order@example.net>")
    assert (arrived["Subject"], arrived["Reply-To"]) == ("Order 17", "help@shop.example")
    assert arrived.get_content_type() == "text/html"
    assert "<p>&lt;Ann&gt;</p><i>a&amp;b</i>" in arrived.get_content()
    assert answered("{}", "never@example.net") == (501, b"Template error: subject, line 1: 'order' is undefined")
    assert answered("", "raw@example.net") == (250, b"Thank you.")
    raw = received(sandbox, "raw@example.net")
    assert raw["Subject"] == "Order {{ order.id }}" and "<p>{{ name }}</p>" in raw.get_content()


def test_a_change_holds(sandbox: Sandbox, shop: Shop) -> None:
    """A new version is used within two seconds, an old one after it is brought back, none after all are forgotten."""
    kept(sandbox, shop, "a", "first")

    def says(what: bytes) -> bool:
        code, text = answer(sandbox, shop, "x@example.net", letter(shop, "", b"text\r\n", *asks("a")))
        return what in (sandbox.cli("message", "list", "--id", queued((code, text)))[0]["subject"].encode(), b"")

    assert says(b"golden")
    sandbox.cli("template", "edit", "a", "--subject", "second")
    eventually(lambda: says(b"second"), TAKES_EFFECT)
    sandbox.cli("template", "restore", "a", "1")
    eventually(lambda: says(b"golden"), TAKES_EFFECT)
    sandbox.cli("template", "delete", "a")
    source = letter(shop, "", b"text\r\n", *asks("a"))
    gone = (554, b"5.6.0 Template a is unknown")
    eventually(lambda: answer(sandbox, shop, "x@example.net", source) == gone, TAKES_EFFECT)


def test_hogs_and_others(sandbox: Sandbox, shop: Shop) -> None:
    """L9, M12: while templates that never end are handed in, everybody else logs in and hands in mail; each bad one is
    refused with its reason, and nothing of it is stored."""
    kept(sandbox, shop, "hog", HOG)
    kept(sandbox, shop, "friend", "<p>{{ n }}</p>")
    before = sandbox.available(shop)
    bad = letter(shop, "", b"text\r\n", *asks("hog"))
    answer(sandbox, shop, "x@example.net", letter(shop, "", b"text\r\n", *asks("friend", n=0)))

    def log_in(number: int) -> tuple[int, bytes]:
        return answer(sandbox, shop, "x@example.net", letter(shop, "", b"text\r\n", *asks("friend", n=number)))

    with ThreadPoolExecutor(12) as threads:
        hogs = [threads.submit(answer, sandbox, shop, "x@example.net", bad) for _ in range(8)]
        friends = [threads.submit(log_in, number) for number in range(LOGINS)]
        assert {each.result() for each in hogs} == {(554, b"5.6.0 Template error: rendering takes more than 250 ms")}
        assert len({queued(each.result()) for each in friends}) == LOGINS
    assert sandbox.available(shop) == before - LOGINS - 1


def test_stored_before_an_upgrade(sandbox: Sandbox, shop: Shop) -> None:
    """M16: a template that was stored but cannot be compiled any more refuses what names it, and nothing else."""
    kept(sandbox, shop, "old", "<p>fine</p>")
    file = sqlite_module().connect(str(sandbox.state / "mailrelay.sqlite3"), timeout=30)
    file.execute("UPDATE templates SET html = '{% nonsense %}' WHERE id = 'old'")
    file.commit()
    file.close()
    code, text = answer(sandbox, shop, "x@example.net", letter(shop, "", b"text\r\n", *asks("old", a=1)))
    assert (code, text[:54]) == (554, b"5.6.0 Template error: html, line 1: Encountered unknow")
    queued(answer(sandbox, shop, "x@example.net", letter(shop)))


def test_children_that_are_killed(sandbox: Sandbox, shop: Shop) -> None:
    """Whoever kills the render children harms no mail: others take their place, and the log tells of each once."""
    kept(sandbox, shop, "b", "<p>{{ n }}</p>")
    source = letter(shop, "", b"text\r\n", *asks("b", n=1))
    queued(answer(sandbox, shop, "x@example.net", source))
    before = eventually(lambda: children(sandbox) if len(children(sandbox)) == 2 else [])
    for child in before:
        os.kill(child, signal.SIGKILL)
    eventually(lambda: len(children(sandbox)) == 2 and not set(children(sandbox)) & set(before), 30)
    deadline = time.monotonic() + 30
    while (code := answer(sandbox, shop, "x@example.net", source)[0]) != 250:
        assert code == 451 and time.monotonic() < deadline, "an inside failure is temporary, and passes"
    said = sandbox.said()
    assert said.count("a render child ended, another one is started: signal 9") == 2


def test_preview(sandbox: Sandbox, shop: Shop) -> None:
    """A preview over HTTP is rendered by the same children, and refused in the same words."""
    kept(sandbox, shop, "c", "<p>{{ n }}</p>", "--strict")
    facts = sandbox.facts
    request = Request(
        f"{facts['http']}/api/v1/templates/c/render",
        json.dumps({"variables": {"n": "<1>"}}).encode(),
        {"Authorization": f"Bearer {facts['api_token']}", "Content-Type": "application/json"},
    )
    with urlopen(request, timeout=30) as response:
        assert json.load(response) == {"html": "<p>&lt;1&gt;</p>"}


def test_stop(sandbox: Sandbox) -> None:
    """A stop ends the children too, in its time."""
    before = children(sandbox)
    sandbox.stop()
    assert not any(Path(f"/proc/{child}").exists() for child in before)
