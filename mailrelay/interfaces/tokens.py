"""What is kept of tokens: what programs use the API by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from zope.interface import Interface

from .people import User


@dataclass(frozen=True, slots=True)
class Token:
    """A token of an account, or ("") of the whole installation, known by its keyed `digest`; `begin` are its first
    characters, by which a person knows it again. `scopes` are what it may do, none for everything; `networks` (CIDR)
    where it may be used from, none for anywhere. `maker` is the id of the user who made it, "" for the command line.
    It holds until `expires_at` (0: no end); `used_at` is about when it was used last."""

    id: str
    account: str
    name: str
    digest: str = field(repr=False)
    begin: str
    scopes: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    maker: str = ""
    created_at: int = 0
    expires_at: int = 0
    used_at: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A token and who made it: None for the command line, and for somebody who is not there any more."""

    token: Token
    maker: User | None


class ITokens(Interface):
    """Tokens."""

    def every(account: str | None = None) -> Deferred[Sequence[Token]]:
        """The tokens of an account ("": of the whole installation), or all there are, oldest first."""

    def add(token: Token) -> Deferred[None]:
        """Keep a token; fails with `registry.Taken` when its account has one of that name."""

    def find(digest: str) -> Deferred[Found | None]:
        """The token of that digest."""

    def change(id: str, changes: Mapping[str, object]) -> Deferred[bool]:
        """Set some fields, the others as they are; False when there is no such token."""

    def remove(id: str) -> Deferred[bool]:
        """Forget a token; False when there is none."""
