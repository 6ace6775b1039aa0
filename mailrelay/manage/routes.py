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

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a route shall be: `hosts` as ``host:port``, the preferred one first; an empty `id` is generated."""

    hosts: Sequence[str]
    id: str = ""
    account: str = ""
    tls: str = "may"
    username: str = ""
    password: str = field(default="", repr=False)


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
    made = StoredRoute(
        account=owner,
        id=id,
        hosts=tuple(map(_host, wanted.hosts)),
        tls=wanted.tls,
        username=checked.printable("username", wanted.username, 255),
        sealed=installation.vault.seal(wanted.password, _context(owner, id)) if wanted.password else "",
        created_at=installation.now(),
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
    return Route(stored.id, tuple(hops))


def _host(text: str) -> tuple[str, int]:
    try:
        return split_host(text)
    except ValueError as error:
        raise Invalid("host", f"{text!r} {error}") from error


def _context(account: str, id: str) -> str:
    return f"route:{account}:{id}"
