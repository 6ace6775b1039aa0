"""Policies of MTA-STS over a database: `IStsMemory`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..interfaces.sts import IStsMemory, KeptPolicy
from .accept import clean
from .jobs import CALL, LOOK_UP
from .reader import Reader
from .schema import sts_policies
from .work import MAKERS, upsert
from .writer import Writer

_of = sts_policies.c
_put = {
    on_sqlite: upsert(
        make, sts_policies, lambda new: {each.name: new[each.name] for each in _of if each.name != "domain"}
    )
    for on_sqlite, make in MAKERS
}


@implementer(IStsMemory)
class StoredPolicies:
    """Policies in a database."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    def every(self, now: int, limit: int) -> Deferred[Sequence[KeptPolicy]]:
        statement = sa.select(sts_policies).where(_of.until > now).order_by(_of.fetched_at.desc()).limit(limit)
        return self._reader.ask(LOOK_UP, lambda work: [_policy(row._mapping) for row in work.execute(statement)])

    def put(self, policy: KeptPolicy) -> Deferred[None]:
        row = {name: clean(value) if isinstance(value, str) else value for name, value in asdict(policy).items()}
        return self._writer.ask(CALL, lambda work: work.execute(_put[work.sqlite], row) and None)

    def forget(self, now: int) -> Deferred[int]:
        statement = sa.delete(sts_policies).where(_of.until <= now)
        return self._writer.ask(CALL, lambda work: int(work.execute(statement).rowcount))


def _policy(row: Mapping[Any, Any]) -> KeptPolicy:
    return KeptPolicy(**row)
