"""The replies of devino, emaildelivery and zeptomail, character for character, in each mode in which they are offered.

Every condition is made by the command line alone while the daemon runs. What is said stands in golden dialogues,
``tests/dialogues/<dialect>/replies``; messages too large for a dialogue are sent by the standard library's client. The
ten of emailmassivo have a file of their own.
"""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from ..dialogue import ROOT, Tcp, read, run, variables_of
from .daemon import TAKES_EFFECT, Sandbox, Shop, eventually

MODES = {
    "devino": ("plain", "starttls", "tls"),
    "emaildelivery": ("plain", "starttls"),
    "zeptomail": ("starttls", "tls"),
}
_numbers = count(1)


@dataclass
class Client:
    """Plays dialogues with the sandbox as a shop, in each of the modes of its dialect one after the other."""

    sandbox: Sandbox
    shop: Shop
    rcpt: str = field(default_factory=lambda: f"rcpt{next(_numbers)}@example.net")

    def play(self, name: str, meanwhile: Callable[[], object] = lambda: None, **others: Any) -> str:
        """One dialogue, which must go as it is written; gives the id of the mail that was taken last."""
        shop, id = self.shop, ""
        replies = ROOT / shop.dialect / "replies"
        for mode in (others.pop("mode"),) if "mode" in others else MODES[shop.dialect]:
            steps = [*read(replies / f"opening_{mode}.txt"), *read(replies / f"{name}.txt")]
            for port in self.sandbox.ports(mode, shop.dialect):
                line = Tcp("localhost", port, tls=mode == "tls", ca=self.sandbox.facts["ca"])
                other = f"other@{shop.domain}" if shop.dialect == "devino" else "other@unknown.example"
                usual = {"rcpt": self.rcpt, "other": other, "key": shop.password, "reverse": shop.mail_from}
                words = run(steps, line, shop.variables | usual | others, meanwhile)
                id = words.get("ID", id)
        return id

    def soon(self, name: str, **others: Any) -> str:
        """The same within two seconds, however it goes until then."""
        mode = MODES[self.shop.dialect][0]
        failures: list[AssertionError] = []

        def attempt() -> bool:
            try:
                self.play(name, mode=mode, **others)
            except (AssertionError, OSError) as error:
                failures[:] = [AssertionError(error)]
                return False
            return True

        try:
            eventually(attempt, TAKES_EFFECT)
        except AssertionError as error:
            raise failures[0] from error
        return self.play(name, **others)


@pytest.fixture
def devino(sandbox: Sandbox) -> Client:
    return Client(sandbox, sandbox.shop(dialect="devino"))


@pytest.fixture
def emaildelivery(sandbox: Sandbox) -> Client:
    return Client(sandbox, sandbox.shop(dialect="emaildelivery"))


@pytest.fixture
def zeptomail(sandbox: Sandbox) -> Client:
    return Client(sandbox, sandbox.shop(dialect="zeptomail"))


# devino


def test_devino_accepts(devino: Client) -> None:
    """A mail with its two links is taken, arrives, and is charged by then."""
    before = devino.sandbox.available(devino.shop)
    id = devino.play("accepted")
    assert devino.sandbox.settled(id)[devino.rcpt]["dialect_status"] == "Доставлено"
    assert devino.sandbox.available(devino.shop) == before - len(MODES["devino"])


def test_devino_login(devino: Client) -> None:
    """535 at AUTH for a wrong password and from an address that was not told; at MAIL 554 with the same words."""
    devino.play("login_refused", mode="plain")
    devino.sandbox.cli("connection", "ip-list", "set", devino.shop.connection, "192.0.2.0/24")
    eventually(lambda: not _logs_in(devino.sandbox, devino.shop), TAKES_EFFECT)
    devino.sandbox.cli("connection", "ip-list", "add", devino.shop.connection, "127.0.0.1")
    devino.soon("accepted")


def test_devino_blocked(devino: Client) -> None:
    """554 at the next MAIL of a client whose connection is blocked meanwhile."""
    shop = devino.shop
    blocked = devino.sandbox.shop(dialect="devino")

    def block() -> None:
        devino.sandbox.cli("connection", "block", shop.connection)
        eventually(lambda: not _logs_in(devino.sandbox, shop), TAKES_EFFECT)

    assert _logs_in(devino.sandbox, blocked)
    devino.play("blocked_in_session", block, mode="plain")


