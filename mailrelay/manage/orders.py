"""Orders: somebody asks for sends, an administrator grants or refuses, and what was granted is booked.

An order is requested and then granted or refused by an administrator, or withdrawn by whoever sees it; these are ends.
Its price is computed when it is requested and stays. Granting twice books once, whoever does it at whatever time.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..interfaces.orders import GRANTED, PREPAID, REFUSED, REQUESTED, STATUSES, WITHDRAWN, Decision, Order
from ..policy import price
from . import checked, names, plans, prices
from .audited import audited
from .audited import note as note_change
from .errors import Invalid, Unknown
from .installation import Installation, use_case
from .rights import administrators_only

#: Longest note, in characters, and most orders of a page.
MAX_NOTE, MOST = 500, 500


@audited("order.request")
async def request(
    installation: Installation, account: str, sends: int, kind: str = PREPAID, name: str = "", note: str = ""
) -> Order:
    """Ask for so many sends that stay (prepaid) or are given each month (monthly), at the price of the table of that
    name, or of the only one."""
    owner = await names.account(installation.registry, account)
    note = checked.printable("note", note.strip(), MAX_NOTE)
    sends = checked.number("sends", sends, 1, price.MOST_SENDS)
    found = await prices.quote(installation, owner.id, sends, kind, name)
    made = Order(
        id=installation.new_id(),
        account=owner.id,
        kind=prices.kind_of(kind),
        sends=sends,
        status=REQUESTED,
        prices=found.table.name if found else "",
        currency=found.table.currency if found else "",
        per_thousand=found.quote.per_thousand if found else 0,
        total=found.quote.total if found else 0,
        note=note,
        requested_by=installation.caller.name,
        requested_at=installation.now(),
    )
    await installation.orders.add(made)
    return made


@use_case
async def find(installation: Installation, id: str) -> Order:
    """One order."""
    found = await installation.orders.find(id)
    if found is None:
        raise Unknown("order", id)
    return found


@use_case
async def page(
    installation: Installation, account: str = "", status: str = "", before: str = "", limit: int = 50
) -> Sequence[Order]:
    """The newest orders, of one account and in one status, older than the id `before`."""
    if status and status not in STATUSES:
        raise Invalid("status", f"{status!r} is none of {', '.join(STATUSES)}")
    limit = checked.number("limit", limit, 1, MOST)
    owner = await names.account_id(installation.registry, account)
    return await installation.orders.page(owner, status, before, limit)


@use_case
@administrators_only
async def grant(installation: Installation, id: str, note: str = "") -> Order:
    """Grant an order: its sends are booked in the same transaction, once; granting it again changes nothing. Sends of a
    plan are given at once where there is no plan, else from the next month on."""
    return await _decide(installation, id, GRANTED, "order.grant", note)


@use_case
@administrators_only
async def refuse(installation: Installation, id: str, note: str = "") -> Order:
    """Refuse an order; the note says why."""
    return await _decide(installation, id, REFUSED, "order.refuse", note)


@use_case
async def withdraw(installation: Installation, id: str, note: str = "") -> Order:
    """Take a request back."""
    return await _decide(installation, id, WITHDRAWN, "order.withdraw", note)


async def _decide(installation: Installation, id: str, status: str, action: str, why: str) -> Order:
    order = await find(installation, id)
    why = checked.printable("note", why.strip(), MAX_NOTE)
    owner = await names.account(installation.registry, order.account)
    now = installation.now()
    decision = Decision(status, why, installation.caller.name, now, plans.month_of(owner, now))
    try:
        first = await installation.orders.decide(order.id, decision)
    except ValueError as error:
        raise Invalid("sends", str(error)) from error
    decided = await find(installation, id)
    if decided.status != status:
        raise Invalid("status", f"the order is {decided.status} already")
    if first:  # what is decided again changes nothing, and is not noted either
        await note_change(installation, action, {"note": why, "sends": order.sends}, decided)
    return decided
