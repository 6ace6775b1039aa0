"""A next hop for tests: a small SMTP server in a thread that keeps what it is sent and answers as it is told.

It is written apart from the product, so that the product is not judged by itself. It offers nothing but 8BITMIME and
PIPELINING, and speaks no TLS.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Sent:
    """One message as it came, dots unstuffed."""

    hello: str
    mail_from: str
    rcpt_to: tuple[str, ...]
    source: bytes


class Hop:
    """Listens on loopback from `start` to `stop`; `answer(recipient)` gives the reply to an RCPT."""

    def __init__(self, port: int, answer: Callable[[str], str] = lambda recipient: "250 ok") -> None:
        self.port = port
        self.answer = answer
        self.messages: list[Sent] = []
        self.lines: set[socket.socket] = set()
        self._server: socketserver.ThreadingTCPServer | None = None

    def start(self) -> None:
        hop = self

        class Session(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                hop.lines.add(self.request)
                try:
                    hop.serve(self.rfile, self.wfile)
                except OSError:
                    pass  # stopped, or left
                finally:
                    hop.lines.discard(self.request)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            request_queue_size = 128
            daemon_threads = True

        self._server = Server(("127.0.0.1", self.port), Session)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for line in tuple(self.lines):
            try:
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it ended meanwhile

    def serve(self, rfile: Any, wfile: Any) -> None:
        def say(text: str) -> None:
            wfile.write(text.encode() + b"\r\n")

        hello, mail_from = "", ""
        rcpt_to: list[str] = []
        say("220 hop.example ESMTP")
        for line in rfile:
            verb, _, rest = line.decode().strip().partition(" ")
            match verb.upper():
                case "EHLO":
                    hello = rest
                    say("250-hop.example\r\n250-PIPELINING\r\n250 8BITMIME")
                case "MAIL":
                    mail_from, rcpt_to = _path(rest), []
                    say("250 ok")
                case "RCPT":
                    reply = self.answer(_path(rest))
                    if reply.startswith("250"):
                        rcpt_to.append(_path(rest))
                    say(reply)
                case "DATA" if rcpt_to:
                    say("354 go")
                    source = _read(rfile)
                    self.messages.append(Sent(hello, mail_from, tuple(rcpt_to), source))
                    say("250 kept")
                case "DATA":
                    say("503 no recipient")
                case "RSET" | "NOOP":
                    say("250 ok")
                case "QUIT":
                    say("221 bye")
                    return
                case _:
                    say("500 what?")


def _path(text: str) -> str:
    return text.partition("<")[2].partition(">")[0]


def _read(rfile: Any) -> bytes:
    lines = []
    for line in rfile:
        assert line.endswith(b"\r\n"), line
        if line == b".\r\n":
            break
        lines.append(line.removeprefix(b"."))
    return b"".join(lines)
