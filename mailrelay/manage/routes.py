"""Stored routes: smart hosts that an account sends by, or (account "") that every account may name.

A message names one in the header that its dialect has for it; a connection has a default; an account with one of its
own sends by it. The password is kept sealed and never shown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..config.sections import split_host
from ..interfaces import registry as registry_border
from ..interfaces.routes import StoredRoute
from ..mail.envelope import Hop
from ..policy.route import Route
from ..vault import Vault
from . import checked, names
from .errors import Invalid, Taken, Unknown
from .installation import Installation, use_case

TLS_RULES = ("none", "may", "require", "verify")
MAX_ID = 64
MAX_HOSTS = 20
MAX_WEIGHT = 1000

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a route shall be: `hosts` as ``host:port``, the preferred one first, or each as ``host:port=weight``; an
    empty `id` is generated. `fallback` is the id of the route that takes over, or the name of a configured one."""

    hosts: Sequence[str]
    id: str = ""
    account: str = ""
    tls: str = "may"
    username: str = ""
    password: str = field(default="", repr=False)
    fallback: str = ""


@use_case
async def add(installation: Installation, wanted: Wanted) -> StoredRoute:
    """A new route; it can be named within two seconds."""
    owner = await names.account_id(installation.registry, wanted.account)
    id = wanted.id or installation.new_id()
    if len(id) > MAX_ID or not _ID.fullmatch(id):
        raise Invalid("id", f"must be of at most {MAX_ID} letters, digits, dots, hyphens and underscores")
    if wanted.tls not in TLS_RULES:
        raise Invalid("tls", f"{wanted.tls!r} is none of {', '.join(TLS_RULES)}")
    if not 1 <= len(wanted.hosts) <= MAX_HOSTS:
        raise Invalid("host", f"from 1 to {MAX_HOSTS} must be given")
    if bool(wanted.username) is not bool(wanted.password):
        raise Invalid("username", "a user name and a password go together")
    hosts, weights = _weighed(wanted.hosts)
    if wanted.fallback and (wanted.fallback == id or not _ID.fullmatch(wanted.fallback)):
        raise Invalid("fallback", f"{wanted.fallback!r} is not the id of another route")
    made = StoredRoute(
        account=owner,
        id=id,
        hosts=hosts,
        tls=wanted.tls,
        username=checked.printable("username", wanted.username, 255),
        sealed=installation.vault.seal(wanted.password, _context(owner, id)) if wanted.password else "",
        created_at=installation.now(),
        weights=weights,
        fallback=wanted.fallback,
    )
    try:
        await installation.routes.add(made)
    except registry_border.Taken as error:
        raise Taken("route", id) from error
    return made


@use_case
async def every(installation: Installation, account: str = "") -> Sequence[StoredRoute]:
    """The routes of an account, or all."""
    return await installation.routes.every((await names.account_id(installation.registry, account)) or None)


@use_case
async def remove(installation: Installation, account: str, id: str) -> None:
    """Forget a route of an account, or ("") one that serves all."""
    owner = await names.account_id(installation.registry, account)
    try:
        await installation.routes.remove(owner, id)
    except KeyError as error:
        raise Unknown("route", id) from error


def open_route(vault: Vault, stored: StoredRoute) -> Route:
    """A stored route as deliveries take it; fails with `VaultError` when it is sealed under another key."""
    password = vault.unseal(stored.sealed, _context(stored.account, stored.id)) if stored.sealed else ""
    hops = [Hop(host, port, stored.tls, stored.username, password, route=stored.id) for host, port in stored.hosts]
    return Route(stored.id, tuple(hops), stored.weights, stored.fallback)


def _weighed(texts: Sequence[str]) -> tuple[tuple[tuple[str, int], ...], tuple[int, ...]]:
    """The hosts, and their weights where they have some."""
    parted = [text.partition("=") for text in texts]
    hosts = tuple(_host(host) for host, _, _ in parted)
    given = [weight for _, sign, weight in parted if sign]
    if not given:
        return hosts, ()
    if len(given) != len(hosts):
        raise Invalid("host", "either all hosts have a weight, or none has")
    if not all(each.isascii() and each.isdigit() and len(each) < 5 and int(each) <= MAX_WEIGHT for each in given):
        raise Invalid("host", f"a weight is a whole number from 0 to {MAX_WEIGHT}")
    if not any(map(int, given)):
        raise Invalid("host", "one of the weights must be above 0")
    return hosts, tuple(map(int, given))


def _host(text: str) -> tuple[str, int]:
    try:
        return split_host(text)
    except ValueError as error:
        raise Invalid("host", f"{text!r} {error}") from error


def _context(account: str, id: str) -> str:
    return f"route:{account}:{id}"
