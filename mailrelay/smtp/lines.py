"""Lines of commands on the wire, each bounded.

Only CR LF ends a line (RFC 5321 2.3.8): a bare CR, a bare LF or a NUL is part of it, and for the grammar to refuse. A
line that is too long is told once, as soon as that is clear, and then thrown away to its end without being kept.
"""

from __future__ import annotations

from collections.abc import Callable

#: No line may be longer than its own limit, and none that is shorter than this needs to be asked for it.
ALWAYS = 512

#: Octets of one line after which its sender is not listened to any more.
MAX_SWALLOWED = 1 << 20


class LineTooLong(Exception):
    """A line goes beyond its limit; the next `take` begins behind its end."""


class NeverEnding(Exception):
    """A line goes beyond all reason."""


class LineScan:
    """Reads lines off the front of a buffer."""

    __slots__ = ("_swallowed",)

    def __init__(self) -> None:
        self._swallowed = -1

    def peek(self, buffer: bytearray, limit: Callable[[bytes], int]) -> bytes | None:
        """The next line, left in the buffer with its CRLF, or None when it is not whole.

        `limit` tells by the first octets how long the line may be with its CRLF. Raises `LineTooLong`, `NeverEnding`.
        """
        if self._swallowed >= 0 and not self._swallow(buffer):
            return None
        end = buffer.find(b"\r\n")
        length = end + 2 if end >= 0 else len(buffer)
        if length > ALWAYS and length > limit(bytes(buffer[:4])):
            self._swallowed = 0
            raise LineTooLong
        return bytes(buffer[:end]) if end >= 0 else None

    def _swallow(self, buffer: bytearray) -> bool:
        """Throw away what is there of a line that was too long; True: that was its end."""
        end = buffer.find(b"\r\n")
        # A CR may be the first half of the line's end.
        used = end + 2 if end >= 0 else max(len(buffer) - 1, 0)
        del buffer[:used]
        self._swallowed += used
        if self._swallowed > MAX_SWALLOWED:
            raise NeverEnding
        if end >= 0:
            self._swallowed = -1
        return end >= 0
