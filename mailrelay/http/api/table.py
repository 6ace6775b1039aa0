"""All that the API can do, in the order in which its readers are told."""

from __future__ import annotations

from . import accounts, connections

ROOMS = (accounts, connections)
OPERATIONS = tuple(operation for room in ROOMS for operation in room.OPERATIONS)
