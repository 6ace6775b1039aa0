"""User names, passwords and keys of connections: made by us, or taken over from a service that is left.

A connection may have several: a login with its password, a key that is itself the look-up, a short password for
applications that take no longer one. A secret of ours carries at least 128 random bits, a short one 95, and is kept as
a keyed digest; one that a person chose is kept as Argon2id text, whatever it looks like. A sealed copy is kept beside
it only while the installation reveals secrets. This module never prints or logs a secret, and `Issued` hides it from
its own text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count

from ..interfaces.registry import Connection, NewCredential
from ..policy.dialect import Dialect
from . import checked
from .errors import Invalid, Taken
from .installation import Installation

ACTIVE, BLOCKED, NOT_ACTIVATED = "active", "blocked", "not_activated"

#: Letters and digits of a short password, and of a user name made for one.
SHORT = 16

_UNFIT = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Issued:
    """A connection with its logins in clear: shown to the person who asked, and kept nowhere.

    `username` and `password` are what an application that knows of no other is given; where that is a key, it stands in
    `api_key`, too. What a connection does not have is "".
    """

    connection: Connection
    username: str = field(repr=False)
    password: str = field(repr=False)
    api_key: str = field(default="", repr=False)
    short_username: str = ""
    short_password: str = field(default="", repr=False)


def slug(name: str) -> str:
    """A name as it may stand in the local part of an address: lower-case ASCII, everything else a hyphen."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    return _UNFIT.sub("-", plain)[:40].strip("-") or "connection"


def free_username(pattern: str, name: str, domain: str, taken: Iterable[str]) -> str:
    """The dialect's pattern filled in; the name is numbered from 2 on while another connection has that user name."""
    used = {each.casefold() for each in taken}
    stem = slug(name)
    for number in count(1):
        found = pattern.format(name=stem if number == 1 else f"{stem}-{number}", domain=domain)
        if found.casefold() not in used:
            return found
        if "{name}" not in pattern:
            break
    raise Taken("username", found)


def usernames(connections: Iterable[Connection]) -> list[str]:
    """Every user name in use that belongs to one connection."""
    return [login.username for each in connections for login in each.credentials if not login.by_itself]


async def make(installation: Installation, id: str, username: str, password: str) -> tuple[NewCredential, str]:
    """A login to be kept and its secret in clear; an empty `password` has one generated."""
    if password:
        secret = checked.password(password)
        kind, digest = "password", await installation.hash_password(secret)
    else:
        secret = installation.new_secret()
        kind, digest = "generated", installation.vault.digest(secret)
    return NewCredential(id, username, kind, digest, _sealed(installation, id, secret)), secret


def make_key(installation: Installation, id: str, dialect: Dialect, key: str = "") -> tuple[NewCredential, str]:
    """A key that is itself the look-up, generated unless one is given; its user name is only shown."""
    if not dialect.key_usernames:
        raise Invalid("api-key", f"the dialect {dialect.name!r} knows logins with a password only")
    secret = checked.api_key(key) if key else installation.new_secret()
    fixed = [each for each in dialect.key_usernames if "*" not in each and "{" not in each]
    digest = installation.vault.digest(secret)
    sealed = _sealed(installation, id, secret)
    return NewCredential(id, fixed[0] if fixed else "", "api_key", digest, sealed, True), secret


def make_short(installation: Installation, id: str, sender: str, *, own_name: bool) -> tuple[NewCredential, str]:
    """A short password, with a user name of its own, or for any address that the connection sends from."""
    secret = installation.new_secret()[:SHORT]
    username = installation.new_secret()[:SHORT] if own_name else sender
    digest = installation.vault.digest(secret)
    return NewCredential(id, username, "short", digest, _sealed(installation, id, secret), not own_name), secret


def reveal(installation: Installation, connection: Connection) -> Issued:
    """The logins of a connection in clear, as far as they are kept."""
    if not connection.credentials:
        raise Invalid("connection", f"{connection.name!r} has no credential")
    if not installation.caller.sees_secrets:
        raise Invalid("reveal", "an administrator who acts for an account is shown no password")
    if not installation.reveal_secrets:
        raise Invalid("reveal", "this installation does not show secrets again (reveal_secrets = false)")
    if not any(each.sealed for each in connection.credentials):
        raise Invalid("reveal", "the password was made while secrets were not kept; give the connection a new one")
    vault = installation.vault
    clear = {each.id: vault.unseal(each.sealed, _context(each.id)) for each in connection.credentials if each.sealed}
    return issued(connection, clear)


def issued(connection: Connection, clear: Mapping[str, str]) -> Issued:
    """A connection with those of its secrets that are in `clear`, by the id of the credential."""
    first = usual(connection)
    key = find(connection, "api_key")
    short = find(connection, "short")
    secret = clear.get(first.id, "")
    return Issued(
        connection,
        # where any user name goes with a key, the key itself does, and fits where an application insists on one
        first.username or secret,
        secret,
        clear.get(key.id, "") if key else "",
        short.username if short else "",
        clear.get(short.id, "") if short else "",
    )


def told(installation: Installation, issued: Issued) -> Issued:
    """What the caller is told of new logins: no secret, if an administrator acts for the account."""
    if installation.caller.sees_secrets:
        return issued
    return Issued(issued.connection, usual(issued.connection).username, "", "", issued.short_username)


def usual(connection: Connection) -> NewCredential:
    """What an application that knows of nothing else is given: a login with its password, else a key."""
    return find(connection, "password", "generated") or find(connection, "api_key") or connection.credentials[0]


def find(connection: Connection, *kinds: str) -> NewCredential | None:
    """The first credential of these kinds."""
    return next((each for each in connection.credentials if each.kind in kinds), None)


def _sealed(installation: Installation, id: str, secret: str) -> str:
    return installation.vault.seal(secret, _context(id)) if installation.reveal_secrets else ""


def _context(id: str) -> str:
    return f"credential:{id}"
