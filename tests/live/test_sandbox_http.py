"""The sandbox's inbox and its site with real threads and a real port: what inline calls and memory cannot show."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from mailrelay.http.app import make_site
from mailrelay.run.inbox import open_inbox
from mailrelay.store.memory import MemoryState
from mailrelay.store.memory.webhooks import MemoryWebhooks

from ..http.wire import BEARER, History, furnished

SECOND = 1_000_000


def fetch(url: str, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
    try:
        with urlopen(Request(url, body, BEARER, method=method), timeout=10) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        with error:
            return error.code, error.read()


@pytest_twisted.inlineCallbacks
def test_inbox_and_site(tmp_path: Path) -> Generator[Deferred[Any], Any, None]:
    """What is kept by many at once is there for the next request, in order, and after the box was closed and opened."""
    inbox, close = open_inbox(str(tmp_path / "sandbox.sqlite3"), reactor)
    installation = furnished(History(()), MemoryState(), MemoryWebhooks())
    site = make_site(api_token="t0ken-of-the-api", installation=installation, clock=reactor, inbox=inbox)
    port = reactor.listenTCP(0, site, interface="127.0.0.1")
    url = f"http://127.0.0.1:{port.getHost().port}/api/v1/sandbox/messages"
    try:
        ids = yield gatherResults(
            [inbox.keep("", [f"{n}@example.com"], b"Subject: %d\r\n\r\n" % n, n * SECOND, str(n)) for n in range(200)]
        )
        status, body = yield deferToThread(fetch, url)
        assert (status, [each["id"] for each in json.loads(body)]) == (200, ids[::-1])
        assert (yield deferToThread(fetch, f"{url}/{ids[7]}.eml")) == (200, b"Subject: 7\r\n\r\n")
        status, body = yield deferToThread(fetch, url, "POST", b"x" * 900_000)
        assert (status, json.loads(body)["status"]) == (413, 413)
        assert (yield deferToThread(fetch, url, "DELETE")) == (204, b"")
        assert (yield deferToThread(fetch, url)) == (200, b"[]")
        last = yield inbox.keep("", ["last@example.com"], b"x", 1, "")
    finally:
        yield port.stopListening()
        yield close()
    again, close_again = open_inbox(str(tmp_path / "sandbox.sqlite3"), reactor)
    assert [kept.id for kept in (yield again.messages(10))] == [last]
    yield close_again()
