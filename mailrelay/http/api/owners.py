"""The names of accounts by id, as the objects of the API show whose something is."""

from __future__ import annotations

from collections.abc import Mapping

from ...manage import accounts
from ...manage.installation import Installation


async def owners(installation: Installation) -> Mapping[str, str]:
    """The accounts that the caller sees."""
    return {each.id: each.name for each in await accounts.every(installation)}
