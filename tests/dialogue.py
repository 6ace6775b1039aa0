"""Golden dialogues: a text file says what a client sends and what the server answers, octet for octet.

A file holds one step a line; blank lines and lines that begin with ``#`` are for people. A file with the line
``# needs a daemon`` is left to tests that start one; all others need no state and are played in memory too. What needs
a condition stands in a folder ``given``, and is played over the whole server in memory (`tests.whole`), behind the
folder's ``opening.txt`` unless it begins with what the server says. Other folders belong to the tests that name them.

    C: text      the client sends the line, with CRLF
    C- text      the same, kept back and sent in one piece with the lines up to the next ``C:`` (pipelining)
    S: text      the server's next line must be this one
    T: starttls  TLS begins now (after the 220 has been read); over TCP with a real handshake
    T: close     the server must have closed the line, and have said nothing more
    T: meanwhile the test does something of its own, beside the line: `meanwhile` of `run`

``${name}`` in any line is a variable that the caller gives. `variables_of` makes these of a user name and a password:
``username``, ``password``, ``username_b64``, ``password_b64``, ``plain`` (the response of AUTH PLAIN),
``plain_authzid`` (with the authorization identity) and ``wrong_plain`` (the same user, a wrong password). The shipped
dialogues also ask for ``mail_from``. ``<WORD>`` in an ``S:`` line stands for a run of characters without blanks
(``<ID>``, ``<HOST>``); within one dialogue the same word must stand for the same text. ``<*>`` stands for the rest of
the line. Escapes ``\\r \\n \\0 \\t \\xNN \\\\`` work in ``C`` lines; ``$$`` is a dollar.

    dialogue = read(path)                                   # raises ValueError with file and line
    run(dialogue, InMemory(factory, transport), variables)  # a factory of the server, no socket
    run(dialogue, Tcp("127.0.0.1", 10587), variables)       # a started daemon; Tcp(…, tls=True) for implicit TLS,
                                                            # ca="path of the PEM" to verify its certificate

`Tcp` blocks: a test that runs the reactor plays it in a thread. `run` gives what the words stood for; a step that fails
raises `AssertionError` with file, line and both texts. The client closes the line at the end in any case.
"""

from __future__ import annotations

import base64
import re
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any, Protocol

ROOT = Path(__file__).parent / "dialogues"

PATIENCE = 10.0  #: seconds that a client waits for a line


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a dialogue: `kind` is "C:", "C-", "S:" or "T:"."""

    kind: str
    text: str
    place: str


def read(path: Path) -> list[Step]:
    """The steps of a file."""
    steps = []
    for number, text in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not text.strip() or text.startswith("#"):
            continue
        place = f"{path.parent.name}/{path.name}:{number}"
        kind, blank, rest = text[:2], text[2:3], text[3:]
        if kind not in ("C:", "C-", "S:", "T:") or blank not in ("", " "):
            raise ValueError(f"{place}: a line begins with C:, C-, S: or T: and a blank")
        if kind == "T:" and rest not in ("starttls", "close", "meanwhile"):
            raise ValueError(f"{place}: T: is followed by starttls, close or meanwhile")
        steps.append(Step(kind, rest, place))
    return steps


def dialogues(dialect: str) -> list[Path]:
    """The files of a dialect, in order."""
    return sorted((ROOT / dialect).glob("*.txt"))


class Wire(Protocol):
    """What a dialogue is run over."""

    def send(self, octets: bytes) -> None: ...

    def line(self) -> bytes:
        """The next line with its CRLF, b"" when the server has closed or says nothing more."""

    def starttls(self) -> None: ...

    def closed(self) -> bool:
        """The server has closed, and nothing unread is left."""

    def close(self) -> None: ...


class InMemory:
    """A session of a server factory over a `StringTransport` with startTLS and abortConnection; who waits for a line
    moves the factory's clock."""

    def __init__(self, factory: Any, transport: Any) -> None:
        self._clock = factory.clock
        self._protocol = factory.buildProtocol(None)
        self._transport = transport
        self._protocol.makeConnection(transport)
        self._said = b""

    def send(self, octets: bytes) -> None:
        self._protocol.dataReceived(octets)

    def _take(self) -> None:
        self._said += self._transport.value()
        self._transport.clear()

    def line(self) -> bytes:
        self._take()
        if b"\r\n" not in self._said:
            self._clock.advance(PATIENCE)
            self._take()
        line, end, rest = self._said.partition(b"\r\n")
        self._said = rest
        return line + end

    def starttls(self) -> None:
        self._protocol.handshakeCompleted()

    def closed(self) -> bool:
        self._take()
        return not self._said and bool(self._transport.disconnecting)

    def close(self) -> None:
        self._protocol.readConnectionLost()


