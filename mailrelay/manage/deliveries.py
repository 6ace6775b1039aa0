"""What was sent to webhooks lately, as far as it is kept: when, what became of it, and what stood in it.

The octets of a request are not kept: they are made again of the event, so that who was erased lives on in none.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..interfaces.events import Sought
from ..interfaces.webhooks import KEPT, Delivery
from . import accounts, checked, webhooks
from .errors import Unknown
from .installation import Installation, use_case
from .plain import Plain, instant


@use_case
async def every(
    installation: Installation, name: str, account: str = "", before: str = "", limit: int = 50
) -> Sequence[Delivery]:
    """The newest requests to a webhook, older than the one of an id."""
    hook = await webhooks.find(installation, name, account)
    return await installation.webhooks.deliveries(hook.id, before, checked.number("limit", limit, 1, KEPT))


@use_case
async def find(installation: Installation, name: str, id: str, account: str = "") -> Delivery:
    """One of them."""
    for each in await every(installation, name, account, limit=KEPT):
        if each.id == id:
            return each
    raise Unknown("delivery", id)


@use_case
async def preview(installation: Installation, name: str, delivery: Delivery, account: str = "") -> object | None:
    """What stands in the request when it is sent now, as a JSON value; None when the event is not kept any more."""
    hook = await webhooks.find(installation, name, account)
    page = await installation.events.after(delivery.event - 1, Sought(hook.account), 1)
    if [each.id for each in page.events] != [delivery.event]:
        return None
    owners = {each.id: each.name for each in await accounts.every(installation)}
    return webhooks.payload(installation.dialects, hook, page.events[0], owners)


def plain(value: Delivery) -> Plain:
    """A request to a webhook."""
    return {
        "id": value.id,
        "event": value.event,
        "type": value.kind,
        "at": instant(value.at),
        "seconds": round(value.took / 1_000_000, 3),
        "status": value.status,
        "taken": value.taken,
        "answer": value.answer,
        "again": value.again,
    }
