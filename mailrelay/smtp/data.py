"""The octets of a message on the wire: where they end, and what they were before dots were stuffed (RFC 5321 4.5.2).

Only CR LF ``.`` CR LF ends a message, whatever other line ends or NULs stand in it; it may come in any number of
pieces. Nothing is changed but stuffed dots, and nothing is held back but a piece of a possible end mark.
"""

from __future__ import annotations

END = b"\r\n.\r\n"


class DataScan:
    """One message as it comes in; `size` are the octets seen so far, unstuffed."""

    __slots__ = ("_first", "size")

    def __init__(self, buffer: bytearray) -> None:
        # The line end before the first line is that of DATA: put back, so that every line has one before it.
        buffer[:0] = b"\r\n"
        self._first = True
        self.size = 0

    def take(self, buffer: bytearray) -> tuple[bytes, bool]:
        """Take what belongs to the message off the front of `buffer`: its octets, unstuffed, and whether it ended."""
        end = buffer.find(END)
        if end >= 0:
            octets = bytes(buffer[: end + 2])
            del buffer[: end + 5]
        else:
            length = len(buffer) - _held(buffer)
            if not length:
                return b"", False
            octets = bytes(buffer[:length])
            del buffer[:length]
        octets = octets.replace(b"\r\n.", b"\r\n")
        if self._first:
            self._first = False
            octets = octets[2:]
        self.size += len(octets)
        return octets, end >= 0


def _held(buffer: bytearray) -> int:
    """How many octets at the end of `buffer` may be the beginning of the end mark."""
    for length in (4, 3, 2, 1):
        if buffer.endswith(END[:length]):
            return length
    return 0
