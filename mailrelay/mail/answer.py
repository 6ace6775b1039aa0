"""What DNS says, as values: the answer to one question, with what a relay must not lose of it.

Names are A-labels in lower case without a trailing dot; the root is "". An `Answer` tells "there is no such name"
(NXDOMAIN) from "there is nothing of that kind" (no records) and from "nobody knows" (any other code). Nothing is
looked up here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["MX", "A", "AAAA", "TXT", "TLSA"]


@dataclass(frozen=True, slots=True)
class MailExchange:
    """An MX record (RFC 5321 5.1): lower preferences are tried first; the exchange "" says "no mail" (RFC 7505)."""

    preference: int
    exchange: str


@dataclass(frozen=True, slots=True)
class Tlsa:
    """A TLSA record (RFC 6698 2.1): for what use which part of a certificate is told, and how."""

    usage: int
    selector: int
    matching: int
    data: bytes


#: An MX or TLSA record; for A and AAAA the address as text, for TXT its strings as one text.
Record: TypeAlias = MailExchange | Tlsa | str


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question, aliases followed.

    `rcode` is the code in upper case, such as NOERROR, NXDOMAIN or SERVFAIL; `authenticated` tells that every response
    that took part had the AD bit (RFC 4035 3.2.3); `ttl` is for how many seconds the answer holds; `name` is the one at
    the end of the aliases, "" where the name asked for is none.
    """

    records: tuple[Record, ...] = ()
    rcode: str = "NOERROR"
    authenticated: bool = False
    ttl: int = 0
    name: str = field(default="", compare=False)

    @property
    def known(self) -> bool:
        """Does the answer say something about the name, be it that there is none?"""
        return self.rcode in ("NOERROR", "NXDOMAIN")
