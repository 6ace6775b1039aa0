"""Users, their sessions and tokens as plain data, for command line, API and console (see `plain`)."""

from __future__ import annotations

from collections.abc import Mapping

from ..interfaces.people import Session, User
from ..interfaces.tokens import Token
from .plain import Plain, instant


def user(value: User, owners: Mapping[str, str]) -> Plain:
    """A user; `owners` has the names of accounts by id."""
    return {
        "id": value.id,
        "name": value.name,
        "role": value.role,
        "account": owners.get(value.account, value.account),
        "status": value.status,
        "totp": bool(value.totp),
        "recovery_codes_left": len(value.recovery),
        "created_at": instant(value.created_at),
    }


def session(value: Session) -> Plain:
    """Where somebody is signed in."""
    return {
        "created_at": instant(value.created_at),
        "seen_at": instant(value.seen_at),
        "address": value.address,
        "agent": value.agent,
    }


def token(value: Token, owners: Mapping[str, str], makers: Mapping[str, str]) -> Plain:
    """A token without its secret; `owners` has the names of accounts by id, `makers` those of users."""
    return {
        "id": value.id,
        "name": value.name,
        "account": owners.get(value.account, value.account),
        "begin": value.begin,
        "scopes": list(value.scopes),
        "networks": list(value.networks),
        "made_by": makers.get(value.maker, value.maker),
        "created_at": instant(value.created_at),
        "expires_at": instant(value.expires_at),
        "used_at": instant(value.used_at),
    }
