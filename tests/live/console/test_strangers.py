"""H11 in the browser: what strangers write by every door is read on every page, and nothing of it runs."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from urllib.request import Request, urlopen

import pytest

from ..daemon import Sandbox, Shop, eventually
from ..hooks import Hooks
from .browser import Person

EVIL = "\"'></textarea></title></script><img id=xss src=x onerror=\"document.title='owned'\">"
#: One that a header field and a part of an address can hold.
SHORT = "<img id=xss src=x onerror=alert(1)>"
_SHAPE = (re.compile(r"[0-9A-Z]{26}"), re.compile(r"=[^&#]*"), re.compile(r"#.*"))
MOST = 150  #: pages
_FILES = ("/export", ".eml", "/preview/")


def planted(sandbox: Sandbox, shop: Shop) -> list[str]:
    """Something of a stranger in every field that can be reached from outside; gives the ids of the recipients."""
    sandbox.cli("connection", "set", shop.connection, "track_opens=true", "track_clicks=true")
    fields = (f"Subject: {EVIL}", "To: you@example.net", f'From: "{SHORT}" <{shop.mail_from}>', f"X-Evil: {EVIL}",
              f"X-Relay-Tag: {SHORT}", f"X-Relay-Reference: {EVIL}", f'X-Relay-Metadata: {{"note": "{SHORT}"}}',
              "Content-Type: text/html", "", f'<p>{EVIL}</p><a href="https://example.com/">x</a>', "")  # fmt: skip
    recipients = [f'"{SHORT}"@example.net', "hard-bounce@example.net", f"ann.{shop.domain}@example.net"]
    with sandbox.smtp(shop) as client:
        client.ehlo("<img/id=xss>")
        if client.ehlo_resp is None:
            client.ehlo()
        for name in (SHORT, EVIL):
            _refused(lambda name=name: smtplib_login(sandbox, name))  # type: ignore[misc]
        client.mail(shop.mail_from)
        taken = [each for each in recipients if client.rcpt(each)[0] == 250]
        assert len(taken) >= 2
        code, answer = client.data("\r\n".join(fields).encode())
    assert code == 250, answer
    id = answer.decode().rpartition(" ")[2]
    sandbox.settled(id)
    html = message_from_bytes(sandbox.received(recipients[2]), policy=policy.default).get_body(("html",))
    assert html is not None
    ours = re.findall(rf"{re.escape(sandbox.facts['public_url'])}/[oc]/[A-Za-z0-9_-]+", html.get_content())
    for each in ours:
        _refused(lambda each=each: urlopen(Request(each, headers={"User-Agent": EVIL}), timeout=10).close())  # type: ignore[misc]
    assert ours
    sandbox.cli("connection", "block", shop.connection, "--reason", EVIL)
    sandbox.cli("connection", "activate", shop.connection)
    sandbox.cli("suppression", "add", "bob@example.net", "--account", shop.account)
    return [str(each["recipient"]) for each in sandbox.history(id).values()]


def smtplib_login(sandbox: Sandbox, name: str) -> None:
    """A login that is refused."""
    with sandbox.smtp(mode="starttls", port=sandbox.port(587, "standard")) as client:
        client.login(name, "wrong")


def _refused(ask: Callable[[], object]) -> None:
    try:
        ask()
    except (OSError, smtplib.SMTPException):
        pass


def shapes(person: Person, mail: str) -> Iterator[str]:
    """Opens page after page, each of a kind once, from a mail and the navigation on; gives the path of each."""
    wanted, known = [f"/console/messages/{mail}", "/console"], {"/console", "/console/messages/"}
    while wanted:
        path = wanted.pop(0)
        status = person.go(path)
        assert status in (200, 303), (path, status)
        yield path
        for link in person.page.locator("nav a, main a").all():
            found = str(link.get_attribute("href") or "")
            shape = found
            for each in _SHAPE:
                shape = each.sub("", shape)
            if found.startswith("/console") and shape not in known and not any(each in found for each in _FILES):
                known.add(shape)
                wanted.append(found)
        assert len(known) < MOST, sorted(known)


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    """A receiver of webhooks that refuses each event with a page of its own."""
    made = Hooks()
    made.answers, made.words = 500, SHORT.encode()
    yield made
    made.stop()


def test_nothing_of_strangers_runs(sandbox: Sandbox, somebody: Callable[[], Person], hooks: Hooks) -> None:
    """H11: subjects, names, headers, tags, references, recipients, greetings, logins, programs that open mail, reasons,
    answers of webhooks: all are text, on every page that a link leads to, for a member and for an administrator."""
    shop = sandbox.shop(dialect="standard")
    sandbox.cli("webhook", "add", hooks.url, "--account", shop.account)
    mails = planted(sandbox, shop)
    eventually(lambda: hooks.asked, what="an event that is refused")
    for name, options in ((f"zoe@{shop.domain}", ("--account", shop.account)), (f"root@{shop.domain}", ())):
        made, person = sandbox.cli("user", "add", name, *options), somebody()
        asked: list[str] = []
        person.page.on("dialog", lambda dialog, asked=asked: (asked.append(dialog.message), dialog.dismiss()))  # type: ignore[misc]
        url = f"{person.base}/console/sign-in"
        person.context.request.post(url, headers={"User-Agent": SHORT}, form={"name": EVIL, "password": EVIL})
        person.context.request.post(
            url, headers={"User-Agent": SHORT}, form={"name": name, "password": made["password"]}
        )
        read: list[str] = []
        for path in shapes(person, mails[0]):
            page = person.page
            assert page.locator("#xss").count() == 0, path
            assert page.title() != "owned", path
            if "<img id=xss" in page.locator("body").inner_text():
                read.append(path)
        assert len(read) >= 3, read
        for seen in ("/console/messages/", "/console/webhooks/", "/deliveries/"):
            assert any(seen in each for each in read), (seen, read)
        assert not asked
        # the frame that shows a mail runs nothing and loads nothing, and the browser says so
        framed = ("sandboxed", '"img-src data:"')
        assert not [each for each in person.complaints if not any(words in each for words in framed)]
