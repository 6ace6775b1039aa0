"""An SMTP server on loopback that answers one session by a script, in a thread of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping

#: What it answers where the script says nothing else, by the first word of the command.
ANSWERS = {
    "": "220 scripted",
    "EHLO": "250-scripted\r\n250 AUTH PLAIN LOGIN",
    "AUTH": "235 ok",
    "MAIL": "250 ok",
    "RCPT": "250 ok",
    "DATA": "354 go",
    ".": "250 Ok: queued as 01SCRIPTED",
    "QUIT": "221 bye",
}


class Scripted:
    """Listens from the start; `lines` are the commands and the message as they came."""

    def __init__(self, answers: Mapping[str, str] | None = None) -> None:
        self._answers = ANSWERS | dict(answers or {})
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(20)
        self.port: int = self._listener.getsockname()[1]
        self.lines: list[str] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Wait for the session to end."""
        self._thread.join(20)
        self._listener.close()

    def _serve(self) -> None:
        session, _ = self._listener.accept()
        with session, session.makefile("rb") as incoming:
            session.sendall(self._reply("").encode())
            in_data = False
            for raw in incoming:
                line = raw.decode("latin-1").rstrip("\r\n")
                self.lines.append(line)
                if in_data and line != ".":
                    continue
                reply = self._reply(line)
                session.sendall(reply.encode())
                in_data = reply.startswith("354")
                if reply[:3] in ("221", "421"):
                    return

    def _reply(self, line: str) -> str:
        return f"{self._answers.get(line) or self._answers[line.split(' ')[0].upper()]}\r\n"
