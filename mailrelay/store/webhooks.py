"""Webhooks over a database: `IWebhooks`, and its memory twin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa
from twisted.internet.defer import Deferred, execute
from zope.interface import implementer

from ..interfaces.registry import Taken
from ..interfaces.webhooks import IWebhooks, Webhook
from .accept import clean
from .jobs import CALL, LOOK_UP
from .reader import Reader
from .schema import webhooks
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

    def change(self, id: str, changes: Mapping[str, object]) -> Deferred[bool]:
        statement = sa.update(webhooks).where(webhooks.c.id == id)
        return self._writer.ask(CALL, lambda work: bool(work.execute(statement, _row(changes)).rowcount))

    def remove(self, id: str) -> Deferred[bool]:
        statement = sa.delete(webhooks).where(webhooks.c.id == id)
        return self._writer.ask(CALL, lambda work: bool(work.execute(statement).rowcount))


def _row(values: Mapping[str, Any]) -> dict[str, object]:
    row = {name: clean(value) if isinstance(value, str) else value for name, value in values.items()}
    return row | {"events": " ".join(values["events"])} if "events" in values else row


def _webhook(row: Mapping[Any, Any]) -> Webhook:
    return Webhook(**{**row, "events": tuple(row["events"].split())})


@implementer(IWebhooks)
class MemoryWebhooks:
    """The memory twin."""

    def __init__(self) -> None:
        self.webhooks: dict[str, Webhook] = {}

    def every(self, account: str | None = None) -> Deferred[Sequence[Webhook]]:
        return execute(lambda: [each for each in self.webhooks.values() if account in (None, each.account)])

    def add(self, webhook: Webhook) -> Deferred[None]:
        def add() -> None:
            if any((each.account, each.name) == (webhook.account, webhook.name) for each in self.webhooks.values()):
                raise Taken(f"webhook {webhook.name}")
            self.webhooks[webhook.id] = webhook

        return execute(add)

    def change(self, id: str, changes: Mapping[str, Any]) -> Deferred[bool]:
        def change() -> bool:
            if id in self.webhooks:
                self.webhooks[id] = replace(self.webhooks[id], **changes)
            return id in self.webhooks

        return execute(change)

    def remove(self, id: str) -> Deferred[bool]:
        return execute(lambda: self.webhooks.pop(id, None) is not None)
