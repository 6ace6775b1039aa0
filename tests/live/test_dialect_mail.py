"""What becomes of mail in each dialect, from the line to what arrives and what the history tells: the way that its
headers, recipients, bodies and attachments are dealt with."""

from __future__ import annotations

import json
import re
import smtplib
import time
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import count
from typing import Any
from urllib.request import Request, urlopen

from .daemon import TAKES_EFFECT, Sandbox, eventually

_numbers = count(1)


def fresh(name: str) -> str:
    """An address that no other test writes to."""
    return f"{name}{next(_numbers)}@example.net"


class Sender:
    """Hands mail in as the sandbox's own connection of a dialect."""

    def __init__(self, sandbox: Sandbox, dialect: str) -> None:
        self.sandbox = sandbox
        self.dialect = dialect
        self.card = sandbox.card(dialect)
        self.mail_from = str(self.card["mail_from"])

    def send(self, source: bytes, *recipients: str, login: bool = True, sender: str | None = None) -> tuple[int, str]:
        """One transaction, all of whose recipients are taken; gives the final reply."""
        with smtplib.SMTP("localhost", self.sandbox.ports("starttls", self.dialect)[0], "client.test", 20) as client:
            client.starttls(context=self.sandbox.context())
            if login:
                client.login(self.card["username"], self.card["password"])
            else:
                client.ehlo()
            assert client.mail(self.mail_from if sender is None else sender)[0] == 250
            for each in recipients:
                assert client.rcpt(each)[0] == 250, each
            code, text = client.data(source)
            return code, text.decode()

    def taken(self, source: bytes, *recipients: str, **more: Any) -> None:
        code, text = self.send(source, *recipients, **more)
        assert code == 250, text

    def told(self, to: str) -> dict[str, Any]:
        """What the history tells of the one mail to an address, once it is at its end."""

        def look() -> dict[str, Any] | None:
            (found,) = self.sandbox.cli("message", "list", "--to", to)
            return None if found["state"] in ("queued", "deferred") else dict(found)

        found = eventually(look, 10)
        assert found is not None
        return found

    def arrived(self, to: str) -> EmailMessage:
        made = message_from_bytes(self.sandbox.received(to), policy=policy.default)
        assert isinstance(made, EmailMessage)
        return made

    def suppress(self, to: str) -> None:
        self.sandbox.cli("suppression", "add", to, "--account", self.told_account())
        # that an account suppresses nobody is remembered for so long, and nothing tells when it is forgotten
        time.sleep(TAKES_EFFECT)

    def told_account(self) -> str:
        shown = self.sandbox.cli("connection", "show", self.card["name"])
        return str(shown["account"])

    def balance(self) -> int:
        return int(self.sandbox.cli("balance", "show", self.told_account())["available"])


def letter(sender: str, *fields: str, body: str = "text", subject: str = "golden") -> bytes:
    return "\r\n".join([f"From: Shop <{sender}>", f"Subject: {subject}", *fields, "", body, ""]).encode()


def mixed(sender: str, *fields: str, name: str = "bill.pdf", charset: str = "iso-8859-1") -> bytes:
    """A mail with a plain and an HTML text in Latin-1, and a file."""
    made = EmailMessage(policy=policy.SMTP)
    made["From"], made["Subject"] = sender, "Grüße"
    for field in fields:
        label, _, value = field.partition(": ")
        made[label] = value
    made.set_content("Grüße aus Köln [Unsubscribe] [WebVersion]\r\n", charset=charset)
    made.add_alternative("<p>Grüße aus Köln</p>\r\n", subtype="html", charset=charset)
    if name:
        made.add_attachment(b"%PDF", maintype="application", subtype="octet-stream", filename=name)
    return made.as_bytes()


# emaildelivery


def test_emaildelivery_keeps_little(sandbox: Sandbox) -> None:
    """From, To with the names given, Subject and Reply-To go out, with one HTML text; every other header, the plain
    text and the file are gone, and the tag is the usual one."""
    sender, ann, bob = Sender(sandbox, "emaildelivery"), fresh("ann"), fresh("bob")
    fields = (f"To: Ann Doe <{ann}>", "Cc: eve@example.org", "Reply-To: help@example.org", "X-Own: 1")
    sender.taken(mixed(sender.mail_from, *fields), ann, bob)
    made = sender.arrived(ann)
    (to,) = made["To"].addresses
    assert (to.display_name, to.addr_spec) == ("Ann Doe", ann)
    assert (made["Reply-To"], made["Subject"]) == ("help@example.org", "Grüße")
    assert made["Cc"] is None and made["X-Own"] is None and made["Date"] and made["Message-ID"]
    assert made.get_content_type() == "text/html" and "Grüße aus Köln" in made.get_content()
    assert sender.arrived(bob)["To"] == bob
    assert (sender.told(ann)["tag"], sender.told(ann)["name"]) == ("untagged", "Ann Doe")


