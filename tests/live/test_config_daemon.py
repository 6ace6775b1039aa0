"""A real installation: a configuration file, accounts by the command line, a certificate, a smart host."""

from __future__ import annotations

import json
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from mailrelay.smtp.tls import make_certificate

from .daemon import Daemon, Shop, eventually, free_port, letter, queued, send
from .hop import Hop

TOKEN = "a token of twenty characters and more"


class Installation(Daemon):
    """A daemon of a configuration file in a folder of its own, with one route to the test's hop."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "mailrelay.toml"
        super().__init__(folder, ["--config", str(self.file)], ["--config", str(self.file)])
        self.starttls, self.implicit, self.local, self.http, self.public = (free_port() for _ in range(5))
        self.hop = Hop(free_port())
        paths = make_certificate(folder)
        self.ca = str(paths.authority)
        (folder / "token").write_text(TOKEN + "\n")
        (folder / "token").chmod(0o600)
        self.text = f"""
[server]
hostname = "relay.example"

[state]
path = "state"

[[listeners]]
name = "submission"
port = {self.starttls}
tls = "starttls"
dialect = "emailmassivo"
certificate = "{paths.chain}"
key = "{paths.key}"

[[listeners]]
name = "smtps"
port = {self.implicit}
tls = "implicit"
dialect = "emailmassivo"
certificate = "{paths.chain}"
key = "{paths.key}"

[[listeners]]
name = "local"
port = {self.local}
tls = "none"
dialect = "emailmassivo"
login = "address"
trusted = ["127.0.0.0/8"]
connection = "web"

[[routes]]
name = "smarthost"
hosts = ["127.0.0.1:{self.hop.port}"]
tls = "none"
default = true

[delivery]
schedule = [1]
jitter = 0

[http]
enabled = true
port = {self.http}
api_token_path = "token"
public_url = "https://go.example"
public_port = {self.public}
"""
        self.write(self.text)
        self.web: Shop

    def write(self, text: str) -> None:
        self.file.write_text(text)

    def furnish(self) -> None:
        """What a newcomer types."""
        self.cli("init")
        self.cli("account", "create", "shop", "--balance", "100")
        self.cli("domain", "add", "shop.example", "--account", "shop", "--verified")
        given = ["--dialect", "emailmassivo", "--sender", "news@shop.example", "--active"]
        issued = self.cli("connection", "create", "web", *given)
        self.web = Shop(
            "shop", "web", "shop.example", issued["sender"], issued["username"], issued["password"], "emailmassivo"
        )

    def listens(self) -> bool:
        """The port alone tells nothing: it is bound before anybody serves it."""
        try:
            with socket.create_connection(("127.0.0.1", self.local), 5) as line:
                return line.recv(100).startswith(b"220 relay.example ")
        except OSError:
            return False

    def end(self) -> None:
        super().end()
        self.hop.stop()

    def log_in(self, mode: str) -> smtplib.SMTP:
        context = ssl.create_default_context(cafile=self.ca)
        if mode == "implicit":
            client: smtplib.SMTP = smtplib.SMTP_SSL("localhost", self.implicit, context=context, timeout=20)
        else:
            client = smtplib.SMTP("localhost", self.starttls, timeout=20)
            client.starttls(context=context)
        client.login(self.web.username, self.web.password)
        return client

    def mail(self, to: str) -> str:
        """Send a mail over STARTTLS."""
        with self.log_in("starttls") as client:
            return send(client, self.web.mail_from, [to], letter(self.web))


@pytest.fixture(scope="module")
def module_installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installation = Installation(tmp_path_factory.mktemp("installation"))
    try:
        installation.furnish()
        installation.hop.start()
        installation.start()
        yield installation
    finally:
        installation.end()


@pytest.fixture
def installation(module_installation: Installation) -> Iterator[Installation]:
    """A running installation, its hop polite and empty."""
    hop = module_installation.hop
    hop.answer = lambda recipient: "250 ok"
    hop.messages.clear()
    yield module_installation
    module_installation.assert_sound()


@pytest.fixture
def refused(tmp_path: Path) -> Iterator[Installation]:
    """An installation that is furnished and not started."""
    installation = Installation(tmp_path)
    installation.furnish()
    yield installation
    installation.end()


@pytest.mark.parametrize("mode", ["starttls", "implicit"])
def test_takes_and_delivers(installation: Installation, mode: str) -> None:
    """A mail taken over TLS reaches the smart host under this host's name, with a return path of ours."""
    with installation.log_in(mode) as client:
        id = send(client, installation.web.mail_from, ["ann@example.net"], letter(installation.web, mode))
    passage = installation.settled(id)["ann@example.net"]
    assert (passage["state"], passage["last_reply"]) == ("delivered", "250 kept")
    (sent,) = installation.hop.messages
    assert sent.hello == "relay.example" and sent.rcpt_to == ("ann@example.net",)
    assert sent.mail_from.endswith("@bounces.relay.example")
    assert f"Subject: {mode}\r\n".encode() in sent.source and sent.source.endswith(b"\r\n\r\ntext\r\n")


