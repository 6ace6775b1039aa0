"""Stores with nothing in them, at the newest schema, for tests that are not about how a store comes to be.

The steps of all migrations take a fifth of a second of processor time, and hundreds of tests want a store of their own.
So each test process takes them once for an engine; what a test gets is a copy. How they lead to the schema is told by
`tests.store.test_migrate`, which starts from nothing each time.
"""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

from mailrelay.store import open_store

from .live.postgres import fast_folder, server

_FILE = "mailrelay.sqlite3"


@cache
def _file() -> bytes:
    """The file of a SQLite store that was opened and closed."""
    with tempfile.TemporaryDirectory(prefix="mailrelay-fresh-", dir=fast_folder()) as folder:
        open_store(folder, node="N", now=lambda: 0, inline=True).close()
        assert not Path(folder, f"{_FILE}-wal").exists(), "something would be missing from a copy"
        return Path(folder, _FILE).read_bytes()


def fresh_folder(folder: str) -> str:
    """The folder, made unless it is there, with a fresh SQLite store in it."""
    os.makedirs(folder, 0o700, exist_ok=True)
    file = Path(folder, _FILE)
    file.touch(0o600)
    file.write_bytes(_file())
    return folder


@cache
def _template() -> str:
    """The name of a PostgreSQL database that was opened as a store and closed."""
    url = server().new_database()
    open_store(url, node="N", now=lambda: 0, inline=True).close()
    return url.partition("@/")[2].partition("?")[0]


def fresh_database() -> str:
    """The URL of a fresh store in a PostgreSQL database of its own."""
    return server().new_database(_template())
