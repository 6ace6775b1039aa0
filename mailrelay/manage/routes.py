"""Stored routes: ways out that an account sends by, or (account "") that every account may name.

A message names one in the header that its dialect has for it; a connection has a default; a route may serve recipient
domains; an account with one of its own sends by it. A route leads to smart hosts, or by MX to each domain's own hosts
from a pool of our addresses. The password is kept sealed and never shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from ipaddress import ip_address
from typing import Any, TypeAlias

from ..config.kinds import domain_pattern, split_host
from ..interfaces import registry as registry_border
from ..interfaces.routes import StoredRoute
from ..mail.envelope import Hop
from ..policy.route import MxRoute, Route
from ..policy.simulation import SIMULATOR
from ..vault import Vault
from . import checked, names
from .audited import audited
from .errors import Invalid, Taken, Unknown
from .installation import Installation, use_case
from .rights import administrators_only

TLS_RULES = ("none", "may", "require", "verify")
MAX_ID = 64
MAX_HOSTS = 20
MAX_WEIGHT = 1000
MAX_SOURCES = 100
MAX_DOMAINS = 1000

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a route shall be; an empty `id` is generated.

    `hosts` as ``host:port``, the preferred one first, or each as ``host:port=weight``; or `mx`, with our addresses in
    `sources`. `fallback` is the id of the route that takes over, or the name of a configured one; `domains` are those
    of recipients whose mail takes the route where none is named.
    """

    hosts: Sequence[str] = ()
    id: str = ""
    account: str = ""
    tls: str = "may"
    username: str = ""
    password: str = field(default="", repr=False)
    fallback: str = ""
    mx: bool = False
    port: int = 25
    sources: Sequence[str] = ()
    rotate: bool = False
    domains: Sequence[str] = ()


#: What can be set of a route that exists.
SETTABLE = tuple(each.name for each in fields(Wanted) if each.name not in ("id", "account"))


@audited("route.add")
@administrators_only
async def add(installation: Installation, wanted: Wanted) -> StoredRoute:
    """A new route; it can be named within two seconds."""
    owner = await names.account_id(installation.registry, wanted.account)
    id = wanted.id or installation.new_id()
    if len(id) > MAX_ID or not _ID.fullmatch(id):
        raise Invalid("id", f"must be of at most {MAX_ID} letters, digits, dots, hyphens and underscores")
    if id == SIMULATOR:
        raise Invalid("id", f"{SIMULATOR} is that of connections marked sandbox")
    made = await _checked(installation, owner, replace(wanted, id=id))
    try:
        await installation.routes.add(made)
    except registry_border.Taken as error:
        raise Taken("route", id) from error
    return made


@audited("route.change")
@administrators_only
async def change(installation: Installation, account: str, id: str, changes: Mapping[str, Any]) -> StoredRoute:
    """Set some of `SETTABLE` of a route, the others as they are; holds within two seconds. A new user name takes a new
    password with it; an empty one is no login."""
    old = await find(installation, account, id)
    for name in changes:
        if name not in SETTABLE:
            raise Invalid(name, "is not known here")
    password = installation.vault.unseal(old.sealed, _context(old.account, id)) if old.sealed else ""
    if changes.get("username", old.username) != old.username and "password" not in changes:
        password = ""
    as_it_is = Wanted(
        hosts=written(old),
        id=id,
        tls=old.tls,
        username=old.username,
        password=password,
        fallback=old.fallback,
        mx=old.mx,
        port=old.port,
        sources=old.sources,
        rotate=old.rotate,
        domains=old.domains,
    )
    wanted = replace(as_it_is, **changes)
    made = replace(await _checked(installation, old.account, wanted), created_at=old.created_at)
    try:
        await installation.routes.put(made)
    except KeyError as error:
        raise Unknown("route", id) from error
    return made


@use_case
async def find(installation: Installation, account: str, id: str) -> StoredRoute:
    """The route of an account, or ("") one that serves all; of an id that only one account has, that one."""
    owner = await names.account_id(installation.registry, account)
    found = [each for each in await installation.routes.every(owner or None) if each.id == id]
    shared = [each for each in found if not each.account]
    if not owner and len(found) > 1 and not shared:
        raise Invalid("account", f"several have a route {id}: say which")
    if not found:
        raise Unknown("route", id)
    return (shared or found)[0]


@use_case
async def every(installation: Installation, account: str = "") -> Sequence[StoredRoute]:
    """The routes of an account, or all."""
    return await installation.routes.every((await names.account_id(installation.registry, account)) or None)


