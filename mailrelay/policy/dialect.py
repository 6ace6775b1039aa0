"""A dialect: everything in which one service's SMTP differs from another's, as one checked, frozen value.

A `Dialect` is made only from a TOML file, by `load`; `Dialects` is the catalogue of those that are shipped and of
those that an installation adds. A file is checked whole against the closed sets of `policy.vocabulary`; `DialectError`
names every fault at once. A dialect turns reply keys into replies; it never decides which key is due.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from ..mail.envelope import State
from ..mail.reply import Reply
from ..mail.tags import Tags
from . import vocabulary
from .body import Body, read_body
from .body_tags import read_tags
from .control_header import ControlHeaders, read_headers
from .hook import Hook, read_hook
from .options import merged, read_options
from .reading import Reading
from .reply_line import Line, read_fields, read_line
from .statistics import Statistics, read_statistics
from .upload import Upload, read_upload
from .verdict import JSON

#: Our own dialect, the first of the catalogue.
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
    "billing",
    "dsn",
    "suppressed",
    "suppressing",
    "username",
    "credential",
    "key_usernames",
    "login_needs_balance",
    "sender_path",
    "return_path",
    "ports",
    "sandbox",
    "headers",
    "headers_kept",
    "body",
    "body_tags",
    "upload",
    "webhook",
    "recipient_names",
    "recipients_sent",
    "over_limit",
    "tag_limit",
    "options",
    "stages",
    "statuses",
    "statistics",
    "replies",
    "variants",
)
#: Tables of which a dialect states only the keys that differ from what it inherits.
_MERGED = ("options", "stages", "statuses", "replies", "variants")
#: What is a dialect's own and never inherited.
_OWN = ("inherits", "title", "aliases", "sandbox", "upload", "webhook")


class DialectError(ValueError):
    """A dialect file does not hold: `faults` has every reason, each as ``file: key: reason``."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one service speaks SMTP.

    `extensions` are EHLO keywords in their order; `size` is in octets, `recipients` a count per message.
    `credentials_at`, `billing` and `suppressed` are words of `policy.vocabulary`; `suppressing` the reasons that count
    at RCPT. `dsn` says whether what could not be delivered is reported by mail to the return path. `stages` maps
    "mail", "rate", "rcpt", "daily" and "data" to names of rules (`policy.admission`) in their order. `statuses` maps
    our states to the service's words, `statistics` are the rows that it counts. `headers` are its control headers; of
    all others those of `headers_kept` are kept (none named: all), `body` says what is kept of a body, `body_tags` are
    words in a body that stand for links,
    `recipient_names` makes the To field of each recipient's own address with the name that the message's To gives,
    `upload` says how files come to its cache, `webhook` what it
    tells of events. `recipients_sent` is "all" or "first"; `over_limit` says what becomes of
    recipients beyond a connection's daily limit; `tag_limit` how many tags an account may have used, 0 for any number.
    `username` is the pattern of a generated user name, `credential` what a new connection logs in by, `key_usernames`
    are those that go with a key (words of `policy.vocabulary`, or fixed names). `login_needs_balance` turns logins away
    of who has nothing left; `sender_path` and `return_path` are words, too. `ports` are the service's ports by mode
    ("plain", "starttls", "tls"); `sandbox` gives for a port the offset from the sandbox's base port. `options` has the
    default of every switch of a connection (`policy.options`); `variants` other forms of some replies by the name under
    which the option "replies" chooses them, and `replies` those that speak as the options are.
    """

    name: str
    aliases: tuple[str, ...]
    title: str
    extensions: tuple[str, ...]
    size: int
    recipients: int
    credentials_at: str
    bare_ehlo: bool
    billing: str
    dsn: bool
    suppressed: str
    suppressing: tuple[str, ...]
    username: str
    credential: str
    key_usernames: tuple[str, ...]
    login_needs_balance: bool
    sender_path: str
    return_path: str
    ports: Mapping[str, tuple[int, ...]]
    sandbox: Mapping[int, int]
    headers: ControlHeaders
    headers_kept: tuple[str, ...]
    body: Body
    body_tags: Tags | None
    upload: Upload | None
    webhook: Hook | None
    recipient_names: bool
    recipients_sent: str
    over_limit: str
    tag_limit: int
    options: Mapping[str, JSON]
    stages: Mapping[str, tuple[str, ...]]
    statuses: Mapping[State, str]
    statistics: Statistics
    plain_replies: Mapping[str, Line]
    variants: Mapping[str, Mapping[str, Line]]
    replies: Mapping[str, Line]

    def carries(self, other: Dialect) -> bool:
        """Can a connection of the other dialect be taken on a listener of this one?

        What EHLO promised, and when credentials are judged, must not change by a login.
        """
        return set(self.extensions) == set(other.extensions) and self.credentials_at == other.credentials_at

    def speaking(self, options: Mapping[str, JSON]) -> Dialect:
        """The dialect with the forms of replies that these options choose; itself where that is how it speaks."""
        forms = options["replies"]
        if forms == self.options["replies"]:
            return self
        return replace(self, options=options, replies=_chosen(self.plain_replies, self.variants, forms))

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
    return _read_whole(reading, name, _parse(reading.file, source))


def _read_whole(reading: Reading, name: str, own: Mapping[str, object]) -> Dialect:
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
def _shipped_files() -> Mapping[str, str]:
    """The texts of the files in the package, by name."""
    folder = resources.files("mailrelay") / "dialects"
    found = {entry.name: entry for entry in folder.iterdir() if entry.name.endswith(".toml")}
    return {file.removesuffix(".toml"): found[file].read_text("utf-8") for file in sorted(found)}


@cache
def _shipped_table(name: str) -> Mapping[str, object]:
    """What a file of the package holds. Others inherit it, and parsing is most of what it takes to read a dialect."""
    return _parse(f"{name}.toml", _shipped_files()[name])


@cache
def _shipped() -> tuple[Dialect, ...]:
    """The dialects of the package, `standard` first. They are frozen, so that one reading serves whoever asks."""
    order = sorted(_shipped_files(), key=lambda name: (name != STANDARD, name))
    return tuple(_read_whole(Reading(f"{name}.toml"), name, _shipped_table(name)) for name in order)


def _inherit(reading: Reading, name: str, own: Mapping[str, object]) -> dict[str, object]:
    """What a file states, over what it inherits, and that over what it inherits in its turn."""
    table, line = dict(own), [name]
    while "inherits" in table:
        parent = reading.choice("inherits", table.pop("inherits"), _shipped_files())
        if not parent:
            break
        if parent in line:
            reading.fault("inherits", f"goes round in a circle: {' from '.join([*line, parent])}")
            break
        line.append(parent)
        table = _over(_shipped_table(parent), table)
    return table


def _over(parent: Mapping[str, object], table: dict[str, object]) -> dict[str, object]:
    """A table over its parent's; where the parent inherits, so does what comes out."""
    found = {key: value for key, value in parent.items() if key not in _OWN or key == "inherits"}
    found.update(table)
    for key in _MERGED:
        mine, theirs = table.get(key), parent.get(key)
        if isinstance(mine, dict) and isinstance(theirs, dict):
            found[key] = theirs | mine
    return found


