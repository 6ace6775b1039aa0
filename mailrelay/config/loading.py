"""Reading a configuration file: TOML, sections, secrets from files, checks; in the end a `Config` or every fault.

A fault is ``file: key: reason`` (``file: line N: reason`` where the file is not TOML), the key as one would write it,
entries of repeated tables counted from 0: ``listeners[1].port``. No fault ever holds the value that was given.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from . import checks
from .sections import REPEATED, SINGLE, Config, Listener, Route, Section

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")

#: What pydantic calls a fault, in our words.
_REASONS = {
    "missing": "required",
    "extra_forbidden": "unknown key",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "is_instance_of": "must be text",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
}

#: Gives all dialects by name, with those of a folder, and whether their mail has links that need public pages;
#: `ValueError` with `faults` when a file of it is bad.
KnownDialects = Callable[[Path], Mapping[str, bool]]

#: Reads the rules of shaping from a file that need not exist; `ValueError` with `faults` when it is bad.
ReadShaping = Callable[[Path], object]


class ConfigError(ValueError):
    """A configuration is refused; `faults` holds every reason, `str` gives one in each line."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


def load(
    path: str | os.PathLike[str],
    known_dialects: KnownDialects | None = None,
    read_shaping: ReadShaping | None = None,
) -> Config:
    """Read and check a file; relative paths in it start at its folder. Fails with `ConfigError` only."""
    file = os.fspath(path)
    try:
        content = checks.read(Path(path))
    except ValueError as error:
        raise ConfigError([str(error)]) from None
    try:
        data = _parse(content)
    except ValueError as error:
        raise ConfigError([f"{file}: {error}"]) from None
    reading = _Reading(data, Path(path).absolute().parent)
    reading.check(known_dialects, read_shaping)
    if reading.faults:
        raise ConfigError(f"{file}: {fault}" for fault in reading.faults)
    return reading.config()


def faults(
    config: Config, known_dialects: KnownDialects | None = None, read_shaping: ReadShaping | None = None
) -> tuple[str, ...]:
    """What `load` would refuse in a configuration that was made in code, each as ``key: reason``."""
    listeners = {f"listeners[{index}]": listener for index, listener in enumerate(config.listeners)}
    routes = {f"routes[{index}]": route for index, route in enumerate(config.routes)}
    return tuple(
        _across(
            {name: getattr(config, name) for name in SINGLE},
            listeners,
            routes,
            whole=frozenset(REPEATED),
            known_dialects=known_dialects,
            read_shaping=read_shaping,
        )
    )


