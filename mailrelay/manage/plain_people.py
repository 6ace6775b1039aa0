"""Users, their sessions and what they changed as plain data, for command line, API and console (see `plain`)."""

from __future__ import annotations

from collections.abc import Mapping

from ..interfaces.people import Session, User
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
