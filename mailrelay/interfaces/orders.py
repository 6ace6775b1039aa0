"""What sends cost, and who asked for some: price tables and orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Interface

from ..policy.price import Step

#: What can be bought: sends that stay, and a plan of so many each month.
PREPAID, MONTHLY = "prepaid", "monthly"
#: What becomes of an order: the last three are final.
REQUESTED, GRANTED, REFUSED, WITHDRAWN = "requested", "granted", "refused", "withdrawn"
STATUSES = (REQUESTED, GRANTED, REFUSED, WITHDRAWN)


@dataclass(frozen=True, slots=True)
class PriceTable:
    """What sends of a kind cost, in minor units of a currency; `account` is the id of the only account it is made for,
    "" for all. A monthly price is that of one month."""

    name: str
    kind: str
    account: str
    currency: str
    steps: tuple[Step, ...]
    changed_at: int


@dataclass(frozen=True, slots=True)
class Order:
    """Somebody's wish for `sends` (each month, of a monthly one) for an account. What it costs was computed when it was
    requested, by the table `prices`, and stays: `total` minor units of `currency`, both empty where there was no table.
    `note` is the requester's, `answer` of who decided."""

    id: str
    account: str
    kind: str
    sends: int
    status: str
    prices: str
    currency: str
    per_thousand: int
    total: int
    note: str
    requested_by: str
    requested_at: int
    answer: str = ""
    decided_by: str = ""
    decided_at: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a requested order: `status` is one of the final ones. `month` (year times 100 + month, in the
    account's zone) is that in which a granted plan begins, if there was none."""

    status: str
    answer: str
    by: str
    at: int
    month: int


class IPrices(Interface):
    """The price tables of an installation."""

    def every() -> Deferred[Sequence[PriceTable]]:
        """All of them, by name."""

    def put(table: PriceTable) -> Deferred[None]:
        """Keep a table under its name, in the place of one that has it."""

    def remove(name: str) -> Deferred[bool]:
        """Forget a table; False when there was none. Orders keep what they were told."""


class IOrders(Interface):
    """Orders, and the money that a granted one moves."""

    def add(order: Order) -> Deferred[None]:
        """Keep a new one."""

    def find(id: str) -> Deferred[Order | None]:
        """One by its id."""

    def page(account: str, status: str, before: str, limit: int) -> Deferred[Sequence[Order]]:
        """The newest, of an account ("": all) and in a status ("": any), older than the id `before` ("": from the
        newest on)."""

    def decide(id: str, decision: Decision) -> Deferred[bool]:
        """Bring a requested order to its end. False when it is none, or was at an end already, and nothing changes.

        A granted one is booked in the same commit, once: prepaid sends are an entry of the ledger of kind "order"
        whose subject is the order's id; a plan is given as by `IPlans.put` and `IPlans.turn`. Fails with ValueError
        when the balance would be larger than can be kept.
        """
