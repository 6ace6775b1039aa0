"""Webhooks over a database: `IWebhooks`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..interfaces.registry import Taken
from ..interfaces.webhooks import KEPT, Delivery, IWebhooks, Webhook
from .accept import clean
from .jobs import CALL, LOOK_UP
from .reader import Reader
from .schema import webhook_deliveries, webhooks
from .work import Work
from .writer import Writer


@implementer(IWebhooks)
class Webhooks:
    """Webhooks in a database."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    def every(self, account: str | None = None) -> Deferred[Sequence[Webhook]]:
        statement = sa.select(webhooks).order_by(webhooks.c.created_at, webhooks.c.id)
        if account is not None:
            statement = statement.where(webhooks.c.account == account)
        return self._reader.ask(LOOK_UP, lambda work: [_webhook(row._mapping) for row in work.execute(statement)])

    def add(self, webhook: Webhook) -> Deferred[None]:
        same = sa.select(webhooks.c.id).where(webhooks.c.account == webhook.account, webhooks.c.name == webhook.name)

        def add(work: Work) -> None:
            if work.execute(same).first():
                raise Taken(f"webhook {webhook.name}")
            work.execute(sa.insert(webhooks), _row(asdict(webhook)))

        return self._writer.ask(CALL, add)

    def change(self, id: str, changes: Mapping[str, object], deliveries: Sequence[Delivery] = ()) -> Deferred[bool]:
        statement = sa.update(webhooks).where(webhooks.c.id == id)
        other, columns = webhooks.alias(), webhooks.c
        mine = sa.select(columns.account).where(columns.id == id).scalar_subquery()
        same = sa.select(other.c.id).where(
            other.c.account == mine, other.c.name == changes.get("name", ""), other.c.id != id
        )
        rows = [_row(asdict(each)) | {"again": int(each.again)} for each in deliveries]
        kept = webhook_deliveries.c
        last = sa.select(kept.id).where(kept.webhook == id).order_by(kept.id.desc()).offset(KEPT - 1).limit(1)
        trim = sa.delete(webhook_deliveries).where(kept.webhook == id, kept.id < last.scalar_subquery())

        def change(work: Work) -> bool:
            if "name" in changes and work.execute(same).first():
                raise Taken(f"webhook {changes['name']}")
            if not work.execute(statement, _row(changes)).rowcount:
                return False
            if rows:
                work.execute(sa.insert(webhook_deliveries), rows)
                work.execute(trim)
            return True

        return self._writer.ask(CALL, change)

    def deliveries(self, id: str, before: str = "", limit: int = 50) -> Deferred[Sequence[Delivery]]:
        columns = webhook_deliveries.c
        statement = sa.select(webhook_deliveries).where(columns.webhook == id).order_by(columns.id.desc()).limit(limit)
        if before:
            statement = statement.where(columns.id < clean(before))
        return self._reader.ask(LOOK_UP, lambda work: [_delivery(row._mapping) for row in work.execute(statement)])

    def remove(self, id: str) -> Deferred[bool]:
        statement = sa.delete(webhooks).where(webhooks.c.id == id)
        theirs = sa.delete(webhook_deliveries).where(webhook_deliveries.c.webhook == id)

        def remove(work: Work) -> bool:
            work.execute(theirs)
            return bool(work.execute(statement).rowcount)

        return self._writer.ask(CALL, remove)


def _row(values: Mapping[str, Any]) -> dict[str, object]:
    row = {name: clean(value) if isinstance(value, str) else value for name, value in values.items()}
    return row | {"events": " ".join(values["events"])} if "events" in values else row


def _delivery(row: Mapping[Any, Any]) -> Delivery:
    return Delivery(**{**row, "again": bool(row["again"])})


def _webhook(row: Mapping[Any, Any]) -> Webhook:
    return Webhook(**{**row, "events": tuple(row["events"].split())})
