"""The replies of a next hop: bytes in, `Reply` values out (RFC 5321 4.2).

A strict parser without I/O. It promises bounded memory whatever arrives (at most 100 lines in a reply, at most
2048 octets kept of a line) and that no control byte of the peer reaches a log, a store or a terminal unescaped.
It never guesses: what is not a reply sets `fault`, after which nothing more is read; replies complete before the
fault are still given, so that a verdict already spoken is not lost.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ..mail.reply import Reply

MAX_LINES = 100  #: lines of one reply
MAX_KEPT = 2048  #: octets kept of one line; the rest is read and dropped

_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
_STATUS = re.compile(r"([245])\.[0-9]{1,3}\.[0-9]{1,3}(?= |$)")


def printable(octets: bytes) -> str:
    """Text of the peer as it may be kept and shown: UTF-8 where it is, everything unprintable escaped."""
    text = octets.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _reply(code: int, lines: list[str]) -> Reply:
    found = _STATUS.match(lines[0])
    if found is None or code // 100 != int(found.group(1)):
        return Reply(code, None, "\n".join(lines))
    status = found.group()
    return Reply(code, status, "\n".join(_without(status, line) for line in lines))


def _without(status: str, line: str) -> str:
    """A line of a reply without the status that the first line named (RFC 2034 has it on every line)."""
    return line[len(status) :].lstrip(" ") if line == status or line.startswith(f"{status} ") else line


@lru_cache(maxsize=512)
def _split(line: bytes) -> tuple[int, bool, Reply] | None:
    """One line as (code, is last, the reply it would be alone); a hop says the same few lines again and again."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    code = int(found.group(1))
    return code, found.group(2) != b"-", _reply(code, [printable(found.group(3) or b"")])


class ReplyParser:
    """Gathers bytes into replies.

    `fault` is "" or why the peer is not to be understood any more; `partial` tells that a reply has begun.
    """

    __slots__ = ("_code", "_cut", "_lines", "_rest", "fault")

    def __init__(self) -> None:
        self._rest = b""
        self._cut = False
        self._code = 0
        self._lines: list[str] = []
        self.fault = ""

    @property
    def partial(self) -> bool:
        return bool(self._rest or self._lines)

    def feed(self, data: bytes) -> list[Reply]:
        """The replies that became complete; an empty list once there is a `fault`."""
        replies: list[Reply] = []
        if self.fault:
            return replies
        lines = (self._rest + data).split(b"\n") if not self._cut else self._past_the_cut(data)
        self._rest = lines.pop()
        for line in lines:
            reply = self._line(line)
            if self.fault:
                return replies
            if reply is not None:
                replies.append(reply)
        if len(self._rest) > MAX_KEPT + 1:
            self._rest, self._cut = self._rest[:MAX_KEPT], True
        return replies

    def _past_the_cut(self, data: bytes) -> list[bytes]:
        """The lines of `data` when the first belongs to a line of which enough is kept."""
        end = data.find(b"\n")
        if end < 0:
            return [self._rest]
        self._cut = False
        return [self._rest + b"\r", *data[end + 1 :].split(b"\n")]

    def _line(self, line: bytes) -> Reply | None:
        """Take one line that ended in LF; gives the reply that it completes."""
        if line[-1:] != b"\r":
            self.fault = "a line that does not end in CRLF"
            return None
        split = _split(line[: min(len(line) - 1, MAX_KEPT)])
        if split is None:
            self.fault = "a line that is no reply"
            return None
        code, last, alone = split
        if not self._lines:
            if last:
                return alone
            self._code = code
        elif code != self._code:
            self.fault = f"one reply with the codes {self._code} and {code}"
            return None
        elif len(self._lines) >= MAX_LINES:
            self.fault = f"a reply of more than {MAX_LINES} lines"
            return None
        self._lines.append(f"{alone.status} {alone.text}" if alone.status else alone.text)
        if not last:
            return None
        lines, self._lines = self._lines, []
        return _reply(code, lines)