def _read(reading: Reading, name: str, own: Mapping[str, object]) -> Dialect:
    """A dialect of what a file holds; where that has faults the value is of no use."""
    reading.known(own, _SETTINGS)
    if not _NAME.fullmatch(name):
        reading.fault("name", f"{name!r} is not a lower-case word")
    given = _inherit(reading, name, own)
    aliases = reading.texts("aliases", given.get("aliases", []))
    for alias in aliases:
        if not _NAME.fullmatch(alias):
            reading.fault("aliases", f"{alias!r} is not a lower-case word")
    plain = _replies(reading, given.get("replies"))
    variants = _variants(reading, given.get("variants", {}))
    options = read_options(reading, given.get("options"), variants)
    dialect = Dialect(
        name=name,
        aliases=aliases,
        title=reading.text("title", given.get("title")),
        extensions=reading.choices("extensions", given.get("extensions"), vocabulary.EXTENSIONS),
        size=reading.count("size", given.get("size"), 1, MAX_SIZE),
        recipients=reading.count("recipients", given.get("recipients"), 1, MAX_RECIPIENTS),
        credentials_at=reading.choice("credentials_at", given.get("credentials_at"), vocabulary.CREDENTIALS_AT),
        bare_ehlo=reading.switch("bare_ehlo", given.get("bare_ehlo")),
        billing=reading.choice("billing", given.get("billing"), vocabulary.BILLING),
        dsn=reading.switch("dsn", given.get("dsn")),
        suppressed=reading.choice("suppressed", given.get("suppressed"), vocabulary.SUPPRESSED),
        suppressing=reading.choices("suppressing", given.get("suppressing"), vocabulary.SUPPRESSIONS),
        username=_username(reading, given.get("username")),
        credential=reading.choice("credential", given.get("credential"), vocabulary.CREDENTIALS),
        key_usernames=_key_usernames(reading, given.get("key_usernames")),
        login_needs_balance=reading.switch("login_needs_balance", given.get("login_needs_balance")),
        sender_path=reading.choice("sender_path", given.get("sender_path"), vocabulary.SENDER_PATHS),
        return_path=reading.choice("return_path", given.get("return_path"), vocabulary.RETURN_PATHS),
        ports=(ports := _ports(reading, given.get("ports"))),
        sandbox=_sandbox(reading, given.get("sandbox", {}), ports),
        headers=read_headers(reading, given.get("headers", {})),
        headers_kept=reading.texts("headers_kept", given.get("headers_kept")),
        body=read_body(reading, given.get("body", {})),
        body_tags=read_tags(reading, given.get("body_tags", {})),
        upload=read_upload(reading, given.get("upload")),
        webhook=read_hook(reading, given.get("webhook")),
        recipient_names=reading.switch("recipient_names", given.get("recipient_names")),
        recipients_sent=reading.choice("recipients_sent", given.get("recipients_sent"), vocabulary.RECIPIENTS_SENT),
        over_limit=reading.choice("over_limit", given.get("over_limit"), vocabulary.OVER_LIMIT),
        tag_limit=reading.count("tag_limit", given.get("tag_limit"), 0, MAX_TAGS),
        options=options,
        stages=_stages(reading, given.get("stages")),
        statuses=_statuses(reading, given.get("statuses")),
        statistics=read_statistics(reading, given.get("statistics")),
        plain_replies=plain,
        variants=variants,
        replies=_chosen(plain, variants, options.get("replies", ())),
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


def _key_usernames(reading: Reading, value: object) -> tuple[str, ...]:
    found = reading.texts("key_usernames", value)
    for number, each in enumerate(found):
        if each not in vocabulary.KEY_USERNAMES and any(sign in each for sign in "*{}"):
            known = ", ".join(vocabulary.KEY_USERNAMES)
            reading.fault(f"key_usernames[{number}]", f"must be one of {known} or a fixed name, not {each!r}")
    return found


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


def _variants(reading: Reading, value: object) -> Mapping[str, Mapping[str, Line]]:
    """Other forms of some replies, by name."""
    if not isinstance(value, dict):
        reading.table("variants", value, ())
        return {}
    found: dict[str, Mapping[str, Line]] = {}
    for name, given in value.items():
        if not _NAME.fullmatch(name):
            reading.fault(f"variants.{name}", "is not a lower-case word")
        lines = reading.table(f"variants.{name}", given, vocabulary.REPLIES) or {}
        known = [key for key in lines if key in vocabulary.REPLIES]
        found[name] = {
            key: read_line(
                reading, f"variants.{name}.{key}", lines[key], vocabulary.FORMS.get(key, vocabulary.REPLIES[key])
            )
            for key in known
        }
    return MappingProxyType(found)


def _chosen(plain: Mapping[str, Line], variants: Mapping[str, Mapping[str, Line]], forms: JSON) -> Mapping[str, Line]:
    """The replies in the forms named, the later over the earlier."""
    if not isinstance(forms, (list, tuple)) or not forms:
        return plain
    chosen = dict(plain)
    for form in forms:
        chosen.update(variants[str(form)])
    return MappingProxyType(chosen)


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
        found = list(_shipped())
        faults: list[str] = []
        for path in sorted(directory.glob("*.toml")) if directory is not None and directory.is_dir() else ():
            try:
                found.append(load(path))
            except DialectError as error:
                faults.extend(error.faults)
        if faults:
            raise DialectError(faults)
        return cls(found)

    def get(self, name: str) -> Dialect:
        """The dialect of that name or alias, in any case; `KeyError` when there is none."""
        return self._by_name[name.lower()]

    def options(self, name: str, own: Mapping[str, JSON]) -> Mapping[str, JSON]:
        """The options of a connection of that dialect; its own alone where the dialect is gone."""
        return merged(self.get(name), own) if name in self else own

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._by_name

    def __iter__(self) -> Iterator[Dialect]:
        return (self._by_name[name] for name in self.names)
