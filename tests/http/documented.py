"""Holds every answer that a test of the API sees to what the table of operations says of it."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, cast

from pydantic import TypeAdapter

from mailrelay.http.api import table
from mailrelay.http.dispatch import ROOT
from mailrelay.http.operation import JSON, Operation
from mailrelay.interfaces.sandbox import IInbox

#: With those of a sandbox, whose inbox nothing here asks.
EVERY = table.operations(cast(IInbox, object()))


def operation_at(method: str, path: str) -> Operation | None:
    """The operation that answers there; one without holes in its path goes first, as in routing."""
    path = path.partition("?")[0]
    found = [each for each in EVERY if each.method == method and _pattern(each.path).fullmatch(path)]
    return min(found, key=lambda each: each.path.count("{"), default=None)


def check(method: str, path: str, status: int, kind: str, body: bytes) -> None:
    """Fail where an answer is not as documented."""
    operation = operation_at(method, path)
    if operation is None:
        return
    if status == operation.status and kind == JSON:
        _adapter(operation.answer).validate_json(body)
    elif status == operation.status and operation.answer is not None:
        assert kind.partition(";")[0] in operation.answers, (method, path, kind)


@cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(ROOT + re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
