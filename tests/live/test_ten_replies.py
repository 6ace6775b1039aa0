"""The ten replies of emailmassivo, character for character, where the service gives them, in the clear and encrypted.

Every condition is made by the command line alone while the daemon runs, is felt within two seconds, and is gone within
two seconds of being undone. What is said stands in golden dialogues, ``tests/dialogues/emailmassivo/replies``.
"""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from ..dialogue import ROOT, Tcp, read, run, variables_of
from .daemon import TAKES_EFFECT, Sandbox, Shop, eventually

REPLIES = ROOT / "emailmassivo" / "replies"
MODES = ("plain", "starttls", "tls")
_numbers = count(1)


class Client:
    """Plays dialogues with the sandbox as a shop, in each of the modes one after the other."""

    def __init__(self, sandbox: Sandbox, shop: Shop, *modes: str) -> None:
        self.sandbox = sandbox
        self.shop = shop
        self.modes = modes or MODES
        self.rcpt = f"rcpt{next(_numbers)}@example.net"

    def play(self, name: str, meanwhile: Callable[[], object] = lambda: None, **others: Any) -> str:
        """One dialogue, which must go as it is written; gives the id of the mail that was taken last."""
        id = ""
        for mode in self.modes:
            opening = [] if name == "unavailable" else read(REPLIES / f"opening_{mode}.txt")
            port = self.sandbox.ports(mode)[0]
            line = Tcp("localhost", port, tls=mode == "tls", ca=self.sandbox.facts["ca"])
            variables = self.shop.variables | {"rcpt": self.rcpt} | others
            words = run([*opening, *read(REPLIES / f"{name}.txt")], line, variables, meanwhile)
            id = words.get("ID", id)
        return id

    def soon(self, name: str, **others: Any) -> None:
        """The same within two seconds in one mode, however it goes until then, and then at once in the others."""
        first = Client(self.sandbox, self.shop, self.modes[0])
        failures: list[AssertionError] = []

        def attempt() -> bool:
            try:
                first.play(name, **{"rcpt": self.rcpt} | others)
            except (AssertionError, OSError) as error:
                failures[:] = [AssertionError(error)]
                return False
            return True

        try:
            eventually(attempt, TAKES_EFFECT)
        except AssertionError as error:
            raise failures[0] from error
        if len(self.modes) > 1:
            Client(self.sandbox, self.shop, *self.modes[1:]).play(name, **{"rcpt": self.rcpt} | others)


@pytest.fixture
def client(sandbox: Sandbox, shop: Shop) -> Client:
    """A shop's client that does everything in each mode."""
    return Client(sandbox, shop)


@pytest.fixture(params=MODES)
def client_of_one_mode(request: pytest.FixtureRequest, sandbox: Sandbox, shop: Shop) -> Client:
    """The same, where a dialogue changes what it is about: in each mode in turn, each with a shop of its own."""
    return Client(sandbox, shop, request.param)


def test_accepted(client: Client) -> None:
    """With nothing in the way the mail is taken, and arrives."""
    id = client.play("accepted")
    assert client.sandbox.settled(id)[client.rcpt]["state"] == "delivered"


def test_server_unavailable(client: Client) -> None:
    """421 in place of the greeting while the installation is paused, and none after it is resumed."""
    client.sandbox.cli("pause", "--reason", "test")
    try:
        client.soon("unavailable")
    finally:
        client.sandbox.cli("resume")
    client.soon("accepted")


def test_server_unavailable_in_session(client_of_one_mode: Client) -> None:
    """421 to a client who is logged in already, when a pause comes; the line is closed."""
    client = client_of_one_mode
    sandbox = client.sandbox

    def pause() -> None:
        sandbox.cli("pause")
        client.soon("unavailable")

    try:
        client.play("unavailable_in_session", pause)
    finally:
        sandbox.cli("resume")
    client.soon("accepted")


def test_pause_lets_the_queue_go_on(client: Client) -> None:
    """What was taken before a pause is delivered while it lasts."""
    sandbox = client.sandbox
    id = sandbox.submit(client.shop, ["soft-bounce@example.net"])
    sandbox.cli("pause")
    try:
        assert sandbox.settled(id)["soft-bounce@example.net"]["state"] == "delivered"
    finally:
        sandbox.cli("resume")
    client.soon("accepted")


def test_no_balance(client: Client) -> None:
    """450 at MAIL when the balance is 0; not any more after a top-up."""
    client.sandbox.cli("balance", "set", client.shop.account, "0")
    client.soon("balance_zero")
    client.sandbox.cli("balance", "top-up", client.shop.account, "5")
    client.soon("accepted")
    assert client.sandbox.available(client.shop) == 5 - len(MODES)


