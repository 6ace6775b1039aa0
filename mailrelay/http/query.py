"""Reads what a request asks for, and writes the values that go back: parameters, instants, JSON.

A parameter that cannot be read is a `Problem` with status 400 that names it. Instants are microseconds inside and ISO
8601 in UTC outside, always with six decimals and ``Z``.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

from twisted.web.iweb import IRequest

from .problem import Problem

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECONDS = re.compile(r"[0-9]{1,12}(?:\.[0-9]{0,9})?")


def text(request: IRequest, name: str) -> str:
    """A parameter of the query, "" when it is missing; given twice, or not UTF-8, is a problem."""
    values = request.args.get(name.encode("ascii"), [])
    if not values:
        return ""
    if len(values) > 1:
        raise Problem(400, f"{name}: is given more than once", name)
    try:
        found: str = values[0].decode("utf-8")
    except UnicodeDecodeError:
        raise Problem(400, f"{name}: is not UTF-8", name) from None
    if "\0" in found:
        raise Problem(400, f"{name}: holds a NUL", name)
    return found


def words(request: IRequest, name: str) -> tuple[str, ...]:
    """A parameter that may be given several times, or hold several words between commas."""
    try:
        given = b",".join(request.args.get(name.encode("ascii"), [])).decode("utf-8")
    except UnicodeDecodeError:
        raise Problem(400, f"{name}: is not UTF-8", name) from None
    return tuple(word.strip() for word in given.split(",") if word.strip())


def address(request: IRequest, name: str) -> str:
    """A parameter that is an address: a blank in it is the plus sign that nobody escaped."""
    return text(request, name).strip().replace(" ", "+")


def number(request: IRequest, name: str, default: int, most: int, least: int = 1) -> int:
    """A whole number from `least` to `most`."""
    given = text(request, name)
    if not given:
        return default
    if not (given.isascii() and given.isdigit() and len(given) < 20 and least <= int(given) <= most):
        raise Problem(400, f"{name}: must be a whole number from {least} to {most}", name)
    return int(given)


def instant(name: str, given: str) -> int:
    """Seconds since 1970, or a date and time in ISO 8601 (UTC when it names no zone), as microseconds."""
    try:
        if _SECONDS.fullmatch(given):
            return round(float(given) * 1_000_000)
        # a blank behind the time is the plus sign of a zone that nobody escaped
        at = datetime.fromisoformat(given.replace(" ", "+") if "T" in given else given)
        return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        raise Problem(400, f"{name}: is neither a date and time in ISO 8601, nor seconds, nor an id", name) from None


def iso(at: int) -> str:
    """Microseconds since 1970 as ``2026-01-31T12:00:00.000000Z``."""
    return (_EPOCH + at * _MICROSECOND).isoformat(timespec="microseconds").replace("+00:00", "Z")


def json_of(value: object) -> bytes:
    """A value as JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def send_json(request: IRequest, value: object) -> bytes:
    """Put a value into the response as JSON in UTF-8."""
    body = json_of(value)
    request.setHeader(b"Content-Type", b"application/json")
    request.setHeader(b"Content-Length", b"%d" % len(body))
    return body