def _parse(data: bytes) -> dict[str, Any]:
    """TOML to plain values; `ValueError` with the line."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line}: not UTF-8") from None
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError as error:
        reason = str(error)
        found = _PLACE.search(reason)
        at = found[1] if found and found[1] else text.count("\n") + 1
        raise ValueError(f"line {at}: {_PLACE.sub('', reason)}") from None


class _Reading:
    """One file on its way to a `Config`: what is well formed so far, and the faults."""

    def __init__(self, data: Mapping[str, Any], folder: Path) -> None:
        self.faults: list[str] = []
        self._folder = folder
        self._single = {name: self._section(kind, data.get(name, {}), name) for name, kind in SINGLE.items()}
        self._whole: set[str] = set()
        self._repeated = {name: self._entries(kind, data.get(name, []), name) for name, kind in REPEATED.items()}
        self.faults += [f"{_key('', [name])}: unknown key" for name in data if name not in Config.model_fields]

    def check(self, known_dialects: KnownDialects | None, read_shaping: ReadShaping | None) -> None:
        """Add the faults across sections."""
        self.faults += _across(
            self._single,
            self._repeated["listeners"],  # type: ignore[arg-type]
            self._repeated["routes"],  # type: ignore[arg-type]
            self._whole,
            known_dialects,
            read_shaping,
        )

    def config(self) -> Config:
        """The configuration, when there were no faults."""
        repeated = {name: tuple(entries.values()) for name, entries in self._repeated.items()}
        return Config.model_validate({**self._single, **repeated})

    def _entries(self, kind: type[Section], value: object, name: str) -> dict[str, Section]:
        """The well-formed entries of a repeated table, by key."""
        if not isinstance(value, list):
            self.faults.append(f"{name}: must be a list of tables, [[{name}]]")
            return {}
        entries = {f"{name}[{index}]": entry for index, entry in enumerate(value)}
        sections = {key: self._section(kind, entry, key) for key, entry in entries.items()}
        found = {key: section for key, section in sections.items() if section is not None}
        if len(found) == len(entries):
            self._whole.add(name)
        return found

    def _section(self, kind: type[Section], value: object, key: str) -> Any:
        """One table as its class, or None after noting its faults."""
        before = len(self.faults)
        value = _frozen(value)
        if isinstance(value, dict):
            self._take_secrets(kind, value, key)
        try:
            section = kind.model_validate(value, context={"folder": self._folder})
        except ValidationError as error:
            self.faults += [f"{_key(key, fault['loc'])}: {_reason(fault)}" for fault in error.errors()]
            return None
        return section if len(self.faults) == before else None

    def _take_secrets(self, kind: type[Section], table: dict[str, Any], key: str) -> None:
        """Put the content of a file named by ``*_path`` in its place."""
        for name in kind.SECRETS:
            path = table.get(f"{name}_path")
            if not isinstance(path, str) or not path or "\0" in path:
                continue
            if name in table:
                self.faults.append(f"{key}.{name}_path: given beside {name}, only one may be")
                continue
            try:
                table[name] = checks.read(self._folder / path, secret=True).decode().strip()
            except UnicodeDecodeError:
                self.faults.append(f"{key}.{name}_path: {self._folder / path}: not UTF-8")
            except ValueError as error:
                self.faults.append(f"{key}.{name}_path: {error}")


def _across(
    single: Mapping[str, Any],
    listeners: Mapping[str, Listener],
    routes: Mapping[str, Route],
    whole: Collection[str],
    known_dialects: KnownDialects | None,
    read_shaping: ReadShaping | None,
) -> Iterable[str]:
    """All faults across sections; `whole` names the repeated tables of which every entry is well formed."""
    yield from checks.across(listeners, routes, single["http"])
    if single["counters"] is not None:
        yield from checks.counters(single["counters"])
    if "listeners" in whole and not listeners:
        yield "listeners: at least one is required"
    if "routes" in whole:
        yield from checks.default_route(routes.values())
    if known_dialects is not None and single["dialects"] is not None:
        try:
            known = known_dialects(single["dialects"].directory)
        except ValueError as error:
            yield from (f"dialects.directory: {fault}" for fault in getattr(error, "faults", [str(error)]))
        else:
            yield from checks.dialects(listeners, known, single["http"])
    if read_shaping is not None and single["delivery"] is not None:
        try:
            read_shaping(single["delivery"].shaping)
        except ValueError as error:
            yield from (f"delivery.shaping: {fault}" for fault in getattr(error, "faults", [str(error)]))


def _frozen(value: object) -> object:
    """Lists as tuples, all the way down, for the classes are frozen."""
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    if isinstance(value, dict):
        return {key: _frozen(entry) for key, entry in value.items()}
    return value


def _key(table: str, location: Iterable[str | int]) -> str:
    """A place in the file as one would write it; `table` is such a place already, "" the file itself."""
    for step in location:
        if isinstance(step, int):
            table += f"[{step}]"
        else:
            table += ("." if table else "") + (step if _BARE.fullmatch(step) else json.dumps(step))
    return table


def _reason(fault: ErrorDetails) -> str:
    """Why, in plain words."""
    context = fault.get("ctx", {})
    if fault["type"] == "value_error":
        return str(context["error"])
    return _REASONS.get(fault["type"], fault["msg"]).format(**context)
