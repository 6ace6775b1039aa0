"""One port 587 for several dialects: ``etc/shared-587.toml`` as it is shipped, but for paths, ports and the way out.

Real clients ask for a host name when TLS begins (SNI); whoever answers on that port tells by its certificate, by what
EHLO offers, and by how it refuses and accepts.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailrelay.config import load
from mailrelay.smtp.tls import make_certificate

from .daemon import Daemon, Shop, eventually, free_port
from .hop import Hop

EXAMPLE = Path(__file__).parents[2] / "etc" / "shared-587.toml"
DEFAULT, ZEPTO, OURS = "mail.example.org", "smtp.zepto.example.org", "smtp.relay.example.org"


class SharedPort(Daemon):
    """A daemon of the example."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "mailrelay.toml"
        super().__init__(folder, ["--config", str(self.file)], ["--config", str(self.file)])
        self.port, self.other, public = free_port(), free_port(), free_port()
        self.hop = Hop(free_port())
        paths = make_certificate(folder, (DEFAULT, ZEPTO, OURS, "localhost"))
        self.ca = str(paths.authority)
        text = EXAMPLE.read_text("utf-8")
        for shipped, ours in (
            ('"/etc/mailrelay/tls/fullchain.pem"', f'"{paths.chain}"'),
            ('"/etc/mailrelay/tls/key.pem"', f'"{paths.key}"'),
            ('address = "0.0.0.0"', 'address = "127.0.0.1"'),
            ("port = 587", f"port = {self.port}"),
            ("port = 2525", f"port = {self.other}"),
            ("mx = true", f'hosts = ["127.0.0.1:{self.hop.port}"]\ntls = "none"'),
            ("[http]", f'[state]\npath = "state"\n\n[http]\nenabled = false\npublic_port = {public}'),
        ):
            assert shipped in text, shipped
            text = text.replace(shipped, ours)
        self.file.write_text(text)
        self.cli("init")

    def listens(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.other), 5) as line:
                return line.recv(100).startswith(b"220 ")
        except OSError:
            return False

    def client(self, host: str, shop: Shop | None = None) -> smtplib.SMTP:
        """The standard library's client, which believes that it is talking to that host; logged in as a shop."""
        client = smtplib.SMTP("127.0.0.1", self.port, "localhost", timeout=20)
        client._host = host  # type: ignore[attr-defined]
        try:
            client.starttls(context=ssl.create_default_context(cafile=self.ca))
            client.ehlo()
            if shop is not None:
                client.login(shop.username, shop.password)
        except BaseException:
            client.close()
            raise
        return client


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedPort]:
    daemon = SharedPort(tmp_path_factory.mktemp("shared"))
    try:
        daemon.hop.start()
        daemon.start()
        yield daemon
        daemon.assert_sound()
        daemon.stop()
    finally:
        daemon.end()
        daemon.hop.stop()


def sent(client: smtplib.SMTP, shop: Shop, to: str) -> tuple[int, bytes]:
    """The final reply to a small mail."""
    client.mail(shop.mail_from)
    client.rcpt(to)
    body = "text [Unsubscribe] [WebVersion]"
    return client.data(f"From: {shop.mail_from}\r\nTo: {to}\r\nSubject: s\r\n\r\n{body}\r\n")


def test_the_example_holds(shared: SharedPort) -> None:
    """Nothing of the example is refused, and it names the dialects that its comment says go together."""
    config = load(shared.file)
    assert config.warnings == ()
    names = {listener.name: (listener.dialect, dict(listener.dialect_by_name)) for listener in config.listeners}
    assert names["submission"] == ("emailmassivo", {ZEPTO: "zeptomail", OURS: "standard"})


def test_who_answers(shared: SharedPort) -> None:
    """By the host name that is asked for each dialect offers what is its own; any other name, and none, has the
    listener's."""
    sizes = {}
    for host in (DEFAULT, ZEPTO, OURS, ZEPTO.upper()):
        with shared.client(host) as client:
            offered = client.esmtp_features
            sizes[host] = int(offered["size"])
            assert ("enhancedstatuscodes" in offered) is (host == OURS)
            # said before a login, which only the listener's dialect can say
            refused = client.docmd("MAIL", "FROM:<a@b.example>")[1]
            assert refused == (
                b"5.7.8 Incorrect login or password" if host == DEFAULT else b"5.7.0 Authentication required"
            )
    assert sizes == {DEFAULT: 26_214_400, ZEPTO: 15_728_640, OURS: 26_214_400, ZEPTO.upper(): 15_728_640}


def test_by_login(shared: SharedPort) -> None:
    """Under the listener's name connections of every dialect that promises the same send, each in its own words; one
    that promises something else is turned away as if its login were wrong, and is let in under its own name."""
    said = {}
    for dialect in ("emailmassivo", "devino", "zeptomail"):
        shop = shared.shop(dialect=dialect)
        with shared.client(DEFAULT, shop) as client:
            assert sent(client, shop, f"{dialect}@example.net")[0] == 250
            client.mail(shop.mail_from)
            said[dialect] = client.rcpt("nobody")
    assert said == {
        "emailmassivo": (501, b"Invalid recipient address"),
        "devino": (554, b"Invalid recipient address: nobody"),
        "zeptomail": (501, b"Invalid recipient address"),
    }
    ours = shared.shop(dialect="standard")
    with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        shared.client(DEFAULT, ours)
    assert refused.value.smtp_error == b"5.7.8 Incorrect login or password"
    with shared.client(OURS, ours) as client:
        assert sent(client, ours, "standard@example.net")[0] == 250
    arrived = {"emailmassivo", "devino", "zeptomail", "standard"}
    eventually(lambda: {each.rcpt_to[0].split("@")[0] for each in shared.hop.messages} >= arrived, 10)


def test_other_clients(shared: SharedPort, tmp_path: Path) -> None:
    """curl and swaks ask for the name that they were told, and are answered by its dialect, under its certificate."""
    shop = shared.shop(dialect="zeptomail")
    letter = tmp_path / "letter.txt"
    letter.write_text(f"From: {shop.mail_from}\nSubject: s\n\ntext\n")
    login = ("--user", f"{shop.username}:{shop.password}")
    curl = [
        *("curl", "--silent", "--show-error", "--verbose", "--max-time", "20", "--ssl-reqd", "--cacert", shared.ca),
        *("--resolve", f"{ZEPTO}:{shared.port}:127.0.0.1", f"smtp://{ZEPTO}:{shared.port}/client.example", *login),
        *("--mail-from", shop.mail_from, "--mail-rcpt", "curl@example.net", "--upload-file", str(letter)),
    ]
    swaks = [
        *("swaks", "--server", "127.0.0.1", "--port", str(shared.port), "--tls", "--tls-sni", ZEPTO),
        *("--tls-ca-path", shared.ca, "--from", shop.mail_from, "--to", "swaks@example.net"),
        *("--auth-user", shop.username, "--auth-password", shop.password, "--header", "Subject: s", "--body", "text"),
    ]
    for command in (curl, swaks):
        ended = subprocess.run(command, capture_output=True, text=True, timeout=40)
        said = ended.stdout + ended.stderr
        assert ended.returncode == 0, said
        # before TLS the listener's dialect, which has no name to go by, and behind it the one of the name
        assert said.index("SIZE 26214400") < said.index("SIZE 15728640")
        assert "250 Ok: queued as " in said
    eventually(
        lambda: (
            {"curl@example.net", "swaks@example.net"} <= {to for each in shared.hop.messages for to in each.rcpt_to}
        ),
        10,
    )
