"""What is kept of routes beside those of the configuration: an account's own, and those ("" for the account) of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from zope.interface import Interface


@dataclass(frozen=True, slots=True)
class StoredRoute:
    """A way out by smart hosts: `id` is what a header names, `hosts` (name or address, port) in the order in which they
    are tried, `tls` the rule ("none", "may", "require", "verify"). The password is sealed, "" for none. `weights`, one
    for each host or none, say how often each is tried first; `fallback` is the id or name of the route that takes over.
    """

    account: str
    id: str
    hosts: tuple[tuple[str, int], ...]
    tls: str = "may"
    username: str = ""
    sealed: str = field(default="", repr=False)
    created_at: int = 0
    weights: tuple[int, ...] = ()
    fallback: str = ""


@dataclass(frozen=True, slots=True)
class RouteNames:
    """The ids of stored routes that an account may name: its own, and those that serve every account."""

    own: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()

    @property
    def every(self) -> frozenset[str]:
        """All that serve the account."""
        return self.own | self.shared

    @property
    def usual(self) -> str:
        """The one that is meant where none is named: its own where there is no choice; "" for the installation's."""
        return next(iter(self.own)) if len(self.own) == 1 and not self.shared else ""


class IRoutes(Interface):
    """Stored routes."""

    def every(account: str | None = None) -> Deferred[Sequence[StoredRoute]]:
        """The routes of an account ("": those that serve all), or all there are, oldest first."""

    def add(route: StoredRoute) -> Deferred[None]:
        """Keep a route; fails with `registry.Taken` when its account has one of that id."""

    def remove(account: str, id: str) -> Deferred[None]:
        """Forget a route; fails with `KeyError`. What is queued for it waits until there is one of its id again."""
