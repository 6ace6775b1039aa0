"""What the use cases (`manage`) need in order to forget one person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Interface

#: The domain of the addresses that stand in the place of those that were erased.
ERASED = "erased.invalid"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was erased, when, for which account; `person` is the keyed hash of the address, `counts` how many rows of
    what were changed. "in_flight" and "bodies_waiting" among them tell what could not be erased yet: a delivery under
    way, and sources that other recipients still wait for."""

    id: str
    at: int
    account: str
    person: str
    counts: Mapping[str, int]


class IErasure(Interface):
    """Forgetting one person: what became of the mail stays, to whom it went is not known any more."""

    def erase(account: str, key: str, address: str, now: int) -> Deferred[Receipt]:
        """Put a pseudonym in the place of a canonical address, and of the `address` as it was given, in everything that
        the account's history holds, end what waits for it as failed, delete the sources of its messages, and keep its
        suppression under a keyed hash. Fails with `KeyError` for an unknown account."""

    def receipts(account: str = "") -> Deferred[Sequence[Receipt]]:
        """What was erased, of one account or ("") of all, the newest first."""