def test_login_by_address(installation: Installation) -> None:
    """Where login is by address, who comes from a trusted network sends as the listener's connection without AUTH; all
    other rules hold."""
    with smtplib.SMTP("127.0.0.1", installation.local, timeout=20) as client:
        client.ehlo()
        assert not client.has_extn("auth") and not client.has_extn("starttls")
        id = send(client, "anybody@shop.example", ["local@example.net"], letter(installation.web))
        assert client.mail("news@other.example") == (553, b"Domain not found")
    passage = installation.settled(id)["local@example.net"]
    assert (passage["state"], passage["connection"]) == ("delivered", "web")


def test_no_open_relay(installation: Installation) -> None:
    """Without login nothing is taken, and no password before TLS where TLS is required."""
    with smtplib.SMTP("127.0.0.1", installation.starttls, timeout=20) as client:
        client.ehlo()
        assert not client.has_extn("auth")
        assert client.docmd("AUTH", f"PLAIN {installation.web.variables['plain']}")[0] == 530
        assert client.mail("news@shop.example")[0] == 530
        client.starttls(context=ssl.create_default_context(cafile=installation.ca))
        client.ehlo()
        assert client.mail("news@shop.example") == (535, b"5.7.8 Incorrect login or password")
        assert client.rcpt("ann@example.net")[0] == 503
    assert installation.hop.messages == []


def test_refusals_of_the_hop(installation: Installation) -> None:
    """What the hop refuses for good is bounced, what it puts off is tried again until it takes it."""
    attempts: list[str] = []

    def answer(recipient: str) -> str:
        attempts.append(recipient)
        if recipient.startswith("unknown"):
            return "550 5.1.1 who?"
        return "250 ok" if attempts.count(recipient) > 2 else "451 4.7.1 greylisted, try again in 1 second"

    installation.hop.answer = answer
    unknown, later = installation.mail("unknown@example.net"), installation.mail("later@example.net")
    passage = installation.settled(unknown)["unknown@example.net"]
    assert (passage["state"], passage["last_reply"], passage["attempts"]) == ("bounced", "550 5.1.1 who?", 1)
    passage = installation.settled(later)["later@example.net"]
    assert (passage["state"], passage["attempts"]) == ("delivered", 3)
    assert [sent.rcpt_to for sent in installation.hop.messages] == [("later@example.net",)]


def test_the_hop_is_away(installation: Installation) -> None:
    """While the hop is away mail waits, through a restart too, and goes when it is back."""
    installation.hop.stop()
    id = installation.mail("patient@example.net")
    eventually(lambda: installation.history(id)["patient@example.net"]["state"] == "deferred")
    installation.restart()
    assert installation.history(id)["patient@example.net"]["state"] == "deferred"
    installation.hop.start()
    assert installation.settled(id)["patient@example.net"]["state"] == "delivered"
    assert len(installation.hop.messages) == 1


def test_api(installation: Installation) -> None:
    """The API of an installation tells of its messages to who has the token, and has no sandbox."""
    id = installation.mail("api@example.net")
    base = f"http://127.0.0.1:{installation.http}"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with urlopen(Request(f"{base}/api/v1/messages?id={id}", headers=headers), timeout=10) as answer:
        (passage,) = json.loads(answer.read())["messages"]
    assert passage["rcpt"] == "api@example.net"
    with (
        pytest.raises(OSError, match="404"),
        urlopen(Request(f"{base}/api/v1/sandbox/messages", headers=headers), timeout=10),
    ):
        pass


def test_send_test(installation: Installation) -> None:
    """A test mail finds the daemon's port by the configuration."""
    words = ["--connection", "web", "--to", "test@example.net", "--host", "127.0.0.1", "--insecure"]
    done = installation.cli("send-test", *words)
    assert queued((250, done["reply"].removeprefix("250 ").encode()))
    eventually(lambda: [sent for sent in installation.hop.messages if sent.rcpt_to == ("test@example.net",)], 5)


