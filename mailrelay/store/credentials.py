"""Credentials in their table: a user name is claimed for one connection in any case of letters, a key by its digest."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ..interfaces.registry import NewCredential, Taken
from .directory import fold
from .schema import credentials, logins
from .work import Work


def put_credential(work: Work, connection: str, credential: NewCredential) -> None:
    """Claim the user name, in any case of letters, and write the credential."""
    name = "" if credential.by_itself else fold(credential.username)
    if name:
        owner = work.execute(sa.select(logins.c.connection).where(logins.c.username == name)).scalar()
        if owner is None:
            work.execute(sa.insert(logins), {"username": name, "connection": connection})
        elif owner != connection:
            raise Taken(f"user name {credential.username}")
    else:
        same = sa.select(credentials.c.id).where(
            credentials.c.digest == credential.digest, credentials.c.username_folded == ""
        )
        refuse_if_found(work, same, "a key like this one")
    refuse_if_found(
        work, sa.select(credentials.c.id).where(credentials.c.id == credential.id), f"credential {credential.id}"
    )
    work.execute(
        sa.insert(credentials),
        {
            "id": credential.id,
            "connection": connection,
            "username": credential.username,
            "username_folded": name,
            "kind": credential.kind,
            "digest": credential.digest,
            "sealed": credential.sealed,
        },
    )


def remove_credential(work: Work, connection: str, id: str) -> str:
    """Take a credential of a connection away; gives whose it is, and takes away none of another's."""
    columns = sa.select(credentials.c.connection, credentials.c.username_folded)
    found = work.execute(columns.where(credentials.c.id == id)).first()
    if found is None:
        return ""
    if found.connection == connection:
        work.execute(sa.delete(credentials).where(credentials.c.id == id))
        left = sa.select(credentials.c.id).where(credentials.c.username_folded == found.username_folded)
        if not work.execute(left).first():
            work.execute(sa.delete(logins).where(logins.c.username == found.username_folded))
    return str(found.connection)


def refuse_if_found(work: Work, statement: sa.Select[Any], what: str) -> None:
    if work.execute(statement.limit(1)).first():
        raise Taken(what)
