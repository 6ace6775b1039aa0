"""Mail in by every port, mode and mechanism, from the clients that people have, and out as one copy a recipient."""

from __future__ import annotations

import email
import shutil
import smtplib
import socket
import ssl
import subprocess
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from ..dialogue import Step, Tcp, run
from .daemon import Sandbox, Shop, letter, queued, send

# the service's port, and a mode that it takes
DOORS = [(587, "plain"), (587, "starttls"), (25, "plain"), (25, "starttls"), (465, "tls")]
MECHANISMS = [("PLAIN", True), ("PLAIN", False), ("LOGIN", True), ("LOGIN", False)]


def log_in(client: smtplib.SMTP, shop: Shop, mechanism: str, initial: bool) -> None:
    """AUTH by one mechanism, its first response with the command or after a 334."""
    client.user, client.password = shop.username, shop.password
    authenticate = {"PLAIN": client.auth_plain, "LOGIN": client.auth_login}[mechanism]
    client.ehlo()
    code, _ = client.auth(mechanism, authenticate, initial_response_ok=initial)
    assert code == 235


@pytest.mark.parametrize("dialect", ["standard", "emailmassivo"])
def test_every_door(sandbox: Sandbox, dialect: str) -> None:
    """Python's smtplib sends on each port in each TLS mode with each mechanism, with and without initial response."""
    shop = sandbox.shop(dialect=dialect)
    ways = [(*door, *way) for door in DOORS for way in MECHANISMS]
    for number, (service, mode, mechanism, initial) in enumerate(ways):
        with sandbox.smtp(mode=mode, port=sandbox.port(service, dialect)) as client:
            log_in(client, shop, mechanism, initial)
            send(client, shop.mail_from, [f"{dialect}{number}@example.net"], letter(shop, f"{service} {mode}"))
    for number, (service, mode, *_) in enumerate(ways):
        (kept,) = sandbox.inbox(f"{dialect}{number}@example.net")
        assert kept["subject"] == f"{service} {mode}"


def test_how_a_mail_came_is_told(sandbox: Sandbox, shop: Shop) -> None:
    """The Received field tells of TLS and of the login (RFC 3848), and neither the client's address nor its name."""
    for mode, protocol in (("plain", b"ESMTPA"), ("starttls", b"ESMTPSA"), ("tls", b"ESMTPSA")):
        with sandbox.smtp(shop, mode) as client:
            id = send(client, shop.mail_from, [f"{mode}@example.net"], letter(shop))
        head = sandbox.received(f"{mode}@example.net").partition(b"\r\nFrom:")[0]
        field = head[head.index(b"Received: ") :]
        assert b" with " + protocol + b" " in field and id.encode() in field
        assert b"127.0.0.1" not in field and shop.username.encode() not in field


