"""What people change of their own way to sign in, by the session that they sit in: password, one-time codes, sessions.

Each needs the token of a session, and whatever weakens or changes how somebody signs in needs the password again: an
open browser is not enough to take a person's place. All sessions end then, and the person goes on in a fresh one, so
that no token of before holds. Nothing here logs a secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..interfaces.people import Session, User
from ..mail.reply import Refusal
from . import one_time, sessions, users
from .audited import note
from .caller import Caller
from .errors import Invalid, Unknown
from .installation import Installation, use_case
from .one_time import Offered
from .sessions import SignedIn

#: Characters of a session's digest by which it is named in a form.
NAMED = 16


@dataclass(frozen=True, slots=True)
class Confirmed:
    """One-time codes are asked for from now on: the fresh session, and the recovery codes, which are shown once."""

    signed: SignedIn
    codes: tuple[str, ...] = field(repr=False)


@use_case
async def show(installation: Installation, token: str) -> User:
    """Who sits in this session."""
    _, user, _ = await _sits(installation, token)
    return user


@use_case
async def change_password(installation: Installation, token: str, old: str, new: str) -> SignedIn:
    """Another password; every other session ends. A wrong old one fails with `Invalid` beside `old`."""
    session, user, place = await _sits(installation, token)
    await _prove(installation, user, session, old, "old")
    if old == new:
        raise Invalid("new", "is the one that you have")
    try:
        await users.set_password(place, user.id, new)
    except Invalid as fault:
        raise Invalid("new", fault.reason) from fault
    return await _again(installation, session, user.id)


@use_case
async def begin_totp(installation: Installation, token: str, password: str) -> Offered:
    """A secret for one-time codes, in force once a code of it was given to `confirm_totp`."""
    session, user, place = await _sits(installation, token)
    await _prove(installation, user, session, password, "password")
    return await users.begin_totp(place, user.id)


@use_case
async def offered(installation: Installation, token: str) -> Offered | None:
    """What `begin_totp` gave and no code has confirmed yet."""
    _, user, _ = await _sits(installation, token)
    return one_time.offered(installation.vault, user, users.ISSUER)


@use_case
async def confirm_totp(installation: Installation, token: str, code: str) -> Confirmed:
    """Ask for one-time codes from now on; every other session ends."""
    session, user, place = await _sits(installation, token)
    codes = await users.confirm_totp(place, user.id, code)
    return Confirmed(await _again(installation, session, user.id), codes)


@use_case
async def remove_totp(installation: Installation, token: str, password: str) -> SignedIn:
    """Ask for no one-time codes any more; every other session ends."""
    session, user, place = await _sits(installation, token)
    await _prove(installation, user, session, password, "password")
    await users.remove_totp(place, user.id)
    return await _again(installation, session, user.id)


@use_case
async def every_session(installation: Installation, token: str) -> Sequence[tuple[str, Session, bool]]:
    """Where the person is signed in, the newest first: by what each session is named, and whether it is this one."""
    session, user, place = await _sits(installation, token)
    found = await sessions.every(place, user.id)
    return [(each.digest[:NAMED], each, each.digest == session.digest) for each in reversed(found)]


@use_case
async def end_session(installation: Installation, token: str, named: str) -> None:
    """End one session of the person."""
    _, user, place = await _sits(installation, token)
    for each in await installation.people.sessions(user.id):
        if each.digest[:NAMED] == named:
            await installation.people.end(each.digest)
            await note(place, "session.end", {}, user)
            return
    raise Unknown("session", named)


@use_case
async def end_other_sessions(installation: Installation, token: str) -> int:
    """End all sessions of the person but this one; fires with how many."""
    session, user, place = await _sits(installation, token)
    others = [each for each in await installation.people.sessions(user.id) if each.digest != session.digest]
    for each in others:
        await installation.people.end(each.digest)
    if others:
        await note(place, "session.end-others", {}, user)
    return len(others)


async def _sits(installation: Installation, token: str) -> tuple[Session, User, Installation]:
    """The session, whose it is, and the installation asked by them alone, for whomever they act."""
    caller = await sessions.find(installation, token)
    found = await installation.people.session(installation.vault.digest(token)) if caller is not None else None
    if caller is None or found is None:
        raise sessions.Denied
    session, user = found
    return session, user, installation.asked_by(_oneself(caller))


def _oneself(caller: Caller) -> Caller:
    return replace(caller, acting="")


async def _prove(installation: Installation, user: User, session: Session, password: str, field: str) -> None:
    """The password again, no more often than at the door."""
    try:
        await sessions.throttle(installation, f"sign-in:[{session.address}]:{user.name}")
        right = len(password) <= users.MAX_PASSWORD and await installation.verify_password(
            user.name, user.password, password, session.address
        )
    except (sessions.Throttled, Refusal) as fault:
        raise Invalid(field, "too many tries; wait a little") from fault
    if not right:
        raise Invalid(field, "is not right")


async def _again(installation: Installation, old: Session, id: str) -> SignedIn:
    """A fresh session in place of one that ended with all others."""
    user = next(each for each in await installation.people.users() if each.id == id)
    return await sessions.renew(installation, user, old)
