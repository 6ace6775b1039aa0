"""What a next hop's refusal means: its class, and whether the address is to be spared from then on.

The classes are data, `bounces.toml`: phrases, enhanced statuses (RFC 3463) and codes, asked in that order; a file of an
installation's own may stand in for it. A class is a guess at words of strangers, so only one that speaks of the
recipient itself ever suppresses an address, and only where the refusal was for good.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources

from ..mail.envelope import DAY
from ..mail.reply import Reply
from .reading import Reading

#: The class of what no other knows.
UNKNOWN = "unknown"

MAX_DAYS = 3650
#: Characters of a reply that are looked at.
MAX_TEXT = 1000

_FULL = frozenset({"4.2.2", "5.2.2"})
_SETTINGS = ("meaning", "suppress", "days", "phrases", "statuses", "codes")
_STATUS = re.compile(r"[245](?:\.\d{1,3}){1,2}", re.ASCII)
_IN_TEXT = re.compile(r"(?:\d{3}(?:[ -]|\Z))?(?:([245]\.\d{1,3}\.\d{1,3})\b)?", re.ASCII)


def mailbox_full(reply: Reply) -> bool:
    """The mailbox has no room for more (X.2.2), for now or as the host sees it for good.

    A 452 or 552 without that status says nothing about the mailbox: RFC 5321 has them for the host's own store too.
    """
    return reply.code >= 400 and reply.status in _FULL


class BounceClassError(ValueError):
    """A file of classes does not hold: `faults` has every reason, each as ``file: key: reason``."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(faults))


@dataclass(frozen=True)
class BounceClass:
    """One class: what it means for people, whether and for how many `days` (0: no end) an address refused for good is
    suppressed, and by what it is known."""

    name: str
    meaning: str
    suppress: bool
    days: int
    phrases: tuple[str, ...]
    statuses: tuple[str, ...]
    codes: tuple[int, ...]

    @cached_property
    def pattern(self) -> re.Pattern[str] | None:
        """All phrases as one expression."""
        return re.compile("|".join(f"(?:{phrase})" for phrase in self.phrases)) if self.phrases else None

    def suppresses(self, reply: Reply) -> bool:
        """Is the address that got this reply not to be sent to any more?"""
        return self.suppress and reply.code >= 500

    def until(self, now: int) -> int:
        """The instant until which an address is suppressed that is from `now` on; 0: for good."""
        return now + self.days * DAY if self.days else 0


class BounceClasses:
    """All classes in the order in which they are asked, the one of the unknown last."""

    def __init__(self, classes: tuple[BounceClass, ...]) -> None:
        self.every = classes
        self._by_name = {each.name: each for each in classes}
        self._by_status = {status: each for each in reversed(classes) for status in each.statuses}
        self._by_code = {code: each for each in reversed(classes) for code in each.codes}
        self.classify = lru_cache(4096)(self._classify)

    def __getitem__(self, name: str) -> BounceClass:
        return self._by_name[name]

    def _classify(self, reply: Reply) -> BounceClass:
        """The class of a refusal (4xx or 5xx)."""
        text = reply.text[:MAX_TEXT].lower()
        for each in self.every:
            if each.pattern is not None and each.pattern.search(text):
                return each
        status = reply.status or ""
        found = self._by_status.get(status) or self._by_status.get(status.rpartition(".")[0])
        return found or self._by_code.get(reply.code) or self._by_name[UNKNOWN]

    def of_text(self, text: str) -> BounceClass:
        """The class of a refusal as a person has it before them: code and status are read off its begin, if any."""
        return self.classify(reply_of(text))


def reply_of(text: str) -> Reply:
    """A reply out of a text such as ``550 5.1.1 User unknown``; where no code stands, the status or else 550 tells."""
    line = " ".join(text.split())
    code = int(line[:3]) if re.match(r"[45]\d\d(?:[ -]|\Z)", line, re.ASCII) else 0
    found = _IN_TEXT.match(line)
    assert found is not None, "every part of it is optional"
    status = found[1]
    rest = line[found.end() :].strip() if code or status else line
    return Reply(code or (450 if (status or "5").startswith("4") else 550), status, rest)


def load(text: str, file: str) -> BounceClasses:
    """Read a file of classes; fails with `BounceClassError`, which holds every fault at once."""
    reading = Reading(file)
    try:
        tables: dict[str, object] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BounceClassError([f"{file}: file: {error}"]) from error
    classes = tuple(_read(reading, name, table) for name, table in tables.items())
    if not classes or classes[-1].name != UNKNOWN:
        reading.fault(UNKNOWN, "must be the last class")
    elif classes[-1].phrases or classes[-1].statuses or classes[-1].codes:
        reading.fault(UNKNOWN, "must be known by nothing")
    if reading.faults:
        raise BounceClassError(reading.faults)
    return BounceClasses(classes)


def _read(reading: Reading, name: str, value: object) -> BounceClass:
    table: Mapping[str, object] = reading.table(name, value, _SETTINGS) or {}
    phrases = reading.texts(f"{name}.phrases", table.get("phrases"))
    for number, phrase in enumerate(phrases):
        try:
            re.compile(phrase)
        except re.error as error:
            reading.fault(f"{name}.phrases[{number}]", f"is no regular expression: {error}")
    statuses = reading.texts(f"{name}.statuses", table.get("statuses"))
    for number, status in enumerate(statuses):
        if not _STATUS.fullmatch(status):
            reading.fault(f"{name}.statuses[{number}]", "must be like 5.1.1, or like 5.1 for all of them")
    return BounceClass(
        name=name,
        meaning=reading.text(f"{name}.meaning", table.get("meaning")),
        suppress=reading.switch(f"{name}.suppress", table.get("suppress")),
        days=reading.count(f"{name}.days", table.get("days"), 0, MAX_DAYS),
        phrases=phrases,
        statuses=statuses,
        codes=reading.counts(f"{name}.codes", table.get("codes"), 400, 599),
    )


@lru_cache(1)
def shipped() -> BounceClasses:
    """The classes of the package."""
    file = resources.files(__package__) / "bounces.toml"
    return load(file.read_text("utf-8"), file.name)