SWAKS = {"plain": [], "starttls": ["-tls", "--tls-verify"], "tls": ["--tls-on-connect", "--tls-verify"]}


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize(("service", "mode"), DOORS)
def test_swaks(sandbox: Sandbox, shop: Shop, service: int, mode: str, mechanism: str) -> None:
    """swaks sends to two recipients at once, on each port and mode, with each mechanism."""
    program = shutil.which("swaks")
    assert program, "swaks is not here: install the Debian package `swaks`"
    to = [f"{mode}.{service}.{mechanism}.{name}@example.net".lower() for name in ("one", "two")]
    server = ["--server", "localhost", "--port", str(sandbox.port(service)), "--helo", "localhost"]
    login = ["--auth", mechanism, "--auth-user", shop.username, "--auth-password", shop.password]
    trust = ["--tls-ca-path", sandbox.facts["ca"]] if mode != "plain" else []
    mail = ["--from", shop.mail_from, "--to", ",".join(to), "--body", "by swaks"]
    ended = subprocess.run(
        [program, *server, *login, *SWAKS[mode], *trust, *mail], capture_output=True, text=True, timeout=30
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for each in to:
        assert b"\r\n\r\nby swaks\r\n" in sandbox.received(each)


@pytest.fixture
def raw(sandbox: Sandbox, shop: Shop) -> Iterator[Tcp]:
    """A line on which the shop is logged in, without any client."""
    line = Tcp("127.0.0.1", sandbox.port())
    hear(line, "220 ")
    line.send(b"EHLO localhost\r\n")
    while line.line()[3:4] == b"-":
        pass
    line.send(f"AUTH PLAIN {shop.variables['plain']}\r\n".encode())
    hear(line, "235 ")
    yield line
    line.close()


def hear(line: Tcp, *starts: str) -> bytes:
    """The next lines of the server begin so; gives the last."""
    said = b""
    for start in starts:
        said = line.line()
        assert said.startswith(start.encode()), (start, said)
    return said


def envelope(shop: Shop, *to: str) -> bytes:
    """MAIL, RCPT for each, and DATA, as one run of octets."""
    return b"".join(
        [f"MAIL FROM:<{shop.mail_from}>\r\n".encode(), *(f"RCPT TO:<{each}>\r\n".encode() for each in to), b"DATA\r\n"]
    )


def test_pipelining(sandbox: Sandbox, shop: Shop, raw: Tcp) -> None:
    """MAIL, several RCPT and DATA in one write are answered in order, one of them with a refusal; so are a message's
    end, a second transaction and QUIT in the next (P11, P13)."""
    sandbox.cli("suppression", "add", "no@example.net", "--account", shop.account, "--reason", "unsubscribe")
    raw.send(envelope(shop, "p1@example.net", "no@example.net", "p2@example.net"))
    hear(raw, "250 ", "250 ", "550 ", "250 ", "354 ")
    raw.send(letter(shop, "one") + b".\r\n" + envelope(shop, "p3@example.net"))
    hear(raw, "250 Ok: queued as ", "250 ", "250 ", "354 ")
    raw.send(letter(shop, "two") + b".\r\nQUIT\r\n")
    hear(raw, "250 Ok: queued as ", "221 ")
    assert raw.closed()
    for each in ("p1", "p2", "p3"):
        sandbox.received(f"{each}@example.net")


def test_byte_by_byte(sandbox: Sandbox, shop: Shop, raw: Tcp) -> None:
    """A client that sends every octet in a packet of its own is served as well (P12)."""
    raw._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for part in (envelope(shop, "bytes@example.net"), letter(shop, "b", b"..dots\r\n.\r\n")):
        for octet in part:
            raw.send(bytes([octet]))
        hear(raw, *(["250 ", "250 ", "354 "] if part.startswith(b"MAIL") else ["250 Ok: queued as "]))
    assert sandbox.received("bytes@example.net").endswith(b"\r\n\r\n.dots\r\n")


def test_half_close(sandbox: Sandbox, shop: Shop, raw: Tcp) -> None:
    """A client that closes its side behind the final dot still reads its 250, and the mail arrives (P18)."""
    raw.send(envelope(shop, "half@example.net"))
    hear(raw, "250 ", "250 ", "354 ")
    raw.send(letter(shop) + b".\r\n")
    raw._socket.shutdown(socket.SHUT_WR)
    hear(raw, "250 Ok: queued as ")
    assert raw.closed()
    sandbox.received("half@example.net")


def test_one_copy_for_each_recipient(sandbox: Sandbox, shop: Shop) -> None:
    """Each recipient gets a mail of its own, all of equal content, without the Bcc field, and with a return path that
    is its alone; a Bcc recipient's mail is no other."""
    to = ["to@example.net", "cc@example.org", "bcc@example.com"]
    fields = b"Cc: cc@example.org", b"Bcc: bcc@example.com", b"Message-ID: <1@here>", b"X-Own: kept  as it is"
    id = sandbox.submit(shop, to, letter(shop, "copies", b"one\r\n", *fields))
    kept = [sandbox.inbox(each)[0] for each in to]
    assert [each["rcpt_to"] for each in kept] == to
    assert len({each["id"] for each in kept}) == 3 and len({each["mail_from"] for each in kept}) == 3
    (source,) = {sandbox.source(each) for each in kept}
    assert b"bcc@example.com" not in source and b"\r\nBcc" not in source
    for field in (b"Cc: cc@example.org", b"Message-ID: <1@here>", b"X-Own: kept  as it is"):
        assert source.count(b"\r\n" + field + b"\r\n") == 1
    assert sandbox.settled(id).keys() == set(to)


def test_missing_fields(sandbox: Sandbox, shop: Shop) -> None:
    """A mail without Date and Message-ID gets both."""
    sandbox.submit(shop, ["bare@example.net"], letter(shop))
    fields = email.message_from_bytes(sandbox.received("bare@example.net"), policy=SMTP)
    assert fields["Date"] and fields["Message-ID"].startswith("<")
    assert len(fields.get_all("Date", [])) == len(fields.get_all("Message-ID", [])) == 1


BODIES = {
    "dots": b".\r\n..\r\n.one\r\n\r\n. \r\nend\r\n",
    "empty": b"",
    "8bit": "Grüße, 你好, \N{ROCKET}\r\n".encode(),
    "latin1": b"Gr\xfc\xdfe\r\n",
    "blank lines": b"\r\n\r\ntext\r\n\r\n\r\n",
    "big": b"".join(b"%06d .....................................................\r\n" % n for n in range(20_000)),
    "998": b"x" * 998 + b"\r\n",
}


@pytest.mark.parametrize("name", BODIES)
def test_content(sandbox: Sandbox, shop: Shop, name: str) -> None:
    """What is within the rules arrives octet for octet: lines of dots, 8-bit text, blank lines, a megabyte."""
    charset = b"iso-8859-1" if name == "latin1" else b"utf-8"
    typed = b"MIME-Version: 1.0", b"Content-Type: text/plain; charset=" + charset, b"Content-Transfer-Encoding: 8bit"
    to = f"{name.replace(' ', '')}@example.net"
    sandbox.submit(shop, [to], letter(shop, name, BODIES[name], *typed))
    assert sandbox.received(to).partition(b"\r\n\r\n")[2] == BODIES[name]


def test_long_lines(sandbox: Sandbox, shop: Shop, raw: Tcp) -> None:
    """A line longer than the wire may carry arrives whole, re-encoded; no line on the wire is too long."""
    line = "ä" * 3000 + " end"
    typed = b"MIME-Version: 1.0", b"Content-Type: text/plain; charset=utf-8", b"Content-Transfer-Encoding: 8bit"
    raw.send(envelope(shop, "long@example.net"))
    hear(raw, "250 ", "250 ", "354 ")
    raw.send(letter(shop, "long", line.encode() + b"\r\n", *typed) + b".\r\n")
    hear(raw, "250 Ok: queued as ")
    source = sandbox.received("long@example.net")
    assert max(map(len, source.split(b"\r\n"))) <= 998
    parsed = email.message_from_bytes(source, policy=SMTP)
    assert isinstance(parsed, EmailMessage)
    assert parsed.get_content() == line + "\r\n"


def test_bare_line_ends(sandbox: Sandbox, shop: Shop, raw: Tcp) -> None:
    """A bare LF or CR is made a line end, and none of them ends the message: the command in the middle stays text."""
    body = b"one\n.\nMAIL FROM:<evil@example.net>\r.\rtwo\n.\r\nthree\r\n"
    raw.send(envelope(shop, "lf@example.net"))
    hear(raw, "250 ", "250 ", "354 ")
    raw.send(letter(shop, "lf", body) + b"\r\n.\r\n")
    hear(raw, "250 Ok: queued as ")
    raw.send(b"NOOP\r\n")
    hear(raw, "250 ")
    received = sandbox.received("lf@example.net").partition(b"\r\n\r\n")[2]
    assert b"MAIL FROM:<evil@example.net>" in received and b"three" in received
    assert b"\n" not in received.replace(b"\r\n", b"") and b"\r" not in received.replace(b"\r\n", b"")


def test_utf8(sandbox: Sandbox, shop: Shop) -> None:
    """An address beyond ASCII is taken with SMTPUTF8, and arrives so; without the parameter it is refused (P24)."""
    with sandbox.smtp(shop) as client:
        client.command_encoding = "utf-8"
        client.ehlo()
        assert client.mail(shop.mail_from, ["SMTPUTF8"])[0] == 250
        assert client.rcpt("grüße@bücher.example")[0] == 250
        queued(client.data(f"From: {shop.mail_from}\r\nSubject: Grüße\r\n\r\nÄ\r\n".encode()))
        assert client.mail(shop.mail_from)[0] == 250
        assert client.rcpt("grüße@example.net")[0] == 553
    (kept,) = sandbox.inbox("grüße@bücher.example")
    assert kept["subject"] == "Grüße" and "Subject: Grüße\r\n".encode() in sandbox.source(kept)


@pytest.mark.parametrize("mode", ["starttls", "tls"])
def test_certificate(sandbox: Sandbox, mode: str) -> None:
    """The certificate holds for localhost and for loopback's two addresses, under the authority named by the sign, and
    for no other name and under no other authority."""
    for name in ("localhost", "127.0.0.1", "::1"):
        assert shake_hands(sandbox, mode, name, sandbox.context()) in ("TLSv1.2", "TLSv1.3")
    with pytest.raises(ssl.SSLCertVerificationError, match=r"(?i)hostname"):
        shake_hands(sandbox, mode, "example.net", sandbox.context())
    with pytest.raises(ssl.SSLCertVerificationError, match=r"(?i)certificate"):
        shake_hands(sandbox, mode, "localhost", ssl.create_default_context())


def shake_hands(sandbox: Sandbox, mode: str, name: str, context: ssl.SSLContext) -> str | None:
    """TLS as a client who believes the server to have this name; gives the version."""
    with socket.create_connection(("127.0.0.1", sandbox.ports(mode)[0]), 10) as line:
        if mode == "starttls":
            assert line.recv(1000).startswith(b"220 ")
            line.sendall(b"EHLO localhost\r\n")
            assert b"STARTTLS\r\n" in line.recv(1000)
            line.sendall(b"STARTTLS\r\n")
            assert line.recv(1000).startswith(b"220 ")
        with context.wrap_socket(line, server_hostname=name) as secured:
            return secured.version()


@pytest.mark.parametrize("hello", ["EHLO localhost", "EHLO my_host", "EHLO", "EHLO ", "EHLO [127.0.0.1]", "ehlo x y"])
def test_hello(sandbox: Sandbox, shop: Shop, hello: str) -> None:
    """What real clients say of themselves is taken, true or not, and a mail goes out after it."""
    texts = [
        ("S:", "220 <HOST> ESMTP ready"),
        ("C:", hello),
        *(("S:", f"250-{offer}") for offer in ("<HOST>", "PIPELINING", "SIZE <N>", "8BITMIME", "SMTPUTF8", "STARTTLS")),
        ("S:", "250 AUTH PLAIN LOGIN"),
        ("C:", "AUTH PLAIN ${plain}"),
        ("S:", "235 Authentication successful"),
        ("C:", "MAIL FROM:<${mail_from}>"),
        ("S:", "250 Sender accepted"),
    ]
    run([Step(kind, text, f"hello:{n}") for n, (kind, text) in enumerate(texts)], line(sandbox), shop.variables)


def line(sandbox: Sandbox) -> Tcp:
    return Tcp("127.0.0.1", sandbox.port())


def test_sender_as_on_the_wire(sandbox: Sandbox, shop: Shop) -> None:
    """The reverse path that leaves is ours, so that bounces come to us; a null sender stays null."""
    id = sandbox.submit(shop, ["path@example.net"])
    (kept,) = sandbox.inbox("path@example.net")
    assert kept["mail_from"] not in ("", shop.mail_from) and not kept["mail_from"].endswith(shop.domain)
    assert sandbox.settled(id)["path@example.net"]["sender"] == shop.mail_from
    sandbox.submit(shop, ["null@example.net"], sender="")
    assert sandbox.inbox("null@example.net")[0]["mail_from"] == ""
