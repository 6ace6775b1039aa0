"""How mail to the large receivers is shaped: how many connections, how fast, and what their refusals lead to.

The rules are data, `shaping.toml`: one table for each *provider*, known by the names of its mail hosts, so that all
domains which a provider serves share one rule and its limits. An installation's own file is merged over the shipped
one by the names of the tables: keys it gives stand in for the shipped ones, and its `replies` are asked before them.
Nothing is counted here and no clock is read; `policy.pace` says what follows from a reaction, `smtp.gate` keeps count.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Final, TypeAlias

from ..mail.reply import Reply
from .reading import Reading

#: The rule of hosts that no other names.
DEFAULT = "default"
#: In statistics, the hosts of no provider.
OTHERS = "others"
#: What a refusal may lead to.
SLOW, PAUSE, DROP, ELSEWHERE, NONE = ACTIONS = ("slow", "pause", "drop", "elsewhere", "none")

MAX_CONNECTIONS = 10_000
MAX_MESSAGES = 1_000_000
MAX_SECONDS = 86_400
#: Characters of a reply that are looked at.
MAX_TEXT = 1000

_PERIODS: Final = {"s": 1, "min": 60, "h": 3600, "day": 86_400}
_RATE = re.compile(r"([1-9]\d{0,6})/(s|min|h|day)", re.ASCII)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
_SUFFIX = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*", re.ASCII)
_SETTINGS = ("about", "mx", "connections", "messages", "rate", "start", "replies")
_OF_REPLY = ("codes", "text", "action", "seconds", "factor")


class ShapingError(ValueError):
    """A file of rules does not hold: `faults` has every reason, each as ``file: key: reason``."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(faults))


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` messages in `period` seconds from one address of ours."""

    count: int
    period: int

    def __str__(self) -> str:
        return f"{self.count}/{next(name for name, seconds in _PERIODS.items() if seconds == self.period)}"

    @property
    def burst(self) -> int:
        """How many may go at once: what one second allows."""
        return max(1, self.count // self.period)


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a refusal leads to for everything that goes to its provider.

    `codes` and `text` (a regular expression, searched in its status and words in lower case) say which refusal;
    without codes any 4xx or 5xx, without text any words. `slow` multiplies connections and rate by `factor` for
    `seconds`; `pause` sends nothing for so long; `elsewhere` lets the fallback of the route take over, as if our
    address were blocked; `drop` closes the connection on which it was said; `none` does nothing and keeps what stands
    behind it from being asked.
    """

    action: str
    codes: tuple[int, ...] = ()
    text: str = ""
    seconds: int = 0
    factor: float = 1.0
    pattern: re.Pattern[str] | None = field(default=None, compare=False, repr=False)

    def meets(self, reply: Reply, text: str) -> bool:
        """Is it meant by this refusal? `text` are its status and words in lower case."""
        return (not self.codes or reply.code in self.codes) and (
            self.pattern is None or bool(self.pattern.search(text))
        )

    def __str__(self) -> str:
        match self.action:
            case "slow":
                return f"slow by {self.factor:g} for {self.seconds} s"
            case "pause":
                return f"pause for {self.seconds} s"
        return self.action


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for one provider: `connections` at once, of which `start` from the first; `messages` for each
    connection; the `rate`, None for no bound; and what its refusals lead to, the first that meets."""

    name: str
    about: str = ""
    mx: tuple[str, ...] = ()
    connections: int = 20
    messages: int = 100
    rate: Rate | None = None
    start: int = 5
    replies: tuple[Reaction, ...] = ()

    def reaction(self, reply: Reply) -> Reaction | None:
        """What this refusal leads to; None when no words or codes are known to mean anything."""
        text = f"{reply.status or ''} {reply.text[:MAX_TEXT]}".lower()
        return next((each for each in self.replies if each.meets(reply, text)), None)


class Shaping:
    """All rules by name, the default last."""

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self.rules = rules
        self.default = rules[DEFAULT]
        self._by_suffix = {suffix: rule for rule in rules.values() for suffix in rule.mx}
        self.of_host = lru_cache(4096)(self._of_host)

    def _of_host(self, host: str) -> Rule:
        """The rule for a mail host: that with the longest suffix of its name, whole labels only; else the default."""
        name = host.lower().rstrip(".")
        while name:
            if name in self._by_suffix:
                return self._by_suffix[name]
            name = name.partition(".")[2]
        return self.default

    def provider(self, host: str) -> str:
        """The name of the provider that a mail host belongs to, `OTHERS` for those of no rule."""
        name = self.of_host(host).name
        return OTHERS if name == DEFAULT else name


#: What one table of a file gives: only the keys that stand there.
Given: TypeAlias = dict[str, object]


def load(text: str, file: str, over: Mapping[str, Given] | None = None) -> dict[str, Given]:
    """Read a file of rules, merged over those of another; fails with `ShapingError`, which holds every fault at once.

    What it gives is for `over`, or for `shaping_of`.
    """
    reading = Reading(file)
    try:
        tables: dict[str, object] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ShapingError([f"{file}: file: {error}"]) from error
    merged = dict(over or {})
    for name, value in tables.items():
        if not _NAME.fullmatch(name):
            reading.fault(name, "must be of small letters, digits, hyphens and underscores")
            continue
        given = _read(reading, name, value)
        known = merged.get(name)
        if known is None and name != DEFAULT and not given.get("mx"):
            reading.fault(f"{name}.mx", "required, for a provider is known by its mail hosts")
        merged[name] = _over(known or {}, given)
    _once(reading, merged)
    if DEFAULT not in merged:
        reading.fault(DEFAULT, "missing")
    if reading.faults:
        raise ShapingError(reading.faults)
    return merged


def shaping_of(given: Mapping[str, Given]) -> Shaping:
    """The rules of files that were read; what a provider does not say is as in the default rule."""
    default: Given = {**given[DEFAULT], "name": DEFAULT, "mx": ()}
    shared = _reactions(default)
    rules = {}
    for name, table in given.items():
        if name != DEFAULT:
            rules[name] = _rule({**default, "about": "", **table, "name": name, "replies": _reactions(table) + shared})
    rules[DEFAULT] = _rule(default)
    return Shaping(rules)


def _rule(given: Given) -> Rule:
    return Rule(**{each.name: given[each.name] for each in fields(Rule) if each.name in given})  # type: ignore[arg-type]


def _reactions(given: Given) -> tuple[Reaction, ...]:
    found = given.get("replies", ())
    assert isinstance(found, tuple), "as it was read"
    return found


def _over(known: Given, given: Given) -> Given:
    merged = {**known, **given}
    if "replies" in known or "replies" in given:
        merged["replies"] = _reactions(given) + _reactions(known)
    return merged


def _once(reading: Reading, tables: Mapping[str, Given]) -> None:
    """No host belongs to two providers."""
    owner: dict[object, str] = {}
    for name, table in tables.items():
        suffixes = table.get("mx", ())
        assert isinstance(suffixes, tuple), "as it was read"
        for suffix in suffixes:
            if suffix in owner:
                reading.fault(f"{name}.mx", f"{suffix} belongs to {owner[suffix]}")
            owner.setdefault(suffix, name)


def _read(reading: Reading, name: str, value: object) -> Given:
    table: Mapping[str, object] = reading.table(name, value, _SETTINGS) or {}
    given: Given = {}
    if "about" in table:
        given["about"] = reading.text(f"{name}.about", table["about"])
    if "mx" in table:
        given["mx"] = _suffixes(reading, name, table["mx"])
    for key, highest in (("connections", MAX_CONNECTIONS), ("messages", MAX_MESSAGES), ("start", MAX_CONNECTIONS)):
        if key in table:
            given[key] = reading.count(f"{name}.{key}", table[key], 1, highest)
    if "rate" in table:
        given["rate"] = _rate(reading, f"{name}.rate", table["rate"])
    if "replies" in table:
        given["replies"] = _read_replies(reading, f"{name}.replies", table["replies"])
    return given


def _suffixes(reading: Reading, name: str, value: object) -> tuple[str, ...]:
    if name == DEFAULT:
        reading.fault(f"{name}.mx", "the default rule is for the hosts of no other")
        return ()
    found = reading.texts(f"{name}.mx", value)
    for number, suffix in enumerate(found):
        if not _SUFFIX.fullmatch(suffix):
            reading.fault(
                f"{name}.mx[{number}]", "must be the end of a host's name in small letters, such as mx.example"
            )
    return found


def _rate(reading: Reading, key: str, value: object) -> Rate | None:
    if value == "":
        return None
    found = _RATE.fullmatch(reading.text(key, value))
    if found is None:
        if isinstance(value, str):
            reading.fault(key, 'must be like "600/min" (s, min, h or day), or "" for no bound')
        return None
    return Rate(int(found[1]), _PERIODS[found[2]])


def _read_replies(reading: Reading, key: str, value: object) -> tuple[Reaction, ...]:
    if not isinstance(value, list):
        reading.fault(key, "must be a list of tables")
        return ()
    return tuple(_reaction(reading, f"{key}[{number}]", each) for number, each in enumerate(value))


def _reaction(reading: Reading, key: str, value: object) -> Reaction:
    table = reading.table(key, value, _OF_REPLY)
    if table is None:
        return Reaction(NONE)
    action = reading.choice(f"{key}.action", table.get("action"), ACTIONS)
    codes = reading.counts(f"{key}.codes", table["codes"], 400, 599) if "codes" in table else ()
    text = reading.text(f"{key}.text", table["text"]) if "text" in table else ""
    if not codes and not text:
        reading.fault(key, "needs codes or text to be known by")
    pattern = None
    try:
        pattern = re.compile(text) if text else None
    except re.error as error:
        reading.fault(f"{key}.text", f"is no regular expression: {error}")
    seconds, factor = 0, 1.0
    if action in (SLOW, PAUSE):
        seconds = reading.count(f"{key}.seconds", table.get("seconds"), 1, MAX_SECONDS)
    elif action and "seconds" in table:
        reading.fault(f"{key}.seconds", f"not with action {action!r}")
    if action == SLOW:
        factor = _factor(reading, f"{key}.factor", table.get("factor"))
    elif action and "factor" in table:
        reading.fault(f"{key}.factor", f"not with action {action!r}")
    return Reaction(action, codes, text, seconds, factor, pattern)


def _factor(reading: Reading, key: str, value: object) -> float:
    if isinstance(value, float) and 0 < value < 1:
        return value
    reading.fault(key, "missing" if value is None else "must be a number between 0 and 1, such as 0.5")
    return 1.0


def installed(path: Path | None) -> Shaping:
    """The shipped rules with those of an installation's own file over them, where there is one; fails with
    `ShapingError`."""
    given = shipped()
    if path is not None:
        try:
            given = load(path.read_text("utf-8"), str(path), given)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise ShapingError([f"{path}: file: {error.strerror}"]) from error
        except UnicodeDecodeError as error:
            raise ShapingError([f"{path}: file: not UTF-8"]) from error
    return shaping_of(given)


@lru_cache(1)
def shipped() -> Mapping[str, Given]:
    """What the file of the package gives."""
    file = resources.files(__package__) / "shaping.toml"
    return load(file.read_text("utf-8"), file.name)
