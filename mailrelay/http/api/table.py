"""All that the API can do, in the order in which its readers are told."""

from __future__ import annotations

from ...interfaces.sandbox import IInbox
from ..operation import Operation
from . import (
    accounts,
    changes,
    connections,
    domains,
    events,
    files,
    messages,
    money,
    persons,
    plans,
    queue,
    routes,
    sandbox,
    senders,
    sending,
    statistics,
    suppressions,
    system,
    templates,
    tokens,
    users,
    webhooks,
)

ROOMS = (
    sending,
    messages,
    statistics,
    events,
    accounts,
    plans,
    money,
    connections,
    domains,
    senders,
    templates,
    files,
    suppressions,
    routes,
    webhooks,
    queue,
    persons,
    users,
    tokens,
    changes,
    system,
)
#: What every installation can do.
OPERATIONS = tuple(operation for room in ROOMS for operation in room.OPERATIONS)


def operations(inbox: IInbox | None) -> tuple[Operation, ...]:
    """What an installation can do, one with an inbox what the sandbox can."""
    return OPERATIONS if inbox is None else (*OPERATIONS, *sandbox.operations(inbox))
