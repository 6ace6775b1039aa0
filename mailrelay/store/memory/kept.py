"""What is kept as it is: bodies, the spool, templates and routes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from twisted.internet.defer import Deferred, execute, succeed
from zope.interface import implementer

from ...interfaces.bodies import IBodies, ISpool
from ...interfaces.registry import Taken
from ...interfaces.routes import IRoutes, StoredRoute
from ...interfaces.templates import ITemplates, Template
from .state import MemoryState


@implementer(IBodies)
class MemoryBodies:
    """The sources of what was accepted."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def read(self, message: str) -> Deferred[bytes]:
        def read() -> bytes:
            source = self._state.submissions[message].source
            return source + b"".join(octets for _, octets in sorted(self._state.spooled.get(message, {}).items()))

        return execute(read)


@implementer(ISpool)
class MemorySpool:
    """Pieces of the sources to come."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def put(self, message: str, number: int, octets: bytes) -> Deferred[None]:
        self._state.spooled.setdefault(message, {})[number] = octets
        return succeed(None)

    def read(self, message: str) -> Deferred[bytes]:
        return succeed(b"".join(octets for _, octets in sorted(self._state.spooled.get(message, {}).items())))

    def drop(self, message: str) -> Deferred[None]:
        if message not in self._state.submissions:
            self._state.spooled.pop(message, None)
        return succeed(None)


@implementer(ITemplates)
class MemoryTemplates:
    """Templates of the shared state; accounts are those that have a balance."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def every(self, account: str | None = None) -> Deferred[Sequence[Template]]:
        found = [kept[-1] for (owner, _), kept in self._state.templates.items() if account in (None, owner)]
        return succeed(sorted(found, key=lambda each: (each.id, each.account)))

    def versions(self, account: str, id: str) -> Deferred[Sequence[Template]]:
        return succeed(self._state.templates.get((account, id), [])[::-1])

    def save(self, template: Template, new: bool) -> Deferred[Template]:
        return execute(self._save, template, new)

    def _save(self, template: Template, new: bool) -> Template:
        owner, place = template.account, (template.account, template.id)
        if (owner and owner not in self._state.balance) or (not new and place not in self._state.templates):
            raise KeyError(owner)
        if new and place in self._state.templates:
            raise Taken(f"template {template.id}")
        kept = self._state.templates.setdefault(place, [])
        first = kept[0].created_at if kept else template.saved_at
        kept.append(replace(template, version=len(kept) + 1, created_at=first))
        return kept[-1]

    def remove(self, account: str, id: str) -> Deferred[None]:
        return execute(lambda: (self._state.templates.pop((account, id)), None)[1])


@implementer(IRoutes)
class MemoryRoutes:
    """The memory twin of stored routes."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def every(self, account: str | None = None) -> Deferred[Sequence[StoredRoute]]:
        found = [route for route in self._state.routes.values() if account in (None, route.account)]
        return succeed(sorted(found, key=lambda route: (route.created_at, route.id)))

    def add(self, route: StoredRoute) -> Deferred[None]:
        return execute(self._add, route)

    def _add(self, route: StoredRoute) -> None:
        if (route.account, route.id) in self._state.routes:
            raise Taken(f"route {route.id}")
        self._state.routes[route.account, route.id] = route

    def put(self, route: StoredRoute) -> Deferred[None]:
        return execute(self._put, route)

    def _put(self, route: StoredRoute) -> None:
        del self._state.routes[route.account, route.id]
        self._state.routes[route.account, route.id] = route

    def remove(self, account: str, id: str) -> Deferred[None]:
        return execute(lambda: (self._state.routes.pop((account, id)), None)[1])