@audited("route.remove")
@administrators_only
async def remove(installation: Installation, account: str, id: str) -> None:
    """Forget a route of an account, or ("") one that serves all; not while another falls back on it."""
    owner = await names.account_id(installation.registry, account)
    for each in await installation.routes.every():
        if each.fallback == id and owner in ("", each.account) and each.id != id:
            raise Invalid("id", f"route {each.id} falls back on {id}")
    try:
        await installation.routes.remove(owner, id)
    except KeyError as error:
        raise Unknown("route", id) from error


def open_route(vault: Vault, stored: StoredRoute) -> Route | MxRoute:
    """A stored route as deliveries take it; fails with `VaultError` when it is sealed under another key."""
    if stored.mx:
        return MxRoute(
            stored.id,
            stored.port,
            stored.tls,
            fallback=stored.fallback,
            sources=stored.sources,
            rotate=stored.rotate,
        )
    password = vault.unseal(stored.sealed, _context(stored.account, stored.id)) if stored.sealed else ""
    hops = [Hop(host, port, stored.tls, stored.username, password, route=stored.id) for host, port in stored.hosts]
    return Route(stored.id, tuple(hops), stored.weights, stored.fallback)


def written(stored: StoredRoute) -> list[str]:
    """The hosts of a route as `Wanted` has them."""
    hosts = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in stored.hosts]
    if not stored.weights:
        return hosts
    return [f"{host}={weight}" for host, weight in zip(hosts, stored.weights, strict=True)]


async def _checked(installation: Installation, owner: str, wanted: Wanted) -> StoredRoute:
    """A wanted route as it is kept, or `Invalid`."""
    if wanted.tls not in TLS_RULES:
        raise Invalid("tls", f"{wanted.tls!r} is none of {', '.join(TLS_RULES)}")
    if bool(wanted.username) is not bool(wanted.password):
        raise Invalid("username", "a user name and a password go together")
    hosts, weights = _mx(wanted) if wanted.mx else _smart(wanted)
    others = await installation.routes.every()
    known = {each.id for each in others if each.account in ("", owner)} | installation.route_names
    if wanted.fallback and (wanted.fallback == wanted.id or wanted.fallback not in known):
        raise Invalid("fallback", f"{wanted.fallback!r} is not the id of another route")
    domains = _domains(wanted.domains)
    for each in others:
        if each.account == owner and each.id != wanted.id and (taken := set(domains) & set(each.domains)):
            raise Invalid("domains", f"{min(taken)} is served by route {each.id}")
    return StoredRoute(
        account=owner,
        id=wanted.id,
        hosts=hosts,
        tls=wanted.tls,
        username=checked.printable("username", wanted.username, 255),
        sealed=installation.vault.seal(wanted.password, _context(owner, wanted.id)) if wanted.password else "",
        created_at=installation.now(),
        weights=weights,
        fallback=wanted.fallback,
        mx=wanted.mx,
        port=wanted.port,
        sources=_sources(wanted.sources),
        rotate=wanted.rotate,
        domains=domains,
    )


_Hosts: TypeAlias = tuple[tuple[tuple[str, int], ...], tuple[int, ...]]


def _mx(wanted: Wanted) -> _Hosts:
    for name in ("hosts", "username"):
        if getattr(wanted, name):
            raise Invalid(name, "a route by MX has none")
    if not 1 <= wanted.port <= 65535:
        raise Invalid("port", "must be from 1 to 65535")
    return (), ()


def _smart(wanted: Wanted) -> _Hosts:
    if not 1 <= len(wanted.hosts) <= MAX_HOSTS:
        raise Invalid("host", f"from 1 to {MAX_HOSTS} must be given, or mx")
    for name, usual in (("sources", ()), ("rotate", False), ("port", 25)):
        if getattr(wanted, name) not in (usual, []):
            raise Invalid(name, "only a route by MX has it")
    return _weighed(wanted.hosts)


def _sources(texts: Sequence[str]) -> tuple[str, ...]:
    """Our own addresses, each once."""
    if len(texts) > MAX_SOURCES:
        raise Invalid("sources", f"at most {MAX_SOURCES} may be given")
    try:
        return tuple(dict.fromkeys(str(ip_address(text)) for text in texts))
    except ValueError as error:
        raise Invalid("sources", str(error)) from error


def _domains(texts: Sequence[str]) -> tuple[str, ...]:
    if len(texts) > MAX_DOMAINS:
        raise Invalid("domains", f"at most {MAX_DOMAINS} may be given")
    try:
        return tuple(dict.fromkeys(map(domain_pattern, texts)))
    except ValueError as error:
        raise Invalid("domains", str(error)) from error


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
