"""The keys that links are signed by: which one signs now, and which are still believed.

Keys have numbers from 1 on; their secrets are derived from the installation's key by number, so that only numbers are
kept, in one setting. The newest signs. Every one goes on being believed until it is withdrawn, for links in mail last
for years. Nothing here derives a secret or knows a clock.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Self

SETTING = "link_keys"


def secret_of(number: int) -> str:
    """What the secret of a key is derived for (`Vault.subkey`)."""
    return f"link {number}"


@dataclass(frozen=True, slots=True)
class LinkKey:
    """One key: made and withdrawn when, in microseconds; 0 is the installation's beginning, and never."""

    number: int
    created_at: int = 0
    withdrawn_at: int = 0


@dataclass(frozen=True, slots=True)
class LinkKeys:
    """All keys of an installation, in the order of their numbers."""

    keys: tuple[LinkKey, ...] = (LinkKey(1),)

    @classmethod
    def read(cls, text: str) -> Self:
        """What `text` once gave; the first key alone for "", before any was made."""
        return cls(tuple(LinkKey(**each) for each in json.loads(text))) if text else cls()

    @property
    def text(self) -> str:
        """What is kept."""
        return json.dumps([asdict(key) for key in self.keys])

    @property
    def current(self) -> int:
        """The number of the key that signs."""
        return self.keys[-1].number

    def believes(self, number: int) -> bool:
        """Is a link signed by this key still ours?"""
        return any(key.number == number and not key.withdrawn_at for key in self.keys)

    def rotated(self, now: int) -> LinkKeys:
        """With a new key that signs from now on."""
        return LinkKeys((*self.keys, LinkKey(self.current + 1, now)))

    def withdrawn(self, number: int, now: int) -> LinkKeys:
        """Without belief in a key; `KeyError` when there is none of that number, `ValueError` when it is the one that
        signs."""
        if all(key.number != number for key in self.keys):
            raise KeyError(number)
        if number == self.current:
            raise ValueError("this key signs; rotate first")
        return LinkKeys(
            tuple(
                replace(key, withdrawn_at=key.withdrawn_at or now) if key.number == number else key for key in self.keys
            )
        )