class Tcp:
    """A real line, blocking, for a server in another process or thread; `timeout` in seconds for each step."""

    def __init__(self, host: str, port: int, *, tls: bool = False, ca: str = "", timeout: float = PATIENCE) -> None:
        self._host = host
        self._context = ssl.create_default_context(cafile=ca or None)
        if not ca:
            self._context.check_hostname = False
            self._context.verify_mode = ssl.CERT_NONE
        self._socket: socket.socket = socket.create_connection((host, port), timeout)
        self._said = b""
        if tls:
            self.starttls()

    def send(self, octets: bytes) -> None:
        self._socket.sendall(octets)

    def line(self) -> bytes:
        while b"\r\n" not in self._said:
            octets = self._socket.recv(65536)
            if not octets:
                break
            self._said += octets
        line, end, self._said = self._said.partition(b"\r\n")
        return line + end

    def starttls(self) -> None:
        if self._said:
            raise AssertionError(f"said in the clear before TLS: {self._said!r}")
        self._socket = self._context.wrap_socket(self._socket, server_hostname=self._host)

    def closed(self) -> bool:
        return self.line() == b""

    def close(self) -> None:
        self._socket.close()


def variables_of(username: str, password: str) -> dict[str, str]:
    """The variables that come of a user name and a password."""

    def b64(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    return {
        "username": username,
        "password": password,
        "plain": b64(f"\0{username}\0{password}"),
        "plain_authzid": b64(f"{username}\0{username}\0{password}"),
        "wrong_plain": b64(f"\0{username}\0not {password}"),
        "username_b64": b64(username),
        "password_b64": b64(password),
    }


def run(
    steps: Sequence[Step], wire: Wire, variables: Mapping[str, str], meanwhile: Callable[[], object] = lambda: None
) -> dict[str, str]:
    """Play a dialogue; gives what its words stood for."""
    words: dict[str, str] = {}
    kept = b""
    try:
        for step in steps:
            text = Template(step.text).substitute(variables)
            if step.kind[0] == "C":
                kept += _octets(text) + b"\r\n"
                if step.kind == "C:":
                    wire.send(kept)
                    kept = b""
            elif step.kind == "S:":
                _match(step, text, wire.line(), words)
            elif text == "starttls":
                wire.starttls()
            elif text == "meanwhile":
                meanwhile()
            elif not wire.closed():
                raise AssertionError(f"{step.place}: the line is open, or more was said")
    finally:
        wire.close()
    return words


_ESCAPE = re.compile(r"\\(r|n|0|t|\\|x[0-9a-fA-F]{2})")
_ESCAPED = {"r": b"\r", "n": b"\n", "0": b"\0", "t": b"\t", "\\": b"\\"}


def _octets(text: str) -> bytes:
    parts = _ESCAPE.split(text)
    octets = b""
    for number, part in enumerate(parts):
        if number % 2 == 0:
            octets += part.encode()
        else:
            octets += _ESCAPED[part] if part in _ESCAPED else bytes([int(part[1:], 16)])
    return octets


_WORD = re.compile(r"<([A-Z][A-Z0-9_]*|\*)>")


def _match(step: Step, text: str, line: bytes, words: dict[str, str]) -> None:
    pattern, names, end = "", [], 0
    for found in _WORD.finditer(text):
        pattern += re.escape(text[end : found.start()])
        name = found[1]
        if name == "*":
            pattern += ".*"
        elif name in words:
            pattern += re.escape(words[name])
        elif name in names:
            pattern += f"(?P={name})"
        else:
            pattern += rf"(?P<{name}>\S+)"
            names.append(name)
        end = found.end()
    pattern += re.escape(text[end:]) + "\r\n"
    said = line.decode("utf-8", "backslashreplace")
    matched = re.fullmatch(pattern, said, re.DOTALL)
    if matched is None:
        raise AssertionError(f"{step.place}: expected {text!r}, the server said {said!r}")
    words.update(matched.groupdict())
