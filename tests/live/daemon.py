"""A daemon as a process of its own, and all that a user has of it: the command line, the ports, the API, the log.

Nothing here reaches into the daemon: what a test knows, it was told through an interface. Waiting is polling with a
deadline, never sleeping. Whatever is started is ended by `end`, however a test went.
"""

from __future__ import annotations

import json
import os
import re
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from click.testing import CliRunner, Result

from mailrelay.cli import main
from mailrelay.policy.dialect import Dialects

from ..dialogue import variables_of
from .nursery import Born, nursery

T = TypeVar("T")

PROGRAMS = Path(sys.executable).parent
OFFSETS = (8080, 8081, *(offset for dialect in Dialects.shipped() for offset in dialect.sandbox.values()))

START, STOP = 40.0, 10.0  #: seconds that starting (with the keys of a first start) and stopping may take
TAKES_EFFECT = 2.0  #: seconds until a change by the command line must be felt
ARRIVES = 10.0  #: seconds in which a mail must have arrived, on a machine that does other things too

_TROUBLE = re.compile(r"^.*(?:Traceback|Unhandled|#critical\]|#error\]).*$", re.MULTILINE)
_numbers = count(1)


def eventually(look: Callable[[], T], within: float = TAKES_EFFECT, what: str = "") -> T:
    """Look again and again until there is something; fails with the last look when the time is over. Waiting takes at
    least as long as looking, which must not keep others from their work."""
    deadline = time.monotonic() + within
    while True:
        begun = time.monotonic()
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what or 'it'} did not come about within {within} s: {found!r}")
        time.sleep(max(0.02, time.monotonic() - begun))


def is_free(port: int) -> bool:
    """Could a daemon listen on this port of loopback now?"""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_base_port() -> int:
    """A base port all of whose group is free, below the ports that the kernel hands out."""
    start = os.getpid() * 7
    for step in range(500):
        base = 11_000 + (start + step * 29) % 12_000
        if all(is_free(base + offset) for offset in OFFSETS):
            return base
    raise AssertionError("no free group of ports")


def free_port() -> int:
    """A port that is free now and that the kernel does not hand out of itself."""
    for step in range(500):
        port = 11_000 + (os.getpid() * 13 + next(_numbers) * 17 + step) % 20_000
        if is_free(port):
            return port
    raise AssertionError("no free port")


@dataclass(frozen=True, slots=True)
class Shop:
    """A customer: an account with a domain and a connection of its own, made by the command line."""

    account: str
    connection: str
    domain: str
    mail_from: str
    username: str
    password: str
    dialect: str

    @property
    def variables(self) -> dict[str, str]:
        """What golden dialogues ask for."""
        return variables_of(self.username, self.password) | {"mail_from": self.mail_from, "domain": self.domain}