def test_emaildelivery_key_in_a_header(sandbox: Sandbox) -> None:
    """A key in the header logs in without AUTH and beats it, and arrives nowhere; without any the message is refused by
    the service's words."""
    sender, to = Sender(sandbox, "emaildelivery"), fresh("key")
    key = str(sender.card["api_key"])
    sender.taken(letter(sender.mail_from, f"X-Auth-APIKey: {key}"), to, login=False)
    assert key.encode() not in sandbox.received(to)
    none = sender.send(letter(sender.mail_from), fresh("no"), login=False)
    assert none == (503, "AUTH LOGIN not used and no X-Auth-APIKey header, authentication failed")
    wrong = sender.send(letter(sender.mail_from, "X-Auth-APIKey: hunter2-hunter2-hunter2"), fresh("no"))
    assert wrong == (503, "Authentication failure: invalid API key")
    assert "hunter2" not in sandbox.said()


def test_emaildelivery_variables(sandbox: Sandbox) -> None:
    """Variables absent: no templating; an empty object: templating; a tag in lower case; what is wrong is refused by
    the service's words."""
    sender, plain, empty, filled = Sender(sandbox, "emaildelivery"), fresh("a"), fresh("b"), fresh("c")
    html = ("Content-Type: text/html", "X-Transactional-Tag: News.1")
    body = "<p>Hi {{ name }}</p>"
    sender.taken(letter(sender.mail_from, *html, body=body), plain)
    sender.taken(letter(sender.mail_from, *html, "X-Transactional-Variables: {}", body=body), empty)
    sender.taken(letter(sender.mail_from, *html, 'X-Transactional-Variables: {"name": "<Ann>"}', body=body), filled)
    for to, text in ((plain, "Hi {{ name }}</p>"), (empty, "Hi </p>"), (filled, "Hi &lt;Ann&gt;</p>")):
        assert text in sender.arrived(to).get_content()
    assert sender.told(filled)["tag"] == "news.1"
    for header, reply in (
        ("X-Transactional-Variables: {", (500, "Error parsing JSON in X-Transactional-Variables")),
        ("X-Transactional-Tag: not a tag", (501, "Invalid tag.")),
    ):
        assert sender.send(letter(sender.mail_from, header), fresh("no")) == reply


def test_emaildelivery_suppressed(sandbox: Sandbox) -> None:
    """A suppressed address is taken in and silently not sent to, nor charged; its neighbours are."""
    sender, out, other = Sender(sandbox, "emaildelivery"), fresh("out"), fresh("in")
    sender.suppress(out)
    before = sender.balance()
    sender.taken(letter(sender.mail_from), out, other)
    assert (sender.told(out)["dialect_status"], sender.told(out)["billed"]) == ("not sent", 0)
    assert (sender.told(other)["dialect_status"], before - sender.balance()) == ("OK", 1)


# devino


def test_devino_first_recipient(sandbox: Sandbox) -> None:
    """Of several recipients the first is sent to and charged; the others are told as rejected."""
    sender, first, second = Sender(sandbox, "devino"), fresh("first"), fresh("second")
    before = sender.balance()
    sender.taken(letter(sender.mail_from), first, second)
    assert (sender.told(first)["dialect_status"], sender.told(second)["dialect_status"]) == ("Доставлено", "Отклонено")
    assert (before - sender.balance(), sandbox.arrived(second)) == (1, [])


def test_devino_tags_and_charset(sandbox: Sandbox) -> None:
    """What leaves is UTF-8; tags are links of the recipient's own, and one that is missing stands at the end."""
    sender, to = Sender(sandbox, "devino"), fresh("tags")
    sender.taken(mixed(sender.mail_from, name=""), to)
    plain, html = sender.arrived(to).iter_parts()
    for part in (plain, html):
        assert part.get_content_charset() == "utf-8" and "Grüße aus Köln" in part.get_content()
        links = re.findall(r"http://[^\s\"<]+", part.get_content())
        assert len(set(links)) >= 2 and "[Unsubscribe]" not in part.get_content()


def test_devino_no_files(sandbox: Sandbox) -> None:
    """A file is refused by its type, in the service's words."""
    sender = Sender(sandbox, "devino")
    assert sender.send(mixed(sender.mail_from), fresh("no")) == (554, "Not allowed attachment type pdf")


