"""The audit log: who changed what, when and from where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Interface


@dataclass(frozen=True, slots=True)
class Change:
    """`id` is a ULID, `at` microseconds. `kind`, `who` and `address` are of the caller (`manage.caller`), `acting` the
    account for which an administrator acted. `action` is a word such as "connection.create"; `account`, `object` and
    `name` say on what, "" where there is no such thing; `details` is a JSON object of what was asked for, without any
    secret."""

    id: str
    at: int
    kind: str
    who: str
    address: str
    acting: str
    action: str
    account: str
    object: str
    name: str
    details: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which changes: by whom, what (an action, or the part before its point), of which account (its id; changes that an
    administrator made while acting for it, too), from `since` up to but without `until`, older than the id `before`. ""
    and 0 for any."""

    who: str = ""
    action: str = ""
    account: str = ""
    since: int = 0
    until: int = 0
    before: str = ""


class IChanges(Interface):
    """What was changed."""

    def write(change: Change) -> Deferred[None]:
        """Keep an entry."""

    def page(wanted: Wanted, limit: int) -> Deferred[Sequence[Change]]:
        """The newest that fit."""

    def forget(before: int) -> Deferred[int]:
        """Delete those that were made before an instant; fires with how many."""
