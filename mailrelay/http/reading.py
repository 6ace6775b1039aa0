"""Reads what a request holds as the model of its operation: a body in JSON, and the parameters of a query.

What cannot be read is a `Problem` with status 400 that names the member, whatever was sent: text that is no UTF-8, half
of a surrogate pair, NUL, a name given twice, numbers that are none or beyond all bounds, an object nested without end.
A body that says it is something else than JSON is 415.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any, NoReturn, TypeVar, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from twisted.web.http import parse_qs
from twisted.web.server import Request

from .problem import Problem

M = TypeVar("M", bound=BaseModel)

#: How deep an object may be nested.
DEEPEST = 100
#: Escapes that may stand for what no text may hold.
_SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_NOT_JSON = "the body is not JSON in UTF-8"
_WORDS = {
    "missing": "must be given",
    "extra_forbidden": "is not known here",
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
}


class _Wrong(ValueError):
    """What is wrong with a body, in words."""


def object_in(octets: bytes) -> dict[str, Any]:
    """A body as a JSON object; an empty body is an empty one."""
    try:
        found = json.loads(
            octets.decode("utf-8") or "{}", object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite
        )
    except _Wrong as error:
        raise Problem(400, str(error)) from None
    except (ValueError, RecursionError):
        raise Problem(400, _NOT_JSON) from None
    if not isinstance(found, dict):
        raise Problem(400, "the body is not a JSON object")
    if octets.count(b"[") + octets.count(b"{") > DEEPEST or _SUSPECT.search(octets):
        _look_through(found, "", 0)
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise _Wrong(f"{twice[:100]!a} is given more than once")
    return found


def _no_number(text: str) -> NoReturn:
    raise _Wrong(f"{text} is no number in JSON")


def _finite(text: str) -> float:
    found = float(text)
    if not math.isfinite(found):
        raise _Wrong("a number is beyond all bounds")
    return found


def _look_through(value: Any, place: str, depth: int) -> None:
    """Raise the `Problem` of the first text that cannot be one, or of the depth."""
    if depth > DEEPEST:
        raise Problem(400, f"the body is nested more than {DEEPEST} deep")
    if isinstance(value, dict):
        for name, each in value.items():
            _look_through(name, place, depth + 1)
            _look_through(each, f"{place}.{name}" if place else name, depth + 1)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            _look_through(each, f"{place}[{index}]", depth + 1)
    elif isinstance(value, str):
        fault = "holds a NUL" if "\0" in value else "" if _encodes(value) else "holds half of a surrogate pair"
        if fault:
            member = place if _encodes(place) else ""
            raise Problem(400, f"{member or 'the name of a member'}: {fault}", member)


def _encodes(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def read(model: type[M], octets: bytes) -> M:
    """A body as an object of a model."""
    return checked(model, object_in(octets))


def checked(model: type[M], found: dict[str, Any]) -> M:
    """Members as an object of a model."""
    try:
        return model.model_validate(found)
    except ValidationError as error:
        raise _problem(error.errors(include_url=False, include_context=False, include_input=False)) from None


def _problem(errors: Sequence[ErrorDetails]) -> Problem:
    """The problem of the first error; a member that is not known goes before others, for it may be one of them."""
    first = next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
    reason = first["msg"].removeprefix("Value error, ")
    member = _member(first["loc"])
    if first["type"] in _WORDS:
        reason = _WORDS[first["type"]]
    elif first["type"] != "value_error":
        reason = reason[:1].lower() + reason[1:]
    if not member and ": " in reason:
        member, _, reason = reason.partition(": ")
    return Problem(400, f"{member}: {reason}" if member else reason, member)


def _member(place: tuple[int | str, ...]) -> str:
    """``batch[3].to`` for where something is."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).lstrip(".")


def query_of(request: Request, model: type[M]) -> M:
    """The parameters of a query, never those of a form; one that is not known, or given twice, is a problem."""
    kinds = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    found: dict[str, Any] = {}
    for octets, values in parse_qs(request.uri.partition(b"?")[2], keep_blank_values=True).items():
        try:
            name = octets.decode("utf-8")
            texts = [value.decode("utf-8") for value in values]
        except UnicodeDecodeError:
            name = octets.decode("ascii", "replace")
            raise Problem(400, f"{name}: is not UTF-8", name) from None
        if name not in kinds:
            raise Problem(400, f"{name}: is not known here", name)
        if any("\0" in text for text in texts):
            raise Problem(400, f"{name}: holds a NUL", name)
        several = get_origin(kinds[name]) is list
        if len(texts) > 1 and not several:
            raise Problem(400, f"{name}: is given more than once", name)
        found[name] = texts if several else texts[0]
    return checked(model, found)


def require_json(request: Request) -> None:
    """Raise the `Problem` of a body that says it is something else; one that says nothing is taken for JSON."""
    said = request.getHeader(b"Content-Type")
    if said is None:
        return
    kind, _, rest = said.decode("latin-1").partition(";")
    kind = kind.strip().lower()
    charset = rest.partition("charset=")[2].strip(' "').lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise Problem(415, "the body must be application/json", headers={"Accept": "application/json"})
    if charset not in ("", "utf-8", "utf8"):
        raise Problem(415, "the body must be in UTF-8", headers={"Accept": "application/json"})


def require_plain(request: Request) -> None:
    """Raise the `Problem` of a body that is compressed."""
    if request.getHeader(b"Content-Encoding") not in (None, b"", b"identity"):
        raise Problem(415, "a compressed body is not taken", headers={"Accept-Encoding": "identity"})
