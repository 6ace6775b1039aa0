"""User names and passwords of connections: made by us, or taken over from a service that is left.

A secret of ours carries at least 128 random bits and is kept as a keyed digest; one that a person chose is kept as
Argon2id text, whatever it looks like. A sealed copy is kept beside it only while the installation reveals secrets. This
module never prints or logs a secret, and `Issued` hides it from its own text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count

from ..interfaces.registry import Connection, NewCredential
from . import checked
from .errors import Invalid, Taken
from .installation import Installation

ACTIVE, BLOCKED, NOT_ACTIVATED = "active", "blocked", "not_activated"

_UNFIT = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Issued:
    """A connection with its login in clear: shown to the person who asked, and kept nowhere."""

    connection: Connection
    username: str
    password: str = field(repr=False)


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
    """Every user name in use."""
    return [credential.username for each in connections for credential in each.credentials]


async def make(installation: Installation, id: str, username: str, password: str) -> tuple[NewCredential, str]:
    """A credential to be kept and its secret in clear; an empty `password` has one generated."""
    if password:
        secret = checked.password(password)
        kind, digest = "password", await installation.hash_password(secret)
    else:
        secret = installation.new_secret()
        kind, digest = "generated", installation.vault.digest(secret)
    sealed = installation.vault.seal(secret, _context(id)) if installation.reveal_secrets else ""
    return NewCredential(id, username, kind, digest, sealed), secret


def reveal(installation: Installation, connection: Connection) -> Issued:
    """The login of a connection in clear, as far as it is kept."""
    if not connection.credentials:
        raise Invalid("connection", f"{connection.name!r} has no credential")
    credential = connection.credentials[0]
    if not installation.reveal_secrets:
        raise Invalid("reveal", "this installation does not show secrets again (reveal_secrets = false)")
    if not credential.sealed:
        raise Invalid("reveal", "the password was made while secrets were not kept; give the connection a new one")
    return Issued(
        connection, credential.username, installation.vault.unseal(credential.sealed, _context(credential.id))
    )


def _context(id: str) -> str:
    return f"credential:{id}"
