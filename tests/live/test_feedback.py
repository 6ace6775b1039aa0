"""What comes back to a running daemon: from a real Postfix that rejects later, and from a provider."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from .daemon import Daemon, eventually, free_port, is_free, letter, queued
from .hop import Hop
from .receiver import Receiver

CONFIG = """
[server]
hostname = "relay.example"

[state]
path = "{state}"

[[listeners]]
name = "local"
port = {port}
tls = "none"

[[listeners]]
name = "returns"
role = "feedback"
port = {returns}
tls = "none"

[[routes]]
name = "receiver"
hosts = ["127.0.0.1:{receiver}"]
tls = "none"
default = true
"""

#: As large providers send it: the message whole, the recipient blackened, our reverse path in what their host wrote.
COMPLAINT = """\
From: <feedback@arf.provider.example>
To: <fbl@bounces.relay.example>
Subject: FW: Your order has shipped
Mime-Version: 1.0
Date: Wed, 25 Nov 2026 09:12:44 -0800 (PST)
Content-Type: multipart/report; boundary="----=_Part_4477_16083.1"; report-type=feedback-report

------=_Part_4477_16083.1
Content-Type: text/plain; charset=us-ascii
Content-Transfer-Encoding: 7bit

This is an email abuse report for an email message received from 192.0.2.9 on Wed, 25 Nov 2026 17:10:02 +0000

------=_Part_4477_16083.1
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Provider!-Mail-Feedback/2.0
Version: 0.1
Original-Mail-From: <{verp}>
Original-Rcpt-To: e5a0c1f2@redacted.provider.example
Received-Date: Wed, 25 Nov 2026 17:10:02 +0000
Source-IP: 192.0.2.9
Reported-Domain: shop.example
Authentication-Results: mta1.provider.example; dkim=pass header.i=@shop.example;

------=_Part_4477_16083.1
Content-Type: message/rfc822
Content-Disposition: inline

X-Originating-Ip: [192.0.2.9]
Received-SPF: pass (domain of bounces.relay.example designates 192.0.2.9 as permitted sender)
Return-Path: <{verp}>
From: Shop <news@shop.example>
To: <redacted>
Subject: Your order has shipped
Message-ID: <1@shop.example>

Hello
------=_Part_4477_16083.1--
"""


class Relay(Daemon):
    """An installation with a return path, whose smart host is the receiver."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.port, self.returns, inner = free_port(), free_port(), free_port()
        self.inner = Hop(inner, lambda to: "550 5.1.1 No such user" if to.startswith("gone") else "250 ok")
        self.receiver = Receiver(inner, "bounces.relay.example", self.returns)
        config = folder / "mailrelay.toml"
        config.write_text(
            CONFIG.format(state=folder / "state", port=self.port, returns=self.returns, receiver=self.receiver.port)
        )
        super().__init__(folder, ["--config", str(config)], ["--config", str(config)])
        self.cli("init")

    def listens(self) -> bool:
        return not (is_free(self.port) or is_free(self.returns))

    def post(self, to: str, source: str) -> tuple[int, bytes]:
        """Send to the return path; the reply to RCPT if that refuses, else to the message."""
        with smtplib.SMTP("127.0.0.1", self.returns, "localhost", timeout=20) as client:
            client.ehlo()
            client.mail("")
            code, text = client.rcpt(to)
            return (code, text) if code != 250 else client.data(source.replace("\n", "\r\n"))


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    relay = Relay(tmp_path_factory.mktemp("feedback") / "relay")
    try:
        relay.inner.start()
        relay.receiver.start()
        relay.start()
        yield relay
        relay.assert_sound()
    finally:
        relay.end()
        relay.receiver.stop()
        relay.inner.stop()


