"""A scanner on the way in: a daemon that asks a real clamd, by clients over the wire."""

from __future__ import annotations

import base64
import smtplib
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailrelay.smtp.tls import make_certificate

from .clamd import EICAR, NAME, Clamd
from .daemon import Shop, free_port
from .installation import Installation

MORE = """
[[listeners]]
name = "agents"
port = {port}
tls = "starttls"
tls_required = true
dialect = "zeptomail"
certificate = "{chain}"
key = "{key}"

[scanner]
clamd = "{clamd}"
timeout = 1
at_once = 2
"""


@pytest.fixture(scope="module")
def clamd() -> Iterator[Clamd]:
    made = Clamd()
    yield made
    made.destroy()


class Scanning(Installation):
    """Beside the listener of our own dialect one of an agent's, with TLS."""

    def __init__(self, folder: Path, clamd: Clamd) -> None:
        self.agents = free_port()
        paths = make_certificate(folder)
        self.context = ssl.create_default_context(cafile=paths.authority)
        super().__init__(folder, MORE.format(port=self.agents, chain=paths.chain, key=paths.key, clamd=clamd.path))

    def agent(self, shop: Shop) -> smtplib.SMTP:
        """A client of a shop that speaks the agents' dialect."""
        client = smtplib.SMTP("localhost", self.agents, "localhost", timeout=20)
        client.starttls(context=self.context)
        client.login(shop.username, shop.password)
        return client


@pytest.fixture(scope="module")
def scanning(tmp_path_factory: pytest.TempPathFactory, clamd: Clamd) -> Iterator[Scanning]:
    daemon = Scanning(tmp_path_factory.mktemp("scanning"), clamd)
    try:
        daemon.start()
        yield daemon
        daemon.stop()
    finally:
        daemon.end()


def mail(shop: Shop, body: bytes, padding: int = 0) -> bytes:
    """A mail with a file; `padding` octets stand before it."""
    head = (
        f"X-First: no field by which a mail is known\r\nFrom: {shop.mail_from}\r\nSubject: s\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=part\r\n\r\n--part\r\n\r\n"
    )
    text = b"text\r\n" + (b"x" * 70 + b"\r\n") * (padding // 72)
    file = (
        b"--part\r\nContent-Type: application/octet-stream; name=bill.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    )
    return head.encode() + text + file + base64.encodebytes(body).replace(b"\n", b"\r\n") + b"--part--\r\n"


def said(client: smtplib.SMTP, shop: Shop, source: bytes) -> tuple[int, str]:
    """The final reply to a mail."""
    client.mail(shop.mail_from)
    client.rcpt("rcpt@example.net")
    code, text = client.data(source)
    return code, text.decode()


def test_the_agents_reply(scanning: Scanning) -> None:
    """A file that clamd knows is refused with its name in the service's words, however far back it stands, and costs
    nothing; a clean one is taken."""
    shop = scanning.shop(dialect="zeptomail")
    words = f"5.7.1 virus {NAME} detected by Zoho Mail."
    with scanning.agent(shop) as client:
        assert said(client, shop, mail(shop, EICAR)) == (552, words)
        assert said(client, shop, mail(shop, EICAR, 600_000)) == (552, words)
        assert scanning.available(shop) == 1000
        assert said(client, shop, mail(shop, b"a bill"))[0] == 250
        assert said(client, shop, mail(shop, b"a bill", 600_000))[0] == 250
    assert scanning.available(shop) == 998
    (told, *_) = scanning.cli("message", "explain", "--refused", "--connection", shop.connection, "--last", "1")
    assert (told["rule"], told["reply"], told["facts"]) == ("scanner", "virus_found", {"virus": NAME})


def test_cached_file(scanning: Scanning, tmp_path: Path) -> None:
    """A file of the cache is looked into when a mail attaches it."""
    shop = scanning.shop(dialect="standard")
    (tmp_path / "bad.bin").write_bytes(EICAR)
    scanning.cli("file", "add", str(tmp_path / "bad.bin"), "--account", shop.account, "--key", "bad")
    source = f"From: {shop.mail_from}\r\nSubject: s\r\nX-Relay-File: bad\r\n\r\ntext\r\n".encode()
    with scanning.smtp(shop) as client:
        assert said(client, shop, source) == (554, f"5.7.1 Virus found: {NAME}")


def test_no_answer(scanning: Scanning, clamd: Clamd) -> None:
    """While clamd hangs, or says that a message is too large for it, mail is put off; others are served meanwhile, and
    once it answers again mail is taken."""
    shop = scanning.shop(dialect="standard")
    later = (451, "4.3.0 Temporary failure, try again later")
    with scanning.smtp(shop) as client, scanning.smtp(shop) as other:
        assert said(client, shop, mail(shop, b"a bill", 3_000_000)) == later
        clamd.suspend()
        try:
            assert said(client, shop, mail(shop, b"a bill")) == later
            assert other.noop()[0] == 250
        finally:
            clamd.resume()
        assert said(client, shop, mail(shop, b"a bill"))[0] == 250
    log = scanning.said()
    assert "since clamd did not tell what it holds: no answer within 1 s" in log
    assert "size limit exceeded" in log


def test_not_there(tmp_path: Path) -> None:
    """A daemon whose clamd is not there starts, and takes no mail."""
    daemon = Installation(tmp_path, f'[scanner]\nclamd = "{tmp_path / "nothing"}"\n')
    try:
        daemon.start()
        shop = daemon.shop(dialect="standard")
        with daemon.smtp(shop) as client:
            assert said(client, shop, mail(shop, b"a bill"))[0] == 451
        daemon.stop()
    finally:
        daemon.end()