def _logs_in(sandbox: Sandbox, shop: Shop) -> bool:
    try:
        sandbox.smtp(shop).quit()
    except smtplib.SMTPAuthenticationError:
        return False
    return True


def test_devino_size(devino: Client) -> None:
    """554 for a declared size above 500 KB, and at the end of a message that is larger."""
    devino.play("too_big")
    letter = f"From: {devino.shop.mail_from}\r\nSubject: s\r\n\r\n[Unsubscribe] [WebVersion]\r\n"
    with devino.sandbox.smtp(devino.shop) as client:
        client.ehlo_or_helo_if_needed()
        client.esmtp_features.pop("size", None)
        for padding, wanted in ((512_001 - len(letter), 554), (400_000, 250)):
            client.mail(devino.shop.mail_from)
            client.rcpt(devino.rcpt)
            code, said = client.data(letter + "x" * 70 + ("\r\n" + "x" * 70) * (padding // 72))
            assert code == wanted, said
            assert code == 250 or said == b"Message exceeds fixed size limit"


def test_devino_recipient(devino: Client) -> None:
    """554 with what was given for a recipient that is none."""
    devino.play("recipient")


def test_devino_sender(devino: Client) -> None:
    """554 with the address for one that is not confirmed, at MAIL and for the From field; the option "domain" takes any
    address of a verified domain."""
    devino.play("sender")
    devino.sandbox.cli("connection", "set", devino.shop.connection, "sender=domain")
    devino.soon("accepted", mail_from=f"other@{devino.shop.domain}")
    devino.play("sender", other="other@unknown.example")


def test_devino_authors(devino: Client) -> None:
    """554 for a From field that is missing, cannot be read, or names several."""
    devino.play("from", mode="plain")


def test_devino_tags(devino: Client) -> None:
    """554 for a body without the links, where the connection refuses it."""
    devino.sandbox.cli("connection", "set", devino.shop.connection, "missing_tags=refuse")
    devino.soon("tags")


def test_devino_header(devino: Client) -> None:
    """554 for a header beyond all bounds."""
    header = "".join(f"X-{number}: {'x' * 900}\r\n" for number in range(160))
    with devino.sandbox.smtp(devino.shop) as client:
        client.mail(devino.shop.mail_from)
        client.rcpt(devino.rcpt)
        said = client.data(f"From: {devino.shop.mail_from}\r\n{header}\r\n[Unsubscribe] [WebVersion]\r\n")
    assert said == (554, b"Message header exceeds fixed size limit")


def test_devino_attachment(devino: Client) -> None:
    """554 with the extension, in lower case, or with the subtype."""
    devino.play("attachment")


def test_devino_balance(devino: Client) -> None:
    """451 when nothing is left."""
    devino.sandbox.cli("balance", "set", devino.shop.account, "0")
    devino.soon("balance")
    devino.sandbox.cli("balance", "set", devino.shop.account, "50")
    devino.soon("accepted")


def test_devino_phrase(devino: Client) -> None:
    """The connection may have the phrase of the page before each description."""
    devino.sandbox.cli("connection", "set", devino.shop.connection, "replies=transaction_failed")
    devino.soon("transaction_failed")
    devino.sandbox.cli("connection", "set", devino.shop.connection, "replies=")
    devino.soon("sender")


def test_devino_first_only(devino: Client) -> None:
    """Only the first recipient is sent to; the other is on record as rejected, and not charged."""
    id = devino.play("first_only", mode="plain")
    found = {rcpt: each["dialect_status"] for rcpt, each in devino.sandbox.settled(id).items()}
    assert found == {devino.rcpt: "Доставлено", f"second.{devino.rcpt}": "Отклонено"}
    assert devino.sandbox.available(devino.shop) == 999


def test_taken_over_login(sandbox: Sandbox) -> None:
    """An application keeps its login, however short its password is, and changes its host name only."""
    shop = sandbox.shop(dialect="devino")
    sandbox.cli("domain", "add", "devinotele.com", "--account", shop.account, "--verified")
    given = ["--account", shop.account, "--dialect", "devino", "--sender", "noreplay@devinotele.com", "--active"]
    sandbox.cli("connection", "create", "page", *given, "--username", "1website", "--password-stdin", stdin="test")
    old = Shop(shop.account, "page", "devinotele.com", "noreplay@devinotele.com", "1website", "test", "devino")
    Client(sandbox, old).play("accepted")


# emaildelivery


def test_emaildelivery_accepts(emaildelivery: Client) -> None:
    """A mail is taken by whom AUTH's password or the header's key says, on each port; it arrives."""
    emaildelivery.play("accepted")
    emaildelivery.play("key_in_header")
    listed = emaildelivery.sandbox.cli("message", "list", "--account", emaildelivery.shop.account)
    assert len(listed) == 3 * 3 * len(MODES["emaildelivery"])
    assert {each["tag"] for each in listed} == {"untagged"}


def test_emaildelivery_keys(emaildelivery: Client) -> None:
    """503 with the message: no key, a wrong one, a wrong one in the header beside a good one."""
    for name in ("key_missing", "wrong_key_in_header", "key_refused"):
        emaildelivery.play(name, mode="plain", wrong_plain=variables_of(f"u{next(_numbers)}", "no key at all")["plain"])
    emaildelivery.sandbox.cli("login-guard", "clear")


def test_emaildelivery_guard(sandbox: Sandbox) -> None:
    """Every wrong key counts: after five the sixth is held back, whatever it is, and others are not."""
    client = Client(sandbox, sandbox.shop(dialect="emaildelivery"))
    with sandbox.smtp(None, "plain", sandbox.port(587, "emaildelivery")) as session:
        session.ehlo()
        session.docmd("AUTH", "PLAIN " + variables_of("guesser", "wrong")["plain"])
        for number in range(6):
            session.mail(client.shop.mail_from)
            session.rcpt(client.rcpt)
            code, said = session.data(f"From: {client.shop.mail_from}\r\nSubject: s\r\n\r\ntext\r\n")
            assert (code, said[:21]) == (
                (503, b"Authentication failur") if number < 5 else (454, b"4.7.0 Too many login ")
            )
    client.play("accepted")
    sandbox.cli("login-guard", "clear")


def test_emaildelivery_unreadable(emaildelivery: Client) -> None:
    """500 for what cannot be read, each with its reason."""
    emaildelivery.play("unreadable")


def test_emaildelivery_not_taken(emaildelivery: Client) -> None:
    """501 for what is not taken."""
    emaildelivery.play("not_taken", mode="plain")


def test_emaildelivery_too_long(emaildelivery: Client) -> None:
    """501 for a route or a template whose name is longer than any."""
    emaildelivery.play("too_long", mode="plain")


def test_emaildelivery_tags(emaildelivery: Client) -> None:
    """501 for the tag after the four hundredth; those that were used before are still taken."""
    shop = emaildelivery.shop
    with emaildelivery.sandbox.smtp(shop, "plain", emaildelivery.sandbox.port(587, "emaildelivery")) as client:

        def tagged(tag: str) -> tuple[int, bytes]:
            client.mail(shop.mail_from)
            client.rcpt(emaildelivery.rcpt)
            return client.data(f"From: {shop.mail_from}\r\nSubject: s\r\nX-Transactional-Tag: {tag}\r\n\r\ntext\r\n")

        assert {tagged(f"tag{number}")[0] for number in range(400)} == {250}

        def refused() -> bool:
            # the tags that an account has used are looked up anew each second
            said = tagged(f"more{next(_numbers)}")
            return said == (501, b"You have reached the limit of distinct transactional tags in the system")

        eventually(refused, TAKES_EFFECT)
        assert tagged("tag7")[0] == 250


def test_emaildelivery_body(emaildelivery: Client) -> None:
    """500 for a message of pictures alone, with the reason."""
    emaildelivery.play("body", mode="plain")


def test_emaildelivery_several_routes(emaildelivery: Client) -> None:
    """501 where the account has several routes and the message names none; the connection's default ends that."""
    sandbox, shop = emaildelivery.sandbox, emaildelivery.shop
    (sink,) = [each for each in sandbox.cli("route", "list", "--account", "emaildelivery") if each["id"] == "main"]
    for id in ("eu", "us"):
        sandbox.cli("route", "add", *sink["hosts"], "--account", shop.account, "--id", id, "--tls", "none")
    emaildelivery.soon("route_required")
    sandbox.cli("connection", "set", shop.connection, "default_route=us")
    emaildelivery.soon("accepted")


def test_emaildelivery_size(emaildelivery: Client) -> None:
    """552 with the limit at the end of data, too, when nothing was declared."""
    letter = f"From: {emaildelivery.shop.mail_from}\r\nSubject: s\r\n\r\n" + ("x" * 998 + "\r\n") * 10_240
    with emaildelivery.sandbox.smtp(emaildelivery.shop) as client:
        client.docmd("MAIL", f"FROM:<{emaildelivery.shop.mail_from}>")
        client.rcpt(emaildelivery.rcpt)
        assert client.data(letter) == (552, b"Message exceeded max message size of 10240000 bytes")


def test_emaildelivery_balance(emaildelivery: Client) -> None:
    """501 with the message when nothing is left."""
    emaildelivery.sandbox.cli("balance", "set", emaildelivery.shop.account, "0")
    emaildelivery.soon("balance")


def test_emaildelivery_recipients(emaildelivery: Client) -> None:
    """452 for the hundred and first recipient."""
    emaildelivery.play("too_many_recipients", mode="plain")


def test_emaildelivery_new_key(emaildelivery: Client) -> None:
    """A key that is replaced, or taken over, is good at once, and the old one is not."""
    sandbox, shop = emaildelivery.sandbox, emaildelivery.shop
    taken_over = "taken-over-from-the-old-service"
    sandbox.cli("connection", "new-api-key", shop.connection, "--api-key-stdin", stdin=taken_over)
    emaildelivery.soon("accepted", **variables_of("anybody", taken_over))
    line = sandbox.refusal("connection", "new-api-key", shop.connection, "--api-key-stdin", stdin="too short")
    assert line == "api-key: must have at least 20 characters: whoever guesses it needs no user name"
    emaildelivery.play("key_refused", mode="plain", wrong_plain=shop.variables["plain"])
    sandbox.cli("login-guard", "clear")


# zeptomail


def test_zeptomail_accepts(zeptomail: Client) -> None:
    """A mail is taken under the fixed user name, in any case of letters, and under an address of the agent's domain;
    a foreign, an empty and a malformed reverse path do no harm."""
    shop = zeptomail.shop
    for number, username in enumerate(("emailapikey", "EmailAPIKey", shop.mail_from, f"Any@{shop.domain.upper()}")):
        reverse = (shop.mail_from, "someone@elsewhere.example", "", "no address at all")[number]
        id = zeptomail.play("accepted", reverse=reverse, **variables_of(username, shop.password))
        found = zeptomail.sandbox.settled(id)[zeptomail.rcpt]
        assert (found["dialect_status"], found["client_ref"]) == ("Delivered", "testClientRef")


def test_zeptomail_login(zeptomail: Client) -> None:
    """535 for a wrong token, another user name, an address of a foreign domain, from an address off the list, and when
    nothing is left."""
    sandbox, shop = zeptomail.sandbox, zeptomail.shop
    for username, password in (
        ("emailapikey", "wrong"),
        ("somebody", shop.password),
        ("a@elsewhere.example", shop.password),
    ):
        zeptomail.play("login_refused", mode="tls", **variables_of(username, password))
    sandbox.cli("balance", "set", shop.account, "0")
    zeptomail.soon("login_refused")
    sandbox.cli("balance", "set", shop.account, "10")
    zeptomail.soon("accepted")
    sandbox.cli("connection", "ip-list", "set", shop.connection, "192.0.2.0/24")
    zeptomail.soon("login_refused")
    sandbox.cli("connection", "ip-list", "clear", shop.connection)
    zeptomail.soon("accepted")
    sandbox.cli("login-guard", "clear")


def test_zeptomail_short_password(zeptomail: Client) -> None:
    """A short password of sixteen characters, with a user name of its own or for any address of the domain."""
    sandbox, shop = zeptomail.sandbox, zeptomail.shop
    issued = sandbox.cli("connection", "short-password", shop.connection)
    assert (len(issued["short_username"]), len(issued["short_password"])) == (16, 16)
    own = variables_of(issued["short_username"].lower(), issued["short_password"])
    zeptomail.soon("accepted", **own)
    zeptomail.play("login_refused", mode="tls", **variables_of(shop.mail_from, issued["short_password"]))
    again = sandbox.cli("connection", "short-password", shop.connection, "--username", "from-address")
    zeptomail.soon("accepted", **variables_of(f"other@{shop.domain}", again["short_password"]))
    zeptomail.soon("login_refused", **own)
    assert sandbox.cli("connection", "show", shop.connection, "--reveal")["short_password"] == again["short_password"]
    sandbox.cli("login-guard", "clear")


def test_zeptomail_relaying(zeptomail: Client) -> None:
    """553 with the address for a From field that is none of the agent's."""
    zeptomail.play("relaying")


def test_zeptomail_subject(zeptomail: Client) -> None:
    """550 without a subject."""
    zeptomail.play("subject")


def test_zeptomail_size(zeptomail: Client) -> None:
    """552 for a declared size above 15 MB, and at the end of a message that is larger."""
    zeptomail.play("too_big")
    shop = zeptomail.shop
    with zeptomail.sandbox.smtp(shop, "tls") as client:
        client.mail(shop.mail_from)
        client.rcpt(zeptomail.rcpt)
        head = f"From: {shop.mail_from}\r\nSubject: s\r\n\r\n"
        code, said = client.data(head + ("x" * 70 + "\r\n") * (15_728_640 // 72 + 1))
    assert (code, said) == (552, b"5.2.0 Email size exceeded the policy.")


def test_zeptomail_recipients(zeptomail: Client) -> None:
    """452 for the recipient after the five hundredth."""
    with zeptomail.sandbox.smtp(zeptomail.shop, "tls") as client:
        client.mail(zeptomail.shop.mail_from)
        codes = [client.rcpt(f"r{number}@example.net") for number in range(501)]
    assert [code for code, _ in codes[:-1]] == [250] * 500
    assert codes[-1] == (452, b"4.5.3 Too many recipients")


def test_zeptomail_file_key(zeptomail: Client) -> None:
    """554 for a key of no file."""
    zeptomail.play("file_key")


# one port for several


def test_shared_port(sandbox: Sandbox) -> None:
    """Connections of three dialects log in at one 587, each speaks in its own words from then on; one that promises
    something else is turned away, and so is one that is not spoken in the clear."""
    port = sandbox.port(587, "emailmassivo")
    for dialect, wanted in (
        ("devino", (554, b"Invalid recipient address: nobody")),
        ("zeptomail", (501, b"Invalid recipient address")),
        ("emailmassivo", (501, b"Invalid recipient address")),
    ):
        shop = sandbox.shop(dialect=dialect)
        with sandbox.smtp(None, "starttls", port) as client:
            client.login(shop.username, shop.password)
            client.mail(shop.mail_from)
            assert client.docmd("RCPT", "TO:<nobody>") == wanted
            assert client.rcpt("a@example.net")[0] == 250
    standard = sandbox.shop(dialect="standard")
    for shop, mode in ((standard, "starttls"), (sandbox.shop(dialect="zeptomail"), "plain")):
        with sandbox.smtp(None, mode, port) as client, pytest.raises(smtplib.SMTPAuthenticationError):
            client.login(shop.username, shop.password)


# a dialect that was written from the documentation alone


def test_postmark(sandbox: Sandbox) -> None:
    """Its token logs in as user name and password alike, and with no other name; its headers are read, and cut."""
    shop = sandbox.shop(dialect="postmark")
    assert shop.username == shop.password
    line = Tcp("localhost", sandbox.port(587, "postmark"))
    wrong = variables_of("somebody", shop.password)["plain"]
    words = run(read(ROOT / "postmark" / "transaction.txt"), line, shop.variables | {"wrong_plain": wrong})
    found = sandbox.settled(words["ID"])["one@example.org"]
    assert (found["tag"], found["dialect_status"]) == ("welcome", "Delivered")
    sandbox.cli("login-guard", "clear")