BAD: dict[str, tuple[Callable[[str], str], str]] = {
    "unknown key": (lambda text: text.replace("[server]", "[server]\ncolour = 1"), "server.colour: "),
    "wrong type": (lambda text: text.replace('hostname = "relay.example"', "hostname = 1"), "server.hostname: "),
    "no route": (lambda text: text.replace("default = true", "default = false"), "routes: "),
    "no certificate": (lambda text: text.replace("certificate = ", "#"), "listeners[0].certificate: "),
    "strangers": (lambda text: text.replace("127.0.0.0/8", "0.0.0.0/0"), "listeners[2].trusted[0]: "),
    "everybody": (lambda text: text.replace('trusted = ["127.0.0.0/8"]', ""), "listeners[2].trusted: "),
    "no dialect": (lambda text: text.replace('"emailmassivo"', '"nothing"'), "listeners[0].dialect: "),
    "no TOML": (lambda text: text + "[", ""),
    "a short token": (lambda text: text.replace('api_token_path = "token"', 'api_token = "short"'), "http.api_token: "),
    "several": (lambda text: text.replace("jitter = 0", "jitter = 101\nexpiry = 0"), "delivery."),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_configurations(refused: Installation, name: str) -> None:
    """A start is refused with the lines of check-config, ``file: key: reason``, one for each fault; so is what would
    make an open relay."""
    change, key = BAD[name]
    refused.write(change(refused.text))
    checked = refused.command("check-config", str(refused.file))
    lines = checked.stderr.splitlines()
    assert checked.returncode == 2 and checked.stdout == ""
    assert lines and all(line.startswith(f"{refused.file}: ") for line in lines), lines
    assert lines[0].startswith(f"{refused.file}: {key}")
    assert len(lines) == (2 if name in ("several", "no certificate") else 3 if name == "no dialect" else 1)
    status, said = refused.refused()
    assert status != 0
    assert [line.removeprefix("mailrelay: ") for line in said] == lines


def test_alias(refused: Installation) -> None:
    """A listener may name its dialect by an alias, for check-config and for the daemon alike."""
    refused.write(refused.text.replace('"emailmassivo"', '"rusender"'))
    assert refused.command("check-config", str(refused.file)).returncode == 0
    refused.start()
    refused.hop.start()
    id = refused.mail("alias@example.net")
    assert refused.settled(id)["alias@example.net"]["state"] == "delivered"
    refused.stop()
    refused.assert_sound()


def test_other_reasons_not_to_start(refused: Installation) -> None:
    """A connection that does not exist, a taken port, a missing key, a missing file: one line each, status not 0."""
    refused.write(refused.text.replace('connection = "web"', 'connection = "none"'))
    status, lines = refused.refused()
    assert status != 0 and len(lines) == 1 and "'none'" in lines[0]
    refused.write(refused.text)
    with socket.create_server(("127.0.0.1", refused.implicit)):
        status, lines = refused.refused()
    assert status != 0 and len(lines) == 1 and str(refused.implicit) in lines[0]
    key = refused.folder / "state" / "secret.key"
    key.rename(key.with_suffix(".away"))
    status, lines = refused.refused()
    assert status != 0 and len(lines) == 1 and str(key) in lines[0]
    refused.file.unlink()
    status, lines = refused.refused()
    assert status != 0 and len(lines) == 1 and str(refused.file) in lines[0]


def test_another_route_takes_over(installation: Installation) -> None:
    """Where no host of an account's route takes a session, the route that takes over delivers in the same attempt, and
    the record tells of both. The last of these tests: the account keeps the route."""
    dead = f"127.0.0.1:{free_port()}"
    installation.cli(
        "route", "add", dead, "--account", "shop", "--id", "away", "--tls", "none", "--fallback", "smarthost"
    )

    # known to the daemon within two seconds
    def left() -> dict[str, object]:
        id = installation.mail("rescued@example.net")
        assert installation.settled(id)["rescued@example.net"]["state"] == "delivered"
        (attempt,) = installation.cli("message", "explain", id)["recipients"][0]["attempts"]
        return attempt if attempt["why"] else {}

    attempt = eventually(left)
    assert (attempt["number"], attempt["route"], attempt["why"]) == (1, "smarthost", {"left_routes": "away: down"})
    talk = "\n".join(attempt["transcript"])
    assert f"No connection to 127.0.0.1 port {dead.partition(':')[2]}" in talk
    assert "away is down, smarthost takes over" in talk