class Daemon:
    """One installation and its process. `arguments` are those of ``twistd mailrelay``; `named` names it to commands."""

    #: Is the process a fork of one that has loaded the package? Else it is ``twistd``, or whatever `program` is.
    forked = False

    def __init__(self, folder: Path, arguments: Sequence[str], named: Sequence[str]) -> None:
        self.folder = folder
        self.arguments = list(arguments)
        self.named = list(named)
        self.program = [str(PROGRAMS / "twistd")]
        self.log = folder / "daemon.log"
        self.process: subprocess.Popen[bytes] | Born | None = None
        self._judged = 0

    # -- the process

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def options(self) -> list[str]:
        """The command line of the process, behind the program."""
        return ["-n", "--pidfile=", "mailrelay", *self.arguments]

    def launch(self) -> None:
        """Start the process, and do not wait for it."""
        assert not self.running
        if self.forked:
            self.process = nursery().start((), self.options, self.folder, self.log)
            return
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.program, *self.options],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start(self) -> None:
        """Start the process and wait until everything listens."""
        self.launch()
        eventually(lambda: self.listens() or not self.running, START, "a start")
        assert self.running, self.said()

    def listens(self) -> bool:
        raise NotImplementedError

    def refused(self) -> tuple[int, list[str]]:
        """Start a process that is expected to end by itself; its status and the lines that it said."""
        log = self.folder / "refused.log"
        log.unlink(missing_ok=True)
        status = nursery().start((), self.options, self.folder, log).wait(START)
        said = log.read_text().splitlines()
        return status, [line for line in said if not re.match(r"\d{4}-\d\d-\d\dT", line)]

    def stop(self, within: float = STOP) -> float:
        """Ask it to end, as init would; gives the seconds that it took. The status must be 0."""
        assert self.process is not None
        begun = time.monotonic()
        self.process.terminate()
        try:
            status = self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"not ended {within} s after SIGTERM: {self.said()}") from None
        assert status == 0, (status, self.said())
        return time.monotonic() - begun

    def kill(self) -> None:
        """End it as a loss of power would, but for the disk's cache."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(START)

    def restart(self) -> None:
        """End it well and start it again."""
        self.stop()
        self.start()

    def end(self) -> None:
        """Leave nothing behind."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(START)

    # -- what it says of itself

    def said(self) -> str:
        return self.log.read_text("utf-8", "backslashreplace") if self.log.exists() else ""

    def assert_sound(self) -> None:
        """The ledger's laws hold, and nothing has gone wrong inside since this was asked last."""
        assert self.cli("audit")["broken"] == []
        said = self.said()
        fresh, self._judged = said[self._judged :], len(said)
        trouble = _TROUBLE.search(fresh)
        assert trouble is None, f"the daemon logged trouble:\n{fresh[max(0, trouble.start() - 300) :][:4000]}"

    # -- the command line

    def cli(self, *words: str, stdin: str | None = None) -> Any:
        """What a command that succeeds gives to programs. Runs in this process, beside the daemon's."""
        result = self._invoke(*words, "--json", stdin=stdin)
        assert (result.exit_code, result.stderr) == (0, ""), (words, result.stderr, result.exception)
        return json.loads(result.stdout)

    def refusal(self, *words: str, stdin: str | None = None, status: int = 2) -> str:
        """The one line that a command says which ends with this status; it prints nothing else."""
        result = self._invoke(*words, stdin=stdin)
        assert result.exit_code == status and result.stdout == "", (words, result.output)
        assert re.fullmatch(r"mailrelay: [^\n]+\n", result.stderr), (words, result.stderr)
        return result.stderr.removeprefix("mailrelay: ").rstrip("\n")

    def _invoke(self, *words: str, stdin: str | None) -> Result:
        return CliRunner().invoke(main, [*words, *self.named], input=stdin, env={"MAILRELAY_STATE": None})

    def command(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """A command as a process of its own, as a person types it."""
        return subprocess.run(
            [str(PROGRAMS / "mailrelay"), *words, *self.named],
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def shop(self, balance: int = 1000, dialect: str = "emailmassivo", *, active: bool = True) -> Shop:
        """Make a customer."""
        name = f"shop{next(_numbers)}"
        domain, mail_from = f"{name}.example", f"news@{name}.example"
        self.cli("account", "create", name, "--balance", str(balance))
        self.cli("domain", "add", domain, "--account", name, "--verified")
        given = ["--account", name, "--dialect", dialect, "--sender", mail_from, *(["--active"] if active else [])]
        issued = self.cli("connection", "create", name, *given)
        return Shop(name, name, domain, mail_from, issued["username"], issued["password"], dialect)

    def available(self, shop: Shop) -> int:
        """What the shop may still send."""
        return int(self.cli("balance", "show", shop.account)["available"])

    def history(self, id: str) -> dict[str, dict[str, Any]]:
        """What became of a message, by recipient."""
        return {each["rcpt"]: each for each in self.cli("message", "list", "--id", id, "--limit", "1000")}

    def settled(self, id: str, within: float = ARRIVES) -> dict[str, dict[str, Any]]:
        """The same, when nothing of the message waits any more."""
        waiting = {"queued", "deferred"}

        def look() -> dict[str, dict[str, Any]]:
            found = self.history(id)
            return {} if waiting & {each["state"] for each in found.values()} else found

        return eventually(look, within, f"an end of {id}")


class Sandbox(Daemon):
    """The sandbox, in a state folder and on a group of ports of its own."""

    def __init__(self, folder: Path, base_port: int | None = None) -> None:
        self.state = folder / "state"
        self.base_port = base_port or free_base_port()
        arguments = ["--sandbox", "--state", str(self.state), "--base-port", str(self.base_port)]
        super().__init__(folder, arguments, ["--state", str(self.state)])
        self.sign = self.state / "ready.json"

    def listens(self) -> bool:
        self.__dict__.pop("facts", None)
        return self.sign.exists() and bool(self.process and self.facts["pid"] == self.process.pid)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What ``ready.json`` says."""
        found: dict[str, Any] = json.loads(self.sign.read_text("utf-8"))
        return found

    def card(self, dialect: str = "emailmassivo") -> dict[str, Any]:
        """The sandbox's own connection of a dialect."""
        return next(each for each in self.facts["connections"] if each["dialect"] == dialect)

    def ports(self, mode: str, dialect: str = "emailmassivo") -> list[int]:
        """The ports that take a mode: "plain", "starttls" or "tls"."""
        return list(self.card(dialect)[mode])

    def port(self, number: int = 587, dialect: str = "emailmassivo") -> int:
        """The port that stands for one of the service's."""
        return int(self.card(dialect)["ports"][str(number)])

    def context(self) -> ssl.SSLContext:
        """Trust in the sandbox's certificate, and in no other."""
        return ssl.create_default_context(cafile=self.facts["ca"])

    def smtp(self, shop: Shop | None = None, mode: str = "plain", port: int | None = None) -> smtplib.SMTP:
        """A client of the standard library in one of the modes, logged in as a shop."""
        dialect = shop.dialect if shop else "emailmassivo"
        port = port or self.ports(mode, dialect)[0]
        if mode == "tls":
            client: smtplib.SMTP = smtplib.SMTP_SSL("localhost", port, "localhost", timeout=20, context=self.context())
        else:
            client = smtplib.SMTP("localhost", port, "localhost", timeout=20)
        try:
            if mode == "starttls":
                client.starttls(context=self.context())
            if shop is not None:
                client.login(shop.username, shop.password)
        except BaseException:
            client.close()
            raise
        return client

    def submit(self, shop: Shop, recipients: Sequence[str], source: bytes = b"", sender: str | None = None) -> str:
        """Send a mail to recipients that are all taken; gives its id."""
        with self.smtp(shop) as client:
            return send(client, shop.mail_from if sender is None else sender, recipients, source or letter(shop))

    # -- the API

    def request(self, path: str, method: str = "GET", token: str | None = None) -> tuple[int, bytes]:
        """A request with the token of ``ready.json``, or with another ("" for none): status and body."""
        token = self.facts["api_token"] if token is None else token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            with urlopen(Request(f"{self.facts['http']}{path}", headers=headers, method=method), timeout=10) as answer:
                return answer.status, answer.read()
        except HTTPError as error:
            with error:
                return error.code, error.read()

    def get(self, path: str, **query: object) -> Any:
        """The JSON of a path."""
        status, body = self.request(f"{path}?{urlencode(query)}" if query else path)
        assert status == 200, (path, query, status, body)
        return json.loads(body)

    def arrived(self, to: str) -> list[dict[str, Any]]:
        """What the sink has for a recipient, newest first."""
        found: list[dict[str, Any]] = self.get("/api/v1/sandbox/messages", to=to)
        return found

    def inbox(self, to: str, count: int = 1, within: float = ARRIVES) -> list[dict[str, Any]]:
        """The same, when it is at least so many."""

        def look() -> list[dict[str, Any]]:
            found = self.arrived(to)
            return found if len(found) >= count else []

        return eventually(look, within, f"the arrival of {count} for {to}")

    def source(self, kept: Mapping[str, Any]) -> bytes:
        """The octets of what the sink has."""
        status, body = self.request(f"/api/v1/sandbox/messages/{kept['id']}.eml")
        assert status == 200
        return body

    def received(self, to: str) -> bytes:
        """The octets of the one mail that has come for a recipient."""
        (kept,) = self.inbox(to)
        return self.source(kept)


def letter(shop: Shop, subject: str = "", body: bytes = b"text\r\n", *fields: bytes) -> bytes:
    """A small mail of a shop, with more header fields if wanted."""
    head = f"From: {shop.mail_from}\r\nTo: you@example.net\r\nSubject: {subject or 'golden'}\r\n".encode()
    return head + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body


def send(client: smtplib.SMTP, sender: str, recipients: Sequence[str], source: bytes) -> str:
    """One transaction of a client, all of whose recipients are taken; gives the id of the 250."""
    client.ehlo_or_helo_if_needed()
    code, text = client.mail(sender)
    assert code == 250, (code, text)
    for recipient in recipients:
        code, text = client.rcpt(recipient)
        assert code == 250, (recipient, code, text)
    return queued(client.data(source))


def queued(answer: tuple[int, bytes]) -> str:
    """The id that a final reply gives."""
    found = re.fullmatch(rb"Ok: queued as ([0-9A-Z]{26})", answer[1])
    assert answer[0] == 250 and found, answer
    return found[1].decode()
