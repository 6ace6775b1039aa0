"""The entries of the ledger, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from twisted.internet.defer import Deferred
from zope.interface import Interface

#: Kinds of entries that single recipients make; all others are movements. "carried" stands for the recipients that are
#: forgotten, in sum.
OF_RECIPIENTS = ("send", "refund")
MOVEMENTS = ("opening", "topup", "set", "order", "monthly", "lapsed", "carried")


class Mark(NamedTuple):
    """Where an entry stands among others: a page begins before one."""

    at: int
    subject: str
    kind: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement of a balance by `amount` sends: `subject` is the recipient charged, the order granted, or the id of
    the entry itself."""

    subject: str
    kind: str
    account: str
    amount: int
    note: str
    at: int

    @property
    def mark(self) -> Mark:
        return Mark(self.at, self.subject, self.kind)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries of one account are looked for. With `of_recipients` they are those of single recipients, ordered by
    when these were accepted, else the movements, ordered by when they were made. `kind` is "" for any; `since` counts,
    `until` does not, 0 for none; `before` is the last entry of the page before."""

    account: str
    of_recipients: bool = False
    kind: str = ""
    since: int = 0
    until: int = 0
    before: Mark | None = None


class IBooks(Interface):
    """The ledger's entries, which nobody changes."""

    def page(wanted: Wanted, limit: int) -> Deferred[Sequence[Entry]]:
        """The newest that fit."""
