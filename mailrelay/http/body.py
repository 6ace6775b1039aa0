"""The body of a request as a JSON object, taken apart with words for what is wrong with it."""

from __future__ import annotations

import json
from typing import Any

from twisted.web.server import Request

from .problem import Problem


def json_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object; an empty body is an empty one."""
    content = request.content
    assert content is not None, "a request that is rendered has a body, if an empty one"
    try:
        found = json.loads(content.read() or b"{}")
    except (ValueError, RecursionError):
        raise Problem(400, "the body is not JSON in UTF-8") from None
    if not isinstance(found, dict):
        raise Problem(400, "the body is not a JSON object")
    return found


def typed(fields: dict[str, Any], kinds: dict[str, type]) -> dict[str, Any]:
    """The members, each of the kind that its name asks for (a list is one of texts); a name that is not among `kinds`,
    or a value of another kind, is a problem."""
    for name, value in fields.items():
        kind = kinds.get(name)
        if kind is None:
            raise Problem(400, f"{name}: is not known here", name)
        texts = not isinstance(value, list) or all(isinstance(each, str) for each in value)
        if type(value) is not kind or not texts:
            raise Problem(400, f"{name}: must be {_WORDS[kind]}", name)
    return fields


def needed(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    """The members, among which these must be."""
    for name in names:
        if name not in fields:
            raise Problem(400, f"{name}: must be given", name)
    return fields


_WORDS = {str: "a text", int: "a whole number", bool: "true or false", list: "a list of texts", dict: "an object"}
