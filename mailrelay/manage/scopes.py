"""What a token may be allowed, as a closed set of words: of each kind of thing to read it, or to change it, too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .errors import Invalid

#: Kinds of things that can be read and written.
KINDS: Final = (
    "accounts",
    "changes",
    "connections",
    "domains",
    "files",
    "messages",
    "plans",
    "queue",
    "relay",
    "routes",
    "sandbox",
    "suppressions",
    "templates",
    "tokens",
    "users",
    "webhooks",
)
#: Every scope, in the order in which they are told.
SCOPES: Final = (
    "messages:send",
    "events:read",
    "statistics:read",
    *(f"{kind}:{what}" for kind in KINDS for what in ("read", "write")),
)


def checked(words: Iterable[str]) -> tuple[str, ...]:
    """Scopes, each once and in their order; fails with `Invalid`."""
    given = set(words)
    for word in sorted(given):
        if word not in SCOPES:
            raise Invalid("scopes", f"{word!r} is none of {', '.join(SCOPES)}")
    return tuple(each for each in SCOPES if each in given)


def meant(words: Iterable[str]) -> frozenset[str]:
    """All that scopes allow: who may change something may read it, too."""
    given = set(words)
    return frozenset(given | {f"{each.removesuffix(':write')}:read" for each in given if each.endswith(":write")})