def test_too_little_balance(client_of_one_mode: Client) -> None:
    """450 at each RCPT beyond the balance; what is accepted before is sent, and charged."""
    client = client_of_one_mode
    sandbox = client.sandbox
    sandbox.cli("balance", "set", client.shop.account, "1")
    id = client.play("balance_less")
    assert {rcpt: each["state"] for rcpt, each in sandbox.settled(id).items()} == {client.rcpt: "delivered"}
    assert sandbox.available(client.shop) == 0
    client.soon("balance_zero")
    sandbox.cli("balance", "set", client.shop.account, "3")
    client.soon("accepted")


def test_balance_gone_meanwhile(client_of_one_mode: Client) -> None:
    """450 after the dot when the commit finds too little, for the whole transaction: nobody gets it, nothing is
    charged."""
    client = client_of_one_mode
    sandbox = client.sandbox
    client.play("balance_gone", lambda: sandbox.cli("balance", "set", client.shop.account, "1"))
    assert sandbox.available(client.shop) == 1
    assert sandbox.cli("message", "list", "--account", client.shop.account) == []
    sandbox.cli("balance", "set", client.shop.account, "2")
    client.soon("accepted")


def fail(client: Client, sessions: int, tries: int = 1) -> None:
    """So many sessions that fail to log in."""
    for _ in range(sessions):
        with client.sandbox.smtp() as session:
            session.ehlo()
            for _ in range(tries):
                answer = session.docmd("AUTH", f"PLAIN {client.shop.variables['wrong_plain']}")
                assert answer == (535, b"5.7.8 Incorrect login or password")


def test_too_many_logins(client: Client) -> None:
    """454 after five failed sessions of a user name, however often each has tried. A login that succeeds before counts
    the failures anew; another shop at the same address is not held up; none after the guard is cleared, for this user
    name or for all."""
    sandbox = client.sandbox
    fail(client, 1, tries=2)
    fail(client, 3)
    client.play("accepted")
    fail(client, 5)
    client.play("too_many_logins")
    Client(sandbox, sandbox.shop()).play("accepted")
    for named in (["--address", "127.0.0.1", "--user", client.shop.username], []):
        sandbox.cli("login-guard", "clear", *named)
        client.soon("accepted")
        if named:
            fail(client, 5)
            client.play("too_many_logins")


def test_the_guard_forgets(sandbox: Sandbox, shop: Shop) -> None:
    """In the sandbox it forgets by itself after ten seconds."""
    client = Client(sandbox, shop, "plain")
    fail(client, 5)
    client.play("too_many_logins")

    def logs_in() -> bool:
        try:
            sandbox.smtp(shop).quit()
        except smtplib.SMTPAuthenticationError:
            return False
        return True

    eventually(logs_in, 12, "a login after ten seconds")


def test_rate(client_of_one_mode: Client) -> None:
    """451 at the second MAIL of a connection with a rate of one in ten seconds, with the seconds to wait; none after
    the rate is lifted."""
    client = client_of_one_mode
    sandbox = client.sandbox
    sandbox.cli("connection", "set-rate", client.shop.connection, "1", "--period", "10")
    client.play("rate")
    sandbox.cli("connection", "set-rate", client.shop.connection, "0")
    client.soon("accepted")


def test_wrong_password(client: Client) -> None:
    """535 for a wrong password and for an unknown user, in the same words, by each mechanism; and to who is nobody."""
    once = Client(client.sandbox, client.shop, "plain")  # the fifth failed session is another matter
    for wrong in (
        variables_of(client.shop.username, "not the password"),
        variables_of("nobody@example.net", client.shop.password),
    ):
        client.play("login_refused", **wrong)
        once.play("login_refused_each_way", **wrong)
    client.play("accepted")


def test_new_password(client: Client) -> None:
    """535 for a password that has been replaced; the new one is good."""
    issued = client.sandbox.cli("connection", "new-password", client.shop.connection)
    client.soon("login_refused")
    client.play("accepted", **variables_of(issued["username"], issued["password"]))


def test_connection_status(client: Client) -> None:
    """535 for a connection that is blocked; it counts as no failed login, and is over when activated again."""
    client.sandbox.cli("connection", "block", client.shop.connection, "--reason", "test")
    for _ in range(2):
        client.soon("login_refused")
    client.sandbox.cli("connection", "activate", client.shop.connection)
    client.soon("accepted")


def test_not_activated(client: Client) -> None:
    """535 for a connection that has not been activated yet."""
    shop = client.sandbox.shop(active=False)
    fresh = Client(client.sandbox, shop)
    fresh.play("login_refused")
    client.sandbox.cli("connection", "activate", shop.connection)
    fresh.soon("accepted")


