"""What is kept of routes beside those of the configuration: an account's own, and those ("" for the account) of all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from zope.interface import Interface


@dataclass(frozen=True, slots=True)
class StoredRoute:
    """A way out: `id` is what a header names, `tls` the rule ("none", "may", "require", "verify"); `fallback` is the id
    or name of the route that takes over. Mail to one of the recipient `domains` takes it where nothing else is named;
    ``*.example.com`` means every domain below that one.

    By smart hosts: `hosts` (name or address, port) in the order in which they are tried, `weights`, one for each or
    none, how often each is tried first; the password is sealed, "" for none. With `mx`, by the hosts of each domain on
    their `port`, from one of our `sources` (IP addresses, none for the system's choice): the same for a domain always,
    or with `rotate` each in turn by chance.
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
    mx: bool = False
    port: int = 25
    sources: tuple[str, ...] = ()
    rotate: bool = False
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RouteNames:
    """The ids of stored routes that an account may name: its own, and those that serve every account; and which of
    them serves a recipient's domain, the account's own before a shared one."""

    own: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()
    domains: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, found: Iterable[tuple[str, str, tuple[str, ...]]]) -> RouteNames:
        """The names of the routes that an account may name, from (account, id, domains) of each."""
        ordered = sorted(found)  # those of "" first, so that the account's own go over them
        return cls(
            frozenset(id for owner, id, _ in ordered if owner),
            frozenset(id for owner, id, _ in ordered if not owner),
            {domain: id for _, id, domains in ordered for domain in domains},
        )

    @property
    def every(self) -> frozenset[str]:
        """All that serve the account."""
        return self.own | self.shared

    @property
    def usual(self) -> str:
        """The one that is meant where none is named: its own where there is no choice; "" for the installation's. A
        route for some domains is nobody's usual one."""
        some = set(self.domains.values())
        own, shared = self.own - some, self.shared - some
        return next(iter(own)) if len(own) == 1 and not shared else ""


class IRoutes(Interface):
    """Stored routes."""

    def every(account: str | None = None) -> Deferred[Sequence[StoredRoute]]:
        """The routes of an account ("": those that serve all), or all there are, oldest first."""

    def add(route: StoredRoute) -> Deferred[None]:
        """Keep a route; fails with `registry.Taken` when its account has one of that id."""

    def put(route: StoredRoute) -> Deferred[None]:
        """Keep a route in place of the one of its account and id; fails with `KeyError` when there is none."""

    def remove(account: str, id: str) -> Deferred[None]:
        """Forget a route; fails with `KeyError`. What is queued for it waits until there is one of its id again."""