def test_rejected_later(relay: Relay) -> None:
    """A host takes two recipients and rejects one later: its DSN makes that one bounce, with the reason, in the counts
    too (the audit says so), and suppresses the address; a complaint about the other suppresses it; a forged address and
    a stranger's are refused, and nothing is ever sent because of what came back (O14)."""
    shop = relay.shop(dialect="standard")
    with smtplib.SMTP("127.0.0.1", relay.port, "localhost", timeout=20) as client:
        client.login(shop.username, shop.password)
        client.mail(shop.mail_from)
        for to in ("gone@receiver.example", "ann@receiver.example"):
            assert client.rcpt(to)[0] == 250
        id = queued(client.data(letter(shop)))

    def bounced() -> dict[str, object]:
        found = relay.history(id)["gone@receiver.example"]
        return found if found["state"] == "bounced" else {}

    found = eventually(bounced, 30, f"a DSN; Postfix said: {relay.receiver.said()}")
    assert str(found["last_reply"]).startswith("550 5.1.1"), found
    assert relay.history(id)["ann@receiver.example"]["state"] == "delivered"
    (suppressed,) = relay.cli("suppression", "list", "--account", shop.account)
    assert (suppressed["address"], suppressed["reason"]) == ("gone@receiver.example", "hard_bounce")
    arrived = eventually(lambda: relay.inner.messages, 20, "the other mail")
    verp = re.sub(r"^<|>$", "", arrived[0].mail_from)
    assert verp.endswith("@bounces.relay.example")
    # tampered with, another domain, a mailbox that is none
    letter_of_mac = "a" if verp.partition("@")[0][-1] != "a" else "b"
    forged = verp.partition("@")[0][:-1] + letter_of_mac + "@bounces.relay.example"
    for to in (forged, "ann@relay.example", "postmaster@bounces.relay.example", shop.mail_from):
        assert relay.post(to, COMPLAINT.format(verp=verp))[0] == 550
    assert relay.post("abuse@bounces.relay.example", "Subject: stop\n\nplease")[0] == 554
    code, text = relay.post("fbl@bounces.relay.example", COMPLAINT.format(verp=verp))
    assert code == 250, text
    complained = relay.history(id)["ann@receiver.example"]
    assert (complained["state"], bool(complained["complained_at"])) == ("delivered", True)
    reasons = {each["address"]: each["reason"] for each in relay.cli("suppression", "list", "--account", shop.account)}
    assert reasons["ann@receiver.example"] == "complaint"
    # and nobody got a mail for it
    assert len(relay.inner.messages) == 1
    assert {each["id"] for each in relay.cli("message", "list", "--account", shop.account)} == {id}
    assert relay.said().count(f"nothing is taken for {forged}") == 1


def test_blocked_by_itself(relay: Relay) -> None:
    """A connection whose recipients are nobody's is blocked, with the figures that led to it, and served no more until
    an administrator activates it."""
    shop = relay.shop(dialect="standard")
    relay.cli("connection", "set", shop.connection, "sandbox=true", "block_minimum=4")

    def client() -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", relay.port, "localhost", timeout=20)

    with client() as session:
        session.login(shop.username, shop.password)
        for part in ("ann", "bob", "eve", "hard-bounce"):
            session.mail(shop.mail_from)
            assert session.rcpt(f"{part}@nobody.test")[0] == 250
            relay.settled(queued(session.data(letter(shop))))
    relay.restart()  # it looks at its start, and each minute
    card = eventually(
        lambda: card if (card := relay.cli("connection", "show", shop.connection))["status"] == "blocked" else None, 15
    )
    assert card["status_reason"] == "1 of 4 recipients in 24 hours were refused, more than 10 %"
    (told,) = relay.cli("event", "list", "--account", shop.account, "--type", "connection_blocked")["events"]
    facts = told["facts"]
    assert (facts["finished"], facts["refused"], facts["minimum"], facts["percent"]) == (4, 1, 4, 10)
    with client() as session, pytest.raises(smtplib.SMTPAuthenticationError):
        session.login(shop.username, shop.password)
    relay.cli("connection", "activate", shop.connection)

    def served() -> bool:
        with client() as session:
            session.ehlo()
            try:
                return session.login(shop.username, shop.password)[0] == 235
            except smtplib.SMTPAuthenticationError:
                return False

    assert eventually(served, 10)
