"""Reading the audit log: what was changed, by whom, when, from where (`audited` writes it)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..interfaces.changes import Change, Wanted
from . import checked, names
from .installation import Installation, use_case
from .plain import Plain, instant

MOST = 500


@use_case
async def page(installation: Installation, wanted: Wanted, limit: int = 50) -> Sequence[Change]:
    """The newest changes that fit; `wanted.account` is a name or an id."""
    limit = checked.number("limit", limit, 1, MOST)
    owner = (await names.account(installation.registry, wanted.account)).id if wanted.account else ""
    return await installation.changes.page(replace(wanted, account=owner), limit)


def plain(value: Change, owners: Mapping[str, str]) -> Plain:
    """A change as it is told; `owners` has the names of accounts by id."""
    return {
        "id": value.id,
        "at": instant(value.at),
        "by": value.who,
        "kind": value.kind,
        "address": value.address,
        "acting_for": owners.get(value.acting, value.acting),
        "action": value.action,
        "account": owners.get(value.account, value.account),
        "object": value.object,
        "name": value.name,
        "details": json.loads(value.details or "{}"),
    }
