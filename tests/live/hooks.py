"""A receiver of webhooks on loopback, that can be down, answer as a test says, or never."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, hooks: Hooks) -> None:
        self.hooks = hooks
        super().__init__(("127.0.0.1", port), _Session)


class _Session(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        hooks = self.server.hooks
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        hooks.asked.append((self.headers["webhook-id"], body))
        if hooks.answers == 0:
            time.sleep(hooks.silence)
            return
        if hooks.answers < 300:
            hooks.events.append(body)
        self.send_response(hooks.answers)
        self.end_headers()
        self.wfile.write(hooks.words)

    def log_message(self, *args: object) -> None:
        pass


class Hooks:
    """Takes events at `url` while it runs: `asked` is everything with its id, `events` what it answered 2xx to; it
    says `words` and closes the connection after each answer. With `answers` 0 it says nothing for `silence` seconds."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.events: list[dict[str, Any]] = []
        self.answers = 204
        self.words = b""
        self.silence = 30.0
        self._server: _Server | None = None
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/"

    def start(self) -> None:
        """Be there, at the port of the first time."""
        self._server = _Server(self._port, self)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Be gone: connections are refused."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
