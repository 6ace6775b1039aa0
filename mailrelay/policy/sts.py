"""MTA-STS (RFC 8461): what a domain's TXT record and its policy file say, and which hosts a policy takes.

Pure functions over text. What cannot be read is as if it were not there; unknown fields are passed over (RFC 8461 3.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

LONGEST = 31_557_600  #: seconds for which a policy may hold: one year
MAX_MX = 100  #: patterns that are heeded

_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_FIELD = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9_.-]{0,31})\s*:\s*(.*?)\s*")
_PATTERN = re.compile(r"(?:\*\.)?[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")


class StsFault(ValueError):
    """A policy that cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class StsPolicy:
    """A policy: its mode ("enforce", "testing", "none"), for how many seconds it holds, the patterns of its hosts, and
    its lines as they came."""

    mode: str
    max_age: int
    mx: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    def takes(self, host: str) -> bool:
        """Is a mail host (A-labels, lower case) one of the policy's? ``*.`` stands for one label (RFC 8461 4.1)."""
        return host in self.mx or f"*.{host.partition('.')[2]}" in self.mx


def policy_id(texts: Iterable[object]) -> str:
    """The id in the TXT records at ``_mta-sts``; "" where there is none, or more than one (RFC 8461 3.1)."""
    found = [text for text in texts if isinstance(text, str) and text.replace(" ", "").startswith("v=STSv1;")]
    if len(found) != 1:
        return ""
    for field in found[0].split(";")[1:]:
        name, _, value = field.partition("=")
        if name.strip() == "id":
            return value.strip() if _ID.fullmatch(value.strip()) else ""
    return ""


def read_policy(text: str) -> StsPolicy:
    """The policy in a file (RFC 8461 3.2); raises `StsFault`. Of a field that comes twice the first counts."""
    lines = tuple(line for line in re.split(r"\r?\n", text) if line.strip())
    fields: dict[str, str] = {}
    mx: list[str] = []
    for line in lines:
        if (found := _FIELD.fullmatch(line)) is None:
            raise StsFault(f"not a field: {line[:80]!r}")
        name, value = found[1], found[2]
        if name == "mx":
            mx.append(value.lower().rstrip("."))
        fields.setdefault(name, value)
    if fields.get("version") != "STSv1":
        raise StsFault("no version STSv1")
    mode = fields.get("mode", "")
    if mode not in ("enforce", "testing", "none"):
        raise StsFault(f"no such mode: {mode[:20]!r}")
    age = fields.get("max_age", "")
    if not (age.isascii() and age.isdigit() and len(age) <= 10):
        raise StsFault("no max_age in seconds")
    if mode != "none" and not mx:
        raise StsFault("no mx")
    for pattern in mx:
        if not _PATTERN.fullmatch(pattern):
            raise StsFault(f"not a pattern for hosts: {pattern[:80]!r}")
    return StsPolicy(mode, min(int(age), LONGEST), tuple(mx[:MAX_MX]), lines)
