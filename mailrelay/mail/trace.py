"""The trace line that a relay puts on top of a message, and the date form that it needs (RFC 5321 4.4, RFC 5322 3.3).

Facts in, octets out: instants are arguments, texts of the client are made harmless, and what is not given is not told.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from .envelope import SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HOSTLIKE = re.compile(r"[^A-Za-z0-9._:\[\]-]")


def date(at: int) -> str:
    """An instant (microseconds since 1970) as RFC 5322 writes it, in UTC; `OverflowError` beyond the year 9999."""
    return _date(at // SECOND)


@lru_cache(maxsize=64)
def _date(seconds: int) -> str:
    """The same for a whole second: mail that comes in together has it in common."""
    moment = _EPOCH + timedelta(seconds=seconds)
    return (
        f"{_DAYS[moment.weekday()]}, {moment.day:02} {_MONTHS[moment.month - 1]} {moment.year:04} "
        f"{moment.hour:02}:{moment.minute:02}:{moment.second:02} +0000"
    )


def protocol(*, esmtp: bool = True, tls: bool = False, login: bool = False, utf8: bool = False) -> str:
    """The word behind ``with`` (RFC 3848, RFC 6531 4.3), such as ``ESMTPSA``."""
    if not esmtp:
        return "SMTP"
    return f"{'UTF8SMTP' if utf8 else 'ESMTP'}{'S' if tls else ''}{'A' if login else ''}"


def received(by: str, id: str, protocol: str, at: int, *, hello: str = "", address: str = "") -> bytes:
    """A complete Received field: taken by host `by` under the queue id `id` at the instant `at`.

    The client's `hello` and `address` appear only when given; leave them out where nobody may learn them.
    """
    lines = ["Received:"]
    if hello or address:
        peer = f" ([{_harmless('IPv6:' + address if ':' in address else address)}])" if address else ""
        lines = [f"Received: from {_harmless(hello) or 'unknown'}{peer}", ""]
    lines[-1] += f" by {_harmless(by)} with {_harmless(protocol)} id {_harmless(id)};"
    return "\r\n".join([*lines, f" {date(at)}\r\n"]).encode("ascii")


def _harmless(text: str) -> str:
    return _HOSTLIKE.sub("?", text[:255])
