"""Where Redis is and how to log in there, from a URL as other programs write it.

``redis://[user][:password@]host[:port][/database]`` or ``unix://[user][:password@]/path[?db=database]``; what is
percent-encoded in user and password is decoded. No error and no `repr` ever shows a password.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

_SHAPE = "must be redis://[[user]:password@]host[:port][/database] or unix://[[user]:password@]/path[?db=database]"


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """A server, by host and port or by the `path` of its socket, and what is said there first."""

    host: str = ""
    port: int = 0
    path: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    database: int = 0

    @property
    def name(self) -> str:
        """What the server is called, without secrets."""
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_redis_url(text: str) -> RedisUrl:
    """`ValueError` says what a URL must look like, never what it was."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port or 6379
        query = parse_qs(parts.query, strict_parsing=True) if parts.query else {}
        login = unquote(parts.username or "", errors="strict"), unquote(parts.password or "", errors="strict")
        if parts.scheme == "redis" and host and not query and not parts.fragment:
            return RedisUrl(host, port, "", *login, _number(parts.path.removeprefix("/")))
        if parts.scheme == "unix" and not host and len(parts.path) > 1 and set(query) <= {"db"} and not parts.fragment:
            return RedisUrl("", 0, unquote(parts.path), *login, _number("".join(query.get("db", ""))))
    except ValueError:
        pass
    raise ValueError(_SHAPE)


def _number(text: str) -> int:
    if text and not (text.isascii() and text.isdigit()):
        raise ValueError(_SHAPE)
    return int(text or 0)
