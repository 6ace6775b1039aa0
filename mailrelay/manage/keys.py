"""Who asks by a connection's own key, where a service's API took it.

What does not fit looks the same from outside, whatever it is: an unknown key, a connection that is blocked or not
activated, one of another dialect, an address that is not on its list.
"""

from __future__ import annotations

from collections.abc import Collection

from ..interfaces.registry import Connection
from ..mail.network import within
from .connections import ACTIVE
from .errors import Unknown
from .installation import Installation, use_case


@use_case
async def holder(installation: Installation, key: str, dialects: Collection[str], address: str) -> Connection:
    """The active connection of one of these dialects whose API key this is, asking from an IP address that it may
    come from; fails with `Unknown`."""
    digest = installation.vault.digest(key)
    for connection in await installation.registry.holders(digest):
        if (
            connection.status == ACTIVE
            and connection.dialect in dialects
            and (not connection.networks or within(address, connection.networks))
            and any(each.kind == "api_key" and each.digest == digest for each in connection.credentials)
        ):
            return connection
    raise Unknown("connection", "that the key opens")