def test_blocked_in_session(client_of_one_mode: Client) -> None:
    """535 at the next MAIL of a client who was logged in before its connection was blocked."""
    client = client_of_one_mode
    sandbox, shop = client.sandbox, client.shop

    def block() -> None:
        sandbox.cli("connection", "block", shop.connection)
        client.soon("login_refused")
        # what a session knows of its connection is remembered apart from what a login finds
        eventually(lambda: other.mail(shop.mail_from)[0] == 535 or not other.rset())

    with sandbox.smtp(shop) as other:
        client.play("blocked_in_session", block)
    sandbox.cli("connection", "activate", shop.connection)
    client.soon("accepted")


def test_address_list(client: Client) -> None:
    """535 for a client whose address is not on the connection's list."""
    connection = client.shop.connection
    client.sandbox.cli("connection", "ip-list", "set", connection, "192.0.2.0/24")
    client.soon("login_refused")
    client.sandbox.cli("connection", "ip-list", "add", connection, "127.0.0.1")
    client.soon("accepted")


def test_domain_not_verified(client: Client) -> None:
    """421 at MAIL for a domain that is not verified, or at the end when only the From field names it; the line is
    closed. None after it is verified."""
    sandbox, shop = client.sandbox, client.shop
    sandbox.cli("domain", "unverify", shop.domain, "--account", shop.account)
    client.soon("domain_unverified")
    client.play("domain_unverified_from")
    sandbox.cli("domain", "verify", shop.domain, "--account", shop.account)
    client.soon("accepted")


def test_the_unverified_domain_of_the_sandbox(sandbox: Sandbox) -> None:
    """421 for the sender that ``ready.json`` names for it."""
    card = sandbox.card()
    own = Shop("", "", "", card["mail_from"], card["username"], card["password"], "emailmassivo")
    client = Client(sandbox, own)
    client.play("accepted")
    client.play("domain_unverified", mail_from=card["unverified_from"])


def test_domain_not_found(client: Client) -> None:
    """553 at MAIL for a domain that the account has not registered, though another account may have, and at the end for
    a From field in it. Registered and verified it still is not the connection's: any address of its own domain, and no
    other."""
    for unknown in ("unknown.example", client.sandbox.shop().domain, f"sub.{client.shop.domain}"):
        client.play("domain_unknown", unknown=unknown)
    second = f"second.{client.shop.domain}"
    client.sandbox.cli("domain", "add", second, "--account", client.shop.account, "--verified")
    client.play("domain_unknown", unknown=second)
    client.play("accepted", mail_from=f"anybody@{client.shop.domain}")


def test_unsubscribed(client: Client) -> None:
    """550 at RCPT for who has unsubscribed or complained, in any spelling; not for a hard bounce, nor for another
    account, nor after it is taken back."""
    sandbox, account = client.sandbox, client.shop.account
    name, domain = client.rcpt.split("@")
    unsubscribed, complained = f"unsubscribed.{client.rcpt}", f"Complained.{name}@{domain.upper()}"
    sandbox.cli("suppression", "add", unsubscribed, "--account", account, "--reason", "unsubscribe")
    sandbox.cli("suppression", "add", complained, "--account", account, "--reason", "complaint")
    sandbox.cli("suppression", "add", client.rcpt, "--account", account, "--reason", "hard_bounce")
    client.soon("suppressed")
    Client(sandbox, sandbox.shop()).play("accepted", rcpt=unsubscribed)
    assert len(sandbox.cli("suppression", "list", "--account", account)) == 3
    sandbox.cli("suppression", "remove", unsubscribed, complained, "--account", account)
    client.soon("accepted", rcpt=unsubscribed)
    client.play("accepted", rcpt=complained)


def test_from_missing(client: Client) -> None:
    """550 5.6.0 after the dot for a mail that names no author; nothing of it is kept or charged."""
    client.play("from_missing")
    assert client.sandbox.available(client.shop) == 1000
    client.play("accepted")


def test_several_authors(client: Client) -> None:
    """550 after the dot for a mail that names several authors."""
    client.play("from_ambiguous")


def test_mailbox_full(client: Client) -> None:
    """553 at RCPT once a mail to this recipient has met a full mailbox; other recipients are not concerned."""
    sandbox = client.sandbox
    full = f"mailbox-full+{client.rcpt}"
    reply = sandbox.cli("send-test", "--connection", client.shop.connection, "--to", full)["reply"]
    (passage,) = sandbox.settled(reply.rpartition(" ")[2]).values()
    assert (passage["state"], passage["last_reply"]) == ("bounced", "552 5.2.2 Mailbox is full")
    client.soon("mailbox_limit", rcpt=full)
    client.play("accepted")
