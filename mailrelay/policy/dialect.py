"""A dialect: everything in which one service's SMTP differs from another's, as one checked, frozen value.

A `Dialect` is made only from a TOML file, by `load`; `Dialects` is the catalogue of those that are shipped and of
those that an installation adds. A file is checked whole against the closed sets of `policy.vocabulary`; `DialectError`
names every fault at once. A dialect turns reply keys into replies; it never decides which key is due.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from ..mail.envelope import State
from ..mail.reply import Reply
from ..mail.tags import Tags
from . import vocabulary
from .body_tags import read_tags
from .control_header import ControlHeaders, read_headers
from .reading import Reading
from .reply_line import Line, read_fields, read_line

#: The one dialect that others may inherit from.
STANDARD = "standard"

MAX_SIZE = 1 << 40  #: octets
MAX_RECIPIENTS = 100_000
MAX_TAGS = 10_000

_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_AT_LINE = re.compile(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", re.DOTALL)

_SETTINGS = (
    "inherits",
    "title",
    "aliases",
    "extensions",
    "size",
    "recipients",
    "credentials_at",
    "bare_ehlo",
    "sender_rule",
    "billing",
    "dsn",
    "suppressed",
    "suppressing",
    "username",
    "ports",
    "sandbox",
    "headers",
    "headers_kept",
    "body_tags",
    "recipient_names",
    "recipients_sent",
    "tag_limit",
    "stages",
    "statuses",
    "replies",
)
#: Tables of which a dialect states only the keys that differ from what it inherits.
_MERGED = ("stages", "statuses", "replies")
#: What is a dialect's own and never inherited.
_OWN = ("inherits", "title", "aliases", "sandbox", "headers")


class DialectError(ValueError):
    """A dialect file does not hold: `faults` has every reason, each as ``file: key: reason``."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one service speaks SMTP.

    `extensions` are EHLO keywords in their order; `size` is in octets, `recipients` a count per message.
    `credentials_at`, `sender_rule`, `billing` and `suppressed` are words of `policy.vocabulary`; `suppressing` the
    reasons that count at RCPT. `dsn` says whether what could not be delivered is reported by mail to the return path.
    `stages` maps "mail", "rate", "rcpt" and "data" to names of rules (`policy.admission`) in their order. `statuses`
    maps our states to the service's words. `headers` are its control headers; of all others those of `headers_kept`
    are kept (none named: all), `body_tags` are words in a body that stand for links, `recipient_names` makes the To
    field of each recipient's own address with the name that the message's To gives. `recipients_sent` is "all" or
    "first"; `tag_limit` how many tags an account may have used, 0 for any number. `username` is the pattern of a
    generated user name; `ports` the service's ports by mode ("plain", "starttls", "tls"); `sandbox` gives for a port
    the offset from the sandbox's base port.
    """

    name: str
    aliases: tuple[str, ...]
    title: str
    extensions: tuple[str, ...]
    size: int
    recipients: int
    credentials_at: str
    bare_ehlo: bool
    sender_rule: str
    billing: str
    dsn: bool
    suppressed: str
    suppressing: tuple[str, ...]
    username: str
    ports: Mapping[str, tuple[int, ...]]
    sandbox: Mapping[int, int]
    headers: ControlHeaders
    headers_kept: tuple[str, ...]
    body_tags: Tags | None
    recipient_names: bool
    recipients_sent: str
    tag_limit: int
    stages: Mapping[str, tuple[str, ...]]
    statuses: Mapping[State, str]
    replies: Mapping[str, Line]

    def carries(self, other: Dialect) -> bool:
        """Can a connection of the other dialect be taken on a listener of this one?

        What EHLO promised, and when credentials are judged, must not change by a login.
        """
        return set(self.extensions) == set(other.extensions) and self.credentials_at == other.credentials_at

    def reply(self, key: str, /, **fields: object) -> Reply:
        """The reply under a key, its fields filled in; `KeyError` for an unknown key or a field not given."""
        return self.replies[key].fill(fields)


def load(source: Path | str, name: str = "") -> Dialect:
    """Read one dialect: a path (its stem is the name unless one is given), or the text of a file with its name.

    Fails with `DialectError`, which holds every fault at once.
    """
    if isinstance(source, Path):
        reading = Reading(str(source))
        name = name or source.stem
        try:
            source = source.read_text("utf-8")
        except OSError as error:
            raise DialectError([f"{reading.file}: file: {error.strerror}"]) from error
        except UnicodeDecodeError as error:
            raise DialectError([f"{reading.file}: file: is not UTF-8"]) from error
    else:
        reading = Reading(f"{name}.toml")
    own = _parse(reading.file, source)
    dialect = _read(reading, name, own)
    if reading.faults:
        raise DialectError(reading.faults)
    return dialect


def _parse(file: str, text: str) -> dict[str, object]:
    try:
        table: dict[str, object] = tomllib.loads(text)
        return table
    except tomllib.TOMLDecodeError as error:
        found = _AT_LINE.fullmatch(str(error))
        reason, line = (found.group(1), found.group(2)) if found else (str(error), None)
        raise DialectError([f"{file}: {f'line {line}' if line else 'end'}: {reason}"]) from error
    except RecursionError as error:
        raise DialectError([f"{file}: file: is nested too deep"]) from error


@cache
def _standard_table() -> Mapping[str, object]:
    return _parse(f"{STANDARD}.toml", _shipped_files()[STANDARD])


def _shipped_files() -> Mapping[str, str]:
    """The texts of the files in the package, by name."""
    folder = resources.files("mailrelay") / "dialects"
    found = {entry.name: entry for entry in folder.iterdir() if entry.name.endswith(".toml")}
    return {file.removesuffix(".toml"): found[file].read_text("utf-8") for file in sorted(found)}


def _inherit(reading: Reading, own: Mapping[str, object]) -> dict[str, object]:
    """What the file states, over what it inherits."""
    if "inherits" not in own or not reading.choice("inherits", own["inherits"], (STANDARD,)):
        return dict(own)
    parent = _standard_table()
    table = {key: value for key, value in parent.items() if key not in _OWN}
    table.update(own)
    for key in _MERGED:
        mine, theirs = own.get(key), parent[key]
        if isinstance(mine, dict) and isinstance(theirs, dict):
            table[key] = theirs | mine
    return table


def _read(reading: Reading, name: str, own: Mapping[str, object]) -> Dialect:
    """A dialect of what a file holds; where that has faults the value is of no use."""
    reading.known(own, _SETTINGS)
    if not _NAME.fullmatch(name):
        reading.fault("name", f"{name!r} is not a lower-case word")
    given = _inherit(reading, own)
    aliases = reading.texts("aliases", given.get("aliases", []))
    for alias in aliases:
        if not _NAME.fullmatch(alias):
            reading.fault("aliases", f"{alias!r} is not a lower-case word")
    dialect = Dialect(
        name=name,
        aliases=aliases,
        title=reading.text("title", given.get("title")),
        extensions=reading.choices("extensions", given.get("extensions"), vocabulary.EXTENSIONS),
        size=reading.count("size", given.get("size"), 1, MAX_SIZE),
        recipients=reading.count("recipients", given.get("recipients"), 1, MAX_RECIPIENTS),
        credentials_at=reading.choice("credentials_at", given.get("credentials_at"), vocabulary.CREDENTIALS_AT),
        bare_ehlo=reading.switch("bare_ehlo", given.get("bare_ehlo")),
        sender_rule=reading.choice("sender_rule", given.get("sender_rule"), vocabulary.SENDER_RULES),
        billing=reading.choice("billing", given.get("billing"), vocabulary.BILLING),
        dsn=reading.switch("dsn", given.get("dsn")),
        suppressed=reading.choice("suppressed", given.get("suppressed"), vocabulary.SUPPRESSED),
        suppressing=reading.choices("suppressing", given.get("suppressing"), vocabulary.SUPPRESSIONS),
        username=_username(reading, given.get("username")),
        ports=(ports := _ports(reading, given.get("ports"))),
        sandbox=_sandbox(reading, given.get("sandbox", {}), ports),
        headers=read_headers(reading, given.get("headers", {})),
        headers_kept=reading.texts("headers_kept", given.get("headers_kept")),
        body_tags=read_tags(reading, given.get("body_tags", {})),
        recipient_names=reading.switch("recipient_names", given.get("recipient_names")),
        recipients_sent=reading.choice("recipients_sent", given.get("recipients_sent"), vocabulary.RECIPIENTS_SENT),
        tag_limit=reading.count("tag_limit", given.get("tag_limit"), 0, MAX_TAGS),
        stages=_stages(reading, given.get("stages")),
        statuses=_statuses(reading, given.get("statuses")),
        replies=_replies(reading, given.get("replies")),
    )
    if dialect.credentials_at == "auth" and dialect.extensions and "AUTH" not in dialect.extensions:
        reading.fault("extensions", "must offer AUTH where credentials are judged at auth")
    if "starttls" in dialect.ports and dialect.extensions and "STARTTLS" not in dialect.extensions:
        reading.fault("extensions", "must offer STARTTLS where ports do")
    return dialect


def _username(reading: Reading, value: object) -> str:
    text = reading.text("username", value)
    read_fields(reading, "username", text, vocabulary.USERNAME_FIELDS)
    return text


def _ports(reading: Reading, value: object) -> Mapping[str, tuple[int, ...]]:
    table = reading.table("ports", value, vocabulary.PORT_MODES) or {}
    found = {mode: reading.counts(f"ports.{mode}", ports, 1, 65535) for mode, ports in table.items()}
    return MappingProxyType(found)


def _sandbox(reading: Reading, value: object, ports: Mapping[str, tuple[int, ...]]) -> Mapping[int, int]:
    offered = dict.fromkeys(str(port) for mode in ports.values() for port in mode)
    table = reading.table("sandbox", value, offered) or {}
    found = {int(port): reading.count(f"sandbox.{port}", table[port], 1, 65535) for port in offered if port in table}
    return MappingProxyType(found)


def _stages(reading: Reading, value: object) -> Mapping[str, tuple[str, ...]]:
    table = reading.table("stages", value, vocabulary.STAGES)
    if table is None:
        return {}
    found = {key: reading.choices(f"stages.{key}", table.get(key), rules) for key, rules in vocabulary.STAGES.items()}
    return MappingProxyType(found)


def _statuses(reading: Reading, value: object) -> Mapping[State, str]:
    table = reading.table("statuses", value, [state.value for state in State])
    if table is None:
        return {}
    return MappingProxyType({state: reading.text(f"statuses.{state}", table.get(state)) for state in State})


def _replies(reading: Reading, value: object) -> Mapping[str, Line]:
    table = reading.table("replies", value, vocabulary.REPLIES)
    if table is None:
        return {}
    shapes = vocabulary.REPLIES.items()
    return MappingProxyType({key: read_line(reading, f"replies.{key}", table.get(key), shape) for key, shape in shapes})


class Dialects:
    """The dialects of an installation, found by name or alias."""

    def __init__(self, dialects: Iterable[Dialect]) -> None:
        self._by_name: dict[str, Dialect] = {}
        found = list(dialects)
        faults = []
        for dialect in found:
            for name in (dialect.name, *dialect.aliases):
                if self._by_name.setdefault(name, dialect) is not dialect:
                    faults.append(f"{dialect.name}.toml: name: {name!r} is taken by dialect {self._by_name[name].name}")
        if faults:
            raise DialectError(faults)
        self.names = tuple(dialect.name for dialect in found)

    @classmethod
    def shipped(cls, directory: Path | None = None) -> Dialects:
        """Those of the package, `standard` first, and of `directory` if it exists; `DialectError` has all faults."""
        shipped = _shipped_files()
        order = sorted(shipped, key=lambda name: (name != STANDARD, name))
        sources: list[tuple[Path | str, str]] = [(shipped[name], name) for name in order]
        if directory is not None and directory.is_dir():
            sources += [(path, "") for path in sorted(directory.glob("*.toml"))]
        found: list[Dialect] = []
        faults: list[str] = []
        for source, name in sources:
            try:
                found.append(load(source, name))
            except DialectError as error:
                faults.extend(error.faults)
        if faults:
            raise DialectError(faults)
        return cls(found)

    def get(self, name: str) -> Dialect:
        """The dialect of that name or alias, in any case; `KeyError` when there is none."""
        return self._by_name[name.lower()]

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._by_name

    def __iter__(self) -> Iterator[Dialect]:
        return (self._by_name[name] for name in self.names)
