"""Who opens and clicks: people, or machines that fetch whatever arrives.

Programs are known by ``machines.toml``, beside this file; whoever gives no name, asks by HEAD or says that it
prefetches is a machine, too. So are those who do at once what takes people time: `Burst` has the bounds. What a program
tells of itself can be a lie, and a scanner that behaves like a browser is counted as a person: these are statistics,
not a border.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from ..mail.envelope import SECOND

_PERSON, _MACHINE = "person", "machine"


@dataclass(frozen=True, slots=True)
class Program:
    """One entry of the table: by what it is known, and whether its opens and clicks are a machine's."""

    name: str
    agent: re.Pattern[str]
    opens: bool
    clicks: bool


@dataclass(frozen=True, slots=True)
class Burst:
    """What no person does within `window` microseconds: follow that many links of one mail, do that many things with
    one mail, or follow links of that many mails from one address."""

    window: int = 2 * SECOND
    targets: int = 3
    acts: int = 10
    mails: int = 100


BURST = Burst()


def machine(agent: str, *, click: bool, method: str = "GET", purposes: Iterable[str] = ()) -> str:
    """What an open or a `click` was made by, "" for a person.

    `purposes` are the values of header fields in which browsers say why they ask (Sec-Purpose and its elders).
    """
    if method == "HEAD":
        return "HEAD"
    if any("prefetch" in purpose.lower() or "preview" in purpose.lower() for purpose in purposes):
        return "prefetch"
    if not agent.strip():
        return "nameless"
    for program in programs():
        if program.agent.search(agent):
            return program.name if (program.clicks if click else program.opens) else ""
    return ""


@cache
def programs() -> tuple[Program, ...]:
    """The table, in its order."""
    text = (resources.files(__package__) / "machines.toml").read_text("utf-8")
    return tuple(_program(each) for each in tomllib.loads(text)["machines"])


def _program(entry: Mapping[str, str]) -> Program:
    said = {name: (_PERSON, _MACHINE).index(entry[name]) == 1 for name in ("opens", "clicks")}
    return Program(entry["name"], re.compile(entry["agent"], re.I), **said)