def test_devino_suppressed(sandbox: Sandbox) -> None:
    """A suppressed address is taken in, told as rejected, and not billed."""
    sender, out = Sender(sandbox, "devino"), fresh("out")
    sender.suppress(out)
    before = sender.balance()
    sender.taken(letter(sender.mail_from), out)
    assert (sender.told(out)["dialect_status"], sender.balance()) == ("Отклонено", before)


# zeptomail


def test_zeptomail_file_keys(sandbox: Sandbox) -> None:
    """Keys of cached files, with and without names, attach them, also those of files that were uploaded as the service
    has it; the reference comes back in the history."""
    sender, to = Sender(sandbox, "zeptomail"), fresh("files")
    account = sender.told_account()
    path = sandbox.folder / "logo.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    sandbox.cli("file", "add", str(path), "--account", account, "--key", "logo-key")
    upload = Request(
        f"{sandbox.facts['http']}/v1.1/files?name=other.png",
        path.read_bytes(),
        {"Authorization": f"Zoho-enczapikey {sender.card['api_key']}", "Content-Type": "text/plain"},
    )
    with urlopen(upload, timeout=20) as answer:
        key = json.load(answer)["file_cache_key"]
    headers = (f"X-TM-FILE-KEY: logo-key:picture.png,logo-key,{key}", "X-TM-CLIENT-REF: order-17", "X-Kept: 1")
    sender.taken(letter(sender.mail_from, *headers), to)
    made = sender.arrived(to)
    assert [each.get_filename() for each in made.iter_attachments()] == ["picture.png", "logo.png", "other.png"]
    assert (made["X-TM-FILE-KEY"], made["X-TM-CLIENT-REF"], made["X-Kept"]) == (None, None, "1")
    assert sender.told(to)["client_ref"] == "order-17"
    bad = sender.send(letter(sender.mail_from, "X-TM-FILE-KEY: nothing"), fresh("no"))
    assert bad == (554, "5.6.0 Invalid File Cache Key")


def test_zeptomail_process_failed(sandbox: Sandbox) -> None:
    """A blocked extension and a suppressed recipient are accepted, then told as failed, with the reason, unbilled."""
    sender, blocked, out = Sender(sandbox, "zeptomail"), fresh("exe"), fresh("out")
    sender.suppress(out)
    before = sender.balance()
    sender.taken(mixed(sender.mail_from, name="run.EXE"), blocked)
    sender.taken(letter(sender.mail_from), out)
    reasons = {blocked: "attachments of type exe are not allowed", out: "the address is suppressed: manual"}
    for to, reason in reasons.items():
        told = sender.told(to)
        assert (told["dialect_status"], told["last_reply"], told["billed"]) == ("Process failed", reason, 0)
    assert sender.balance() == before


def test_zeptomail_daily_limit(sandbox: Sandbox) -> None:
    """What is beyond the agent's limit of the day is accepted, then told as failed, with the reason, unbilled; a limit
    that is lifted holds no more."""
    sender, to = Sender(sandbox, "zeptomail"), [fresh("day") for _ in range(3)]
    sandbox.cli("connection", "set", sender.card["name"], "daily_limit=2")
    time.sleep(TAKES_EFFECT)
    before = sender.balance()
    for each in to:
        sender.taken(letter(sender.mail_from), each)
    told = [sender.told(each) for each in to]
    assert [each["dialect_status"] for each in told] == ["Delivered", "Delivered", "Process failed"]
    assert (told[2]["last_reply"], told[2]["billed"]) == ("the daily limit of 2 recipients is reached", 0)
    assert sender.balance() == before - 2
    sandbox.cli("connection", "set", sender.card["name"], "daily_limit=")
    time.sleep(TAKES_EFFECT)
    sender.taken(letter(sender.mail_from), after := fresh("day"))
    assert sender.told(after)["dialect_status"] == "Delivered"


def test_zeptomail_any_reverse_path(sandbox: Sandbox) -> None:
    """A reverse path that is foreign or empty refuses nothing: who the mail is from is told by its From."""
    sender = Sender(sandbox, "zeptomail")
    for path in ("", "somebody@foreign.example"):
        to = fresh("path")
        sender.taken(letter(sender.mail_from), to, sender=path)
        assert sender.told(to)["state"] == "delivered"
    foreign = sender.send(letter("x@foreign.example"), fresh("no"))
    assert foreign == (553, "Relaying disallowed as x@foreign.example.")
