"""Templates: sandboxed Jinja2, run where a hostile one can do no harm.

A template is the text of a stranger. It sees the variables and nothing else: plain values of JSON, no object of ours,
no file, no other template, no clock. What it may *spend* is bounded from outside, by the process in which this module
runs (`relay.render_child`); nothing here bounds time or memory, only what comes out. Whatever a template does wrong is
a `TemplateFault` with one line that names the source and the line in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

# what Jinja2 loads only when a template fails must be there before descriptors are short
import jinja2.debug  # noqa: F401
from jinja2 import (
    ChainableUndefined,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
    Undefined,
    UndefinedError,
    meta,
    nodes,
)
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import escape

from .rendering import MAX_OUTPUT, Rendered, Rendering, Source, oversize, writable

MAX_REASON = 300  #: characters of a fault's reason

#: Templates that stay compiled, none longer than `_KEPT_LENGTH` characters.
_KEPT = 64
_KEPT_LENGTH = 64 * 1024

_PLACE = "<template>"
_NAME = re.compile(r"\{\{[ \t]*([^\W\d][\w.-]{0,99})[ \t]*\}\}")
_OTHERS = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)

Render = Callable[[Mapping[str, Any]], Iterator[str]]


class TemplateFault(Exception):
    """A template, or what it is rendered with, is wrong; the text says why, on one line of printable characters."""

    def __init__(self, reason: str) -> None:
        line = " ".join("".join(each if each.isprintable() else " " for each in reason).split())
        super().__init__(line[: MAX_REASON - 1] + "…" if len(line) > MAX_REASON else line)


def render(rendering: Rendering) -> Rendered:
    """Render, or only check; whatever is wrong with a source or the variables is the `fault` of what is given back.

    `MemoryError` passes, since the process that ran out of memory has to decide what comes next.
    """
    try:
        return Rendered(_rendered(rendering))
    except TemplateFault as fault:
        return Rendered({}, str(fault))


def forget() -> None:
    """Let go of the templates that are kept compiled."""
    _compiled.cache_clear()


def _rendered(rendering: Rendering) -> dict[str, str]:
    if too_large := oversize(rendering):
        raise TemplateFault(too_large)
    compiled = {name: _compile(name, source, rendering.strict) for name, source in rendering.sources.items()}
    if rendering.check:
        return {name: "\n".join(_used(source, rendering.strict)) for name, source in rendering.sources.items()}
    values = variables(rendering.variables)
    texts: dict[str, str] = {}
    left = MAX_OUTPUT
    for name, render_one in compiled.items():
        texts[name] = text = _run(name, render_one, values, left)
        left -= len(text.encode("utf-8"))
    if left < 0:
        raise TemplateFault(_TOO_MUCH)
    return texts


def variables(text: str) -> Mapping[str, Any]:
    """The variables of a JSON text; `TemplateFault` when it is no object."""
    try:
        found = json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise TemplateFault("the variables are nested too deeply") from None
    except ValueError as error:
        raise TemplateFault(f"the variables are not JSON: {error}") from None
    if not isinstance(found, dict):
        raise TemplateFault("the variables are not a JSON object")
    return found


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


_TOO_MUCH = f"what is rendered has more than {MAX_OUTPUT} octets"


def _run(name: str, render_one: Render, values: Mapping[str, Any], room: int) -> str:
    """One source rendered, given up once it has more than `room` characters."""
    pieces: list[str] = []
    try:
        for piece in render_one(values):
            pieces.append(piece)
            room -= len(piece)
            if room < 0:
                raise TemplateFault(_TOO_MUCH)
        return writable("".join(pieces))
    except (TemplateFault, MemoryError):
        raise
    except Exception as error:
        raise TemplateFault(_told(name, error)) from None


def _compile(name: str, source: Source, strict: bool) -> Render:
    try:
        if len(source.text) > _KEPT_LENGTH:
            return _compiled.__wrapped__(source, strict)
        return _compiled(source, strict)
    except MemoryError as error:
        if error.args:  # Python's parser says so of what is nested too deeply; it is not short of memory
            raise TemplateFault(f"{name}: the template is nested too deeply") from None
        raise
    except Exception as error:
        raise TemplateFault(_told(name, error)) from None


@lru_cache(maxsize=_KEPT)
def _compiled(source: Source, strict: bool) -> Render:
    kind, _, target = source.mode.partition("-")
    if kind == "literal":
        return _literal(source.text, escaped=target == "html", strict=strict)
    environment = _environment(target == "html", strict)
    tree = environment.parse(source.text)
    for each in tree.find_all(_OTHERS):
        raise TemplateSyntaxError("another template cannot be reached from here", each.lineno)
    generate = environment.from_string(tree)
    return generate.generate


def _used(source: Source, strict: bool) -> list[str]:
    """The names of the variables that a source asks for, sorted; of ``{{a.b}}`` it is a."""
    kind, _, target = source.mode.partition("-")
    if kind == "literal":
        return sorted({found[1].partition(".")[0] for found in _NAME.finditer(source.text)})
    return sorted(meta.find_undeclared_variables(_environment(target == "html", strict).parse(source.text)))


def _literal(text: str, *, escaped: bool, strict: bool) -> Render:
    """``{{name}}`` replaced by the value of that name, ``{{a.b}}`` by a value inside of one; nothing else is read."""

    def replaced(values: Mapping[str, Any]) -> Iterator[str]:
        position = 0
        for found in _NAME.finditer(text):
            value = _find(values, found[1])
            if value is None:
                if strict:
                    line = text.count("\n", 0, found.start()) + 1
                    raise UndefinedError(f"line {line}: {found[1]!r} is undefined")
                continue
            yield text[position : found.start()]
            yield str(escape(value)) if escaped else value
            position = found.end()
        yield text[position:]

    return replaced


def _find(values: Any, path: str) -> str | None:
    """A plain value as text; None when there is none under that name."""
    if isinstance(values, dict) and path in values:
        found = values[path]
    else:
        found = values
        for step in path.split("."):
            found = found.get(step) if isinstance(found, dict) else None
    match found:
        case None:
            return None
        case str():
            return found
        case dict() | list():
            return json.dumps(found, ensure_ascii=False)
        case bool():
            return "true" if found else "false"
    return str(found)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Says at once that something is not allowed, where Jinja2 gives a value that may pass for an undefined one."""

    def unsafe_undefined(self, obj: Any, attribute: str) -> Undefined:
        raise SecurityError(f"access to attribute {attribute!r} of {type(obj).__name__!r}")


@lru_cache(maxsize=4)
def _environment(escaped: bool, strict: bool) -> _Sandbox:
    environment = _Sandbox(
        autoescape=escaped,
        undefined=StrictUndefined if strict else ChainableUndefined,
        keep_trailing_newline=True,
        auto_reload=False,
        cache_size=0,
    )
    # makes up text in a loop, and is a plain function, through whose attributes sandboxes were left
    del environment.globals["lipsum"]
    return environment


def _told(name: str, error: Exception) -> str:
    """Why a source cannot be rendered, with its name and line."""
    line = _line(error)
    place = f"{name}, line {line}: " if line else f"{name}: "
    match error:
        case SecurityError():
            return f"{place}not allowed: {error}"
        case TemplateSyntaxError():
            return f"{place}{error.message}"
        case TemplateError():
            return f"{place}{error.message}"
        case RecursionError():
            return f"{place}it calls itself, or is nested, too deeply"
        case ZeroDivisionError():
            return f"{place}division by zero"
    return f"{place}{type(error).__name__}: {error}"


def _line(error: Exception) -> int:
    """The line of the template in which it failed; 0 when it is not known."""
    if isinstance(error, TemplateSyntaxError):
        return error.lineno
    line = 0
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _PLACE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
