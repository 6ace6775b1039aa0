"""SMTP replies, and the exception that carries one.

A `Reply` is what one command is answered with (RFC 5321 4.2, RFC 2034). A `Refusal` is the only way in which
an inner room turns something down: it names a reply *key*, never a text. The dialect that speaks on the wire
turns the key and its fields into a `Reply`; so no text of a service stands in code.

This module never decides anything and never looks a key up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .frozen import frozen

#: Longest reply line, in octets with its CRLF (RFC 5321 4.5.3.1.5).
MAX_LINE = 512

_UNPRINTABLE = re.compile(r"[^\t\x20-\x7e]")


def _printable(text: str) -> str:
    """Text as it may stand in a reply line: printable ASCII, anything else escaped so that it cannot act."""
    return _UNPRINTABLE.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)


@frozen
class Reply:
    """One answer: a three-digit code, an optional enhanced status such as ``5.7.1``, a text of one or more lines."""

    code: int
    status: str | None
    text: str

    @property
    def positive(self) -> bool:
        """The command was carried out, or may go on (2xx, 3xx)."""
        return self.code < 400

    @property
    def transient(self) -> bool:
        """Worth trying again later (4xx)."""
        return 400 <= self.code < 500

    @property
    def closes(self) -> bool:
        """421 and 221 always close the connection."""
        return self.code in (221, 421)

    def __str__(self) -> str:
        return f"{self.code} {self.status} {self.text}" if self.status else f"{self.code} {self.text}"

    def encode(self) -> bytes:
        """The reply on the wire: every line with code, separator, status and CRLF; none over `MAX_LINE` octets."""
        prefix = f"{self.status} " if self.status else ""
        lines = self.text.split("\n")
        room = MAX_LINE - 6 - len(prefix)
        last = len(lines) - 1
        return "".join(
            f"{self.code}{' ' if number == last else '-'}{prefix}{_printable(line)[:room]}\r\n"
            for number, line in enumerate(lines)
        ).encode("ascii")


class Refusal(Exception):
    """Something is turned down: `key` names the reply of the dialect, `fields` fill its text.

    `rule` and `facts` say why (law 11): the rule that decided and the values it saw; they are kept, never sent.
    A cause inside is given by ``raise Refusal(...) from cause`` and logged where the reply is made.
    """

    def __init__(
        self,
        key: str,
        fields: Mapping[str, object] | None = None,
        *,
        rule: str = "",
        facts: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(key)
        self.key = key
        self.fields = fields or {}
        self.rule = rule
        self.facts = facts or {}

    def __str__(self) -> str:
        return f"{self.key} ({self.rule})" if self.rule else self.key
