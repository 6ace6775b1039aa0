"""The twin of webhooks and their deliveries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, execute
from zope.interface import implementer

from ...interfaces.registry import Taken
from ...interfaces.webhooks import KEPT, Delivery, IWebhooks, Webhook


@implementer(IWebhooks)
class MemoryWebhooks:
    """The memory twin."""

    def __init__(self) -> None:
        self.webhooks: dict[str, Webhook] = {}
        self._deliveries: dict[str, list[Delivery]] = {}

    def every(self, account: str | None = None) -> Deferred[Sequence[Webhook]]:
        return execute(lambda: [each for each in self.webhooks.values() if account in (None, each.account)])

    def add(self, webhook: Webhook) -> Deferred[None]:
        def add() -> None:
            if any((each.account, each.name) == (webhook.account, webhook.name) for each in self.webhooks.values()):
                raise Taken(f"webhook {webhook.name}")
            self.webhooks[webhook.id] = webhook

        return execute(add)

    def change(self, id: str, changes: Mapping[str, Any], deliveries: Sequence[Delivery] = ()) -> Deferred[bool]:
        def change() -> bool:
            if id not in self.webhooks:
                return False
            made = replace(self.webhooks[id], **changes)
            others = [each for each in self.webhooks.values() if each.id != id]
            if any((each.account, each.name) == (made.account, made.name) for each in others):
                raise Taken(f"webhook {made.name}")
            self.webhooks[id] = made
            self._deliveries[id] = (self._deliveries.get(id, []) + list(deliveries))[-KEPT:]
            return True

        return execute(change)

    def deliveries(self, id: str, before: str = "", limit: int = 50) -> Deferred[Sequence[Delivery]]:
        newest = sorted(self._deliveries.get(id, []), key=lambda each: each.id, reverse=True)
        return execute(lambda: [each for each in newest if not before or each.id < before][:limit])

    def remove(self, id: str) -> Deferred[bool]:
        self._deliveries.pop(id, None)
        return execute(lambda: self.webhooks.pop(id, None) is not None)
