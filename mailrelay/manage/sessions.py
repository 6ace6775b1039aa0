"""Signing in: name and password, and the one-time code where one is asked for, become a session's token.

The token is drawn here (166 random bits) at every signing-in and kept as a keyed digest, so that none that a browser
brought along comes into force. A wrong name costs as much time as a wrong password and is told in the same words. A
name from one address may be tried `TRIES` times in ten minutes, an address `TRIES_OF_ADDRESS` times, right or wrong;
one-time codes of a user `CODES` times an hour from wherever. Nothing here logs a secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ..interfaces.people import ACTIVE, ADMINISTRATOR, Session, User
from ..mail.envelope import DAY, SECOND
from ..mail.reply import Refusal
from . import names, one_time, users
from .audited import audited, note
from .caller import USER, Caller
from .errors import Invalid
from .installation import Installation, use_case
from .rights import administrators_only, require_administrator

TRIES, TRIES_OF_ADDRESS, CODES = 20, 100, 10
PERIOD, CODE_PERIOD = 600, 3600  #: seconds

#: Microseconds for which a session lasts: without being used, and at all.
IDLE: Final = DAY // 2
LONGEST: Final = 14 * DAY
#: How exactly it is known when a session was last used.
EXACT: Final = 60 * SECOND

_AGENT = 200


class Denied(Invalid):
    """Name, password or code are not right, in words that do not tell which."""

    def __init__(self) -> None:
        super().__init__("password", "the name, the password or the code is not right")


class CodeNeeded(Invalid):
    """Name and password are right, and a one-time code is missing."""

    def __init__(self) -> None:
        super().__init__("code", "give the code that your application shows, or a recovery code")


class Throttled(Invalid):
    """Too many tries; `seconds` says how long to wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__("password", "too many tries; wait a little")
        self.seconds = max(1, round(seconds))


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session: the token for the browser alone, and who it is."""

    token: str = field(repr=False)
    caller: Caller


@use_case
async def sign_in(
    installation: Installation, name: str, password: str, code: str = "", address: str = "", agent: str = ""
) -> SignedIn:
    """A new session. Fails with `Denied`, `CodeNeeded` or `Throttled`."""
    name = users.folded(name)[: users.MAX_PASSWORD]
    await _throttle(installation, f"sign-in:[{address}]", TRIES_OF_ADDRESS, PERIOD)
    await _throttle(installation, f"sign-in:[{address}]:{name}", TRIES, PERIOD)
    user = await installation.people.named(name)
    known = user is not None and user.status == ACTIVE
    digest = user.password if user is not None and known else ""
    if len(password) > users.MAX_PASSWORD:
        password, digest = "", ""
    try:
        right = await installation.verify_password(name, digest, password, address)
    except Refusal as refusal:  # too many wait for their password to be looked at
        raise Throttled(5) from refusal
    if user is None or not right:
        raise Denied
    if user.totp:
        await _check_code(installation, user, "".join(code.split()))
    token, now = installation.new_secret(), installation.now()
    printable = "".join(each for each in agent if each.isprintable())[:_AGENT]
    session = Session(installation.vault.digest(token), user.id, now, now, address, printable)
    # the password may have changed while it was looked at
    if not await installation.people.open(session, user.password):
        raise Denied
    caller = _caller(user, session)
    await note(installation.asked_by(caller), "session.sign-in", {}, user)
    return SignedIn(token, caller)


@use_case
async def find(installation: Installation, token: str, address: str = "") -> Caller | None:
    """Who bears a token; None for a session that has ended or never was. Cheap: one look-up, and now and then a note
    of when it was last used."""
    if not token.isascii():
        return None
    digest, now = installation.vault.digest(token), installation.now()
    found = await installation.people.session(digest)
    if found is None:
        return None
    session, user = found
    if user.status != ACTIVE or _over(session, now):
        await installation.people.end(digest)
        return None
    if now - session.seen_at >= EXACT:
        await installation.people.touch(digest, {"seen_at": now})
    caller = _caller(user, session)
    return replace(caller, address=address) if address else caller


@use_case
async def sign_out(installation: Installation, token: str) -> None:
    """End a session."""
    digest = installation.vault.digest(token)
    found = await installation.people.session(digest)
    await installation.people.end(digest)
    if found is not None:
        session, user = found
        await note(installation.asked_by(_caller(user, session)), "session.sign-out", {}, user)


@use_case
async def act_for(installation: Installation, token: str, account: str) -> Caller:
    """Let an administrator see the installation as an account does, without its secrets; "" ends that."""
    caller = await find(installation, token)
    if caller is None:
        raise Denied
    require_administrator(caller, "act for an account")
    acting = (await names.account(installation.registry, account)).id if account else ""
    await installation.people.touch(installation.vault.digest(token), {"acting": acting})
    await note(installation.asked_by(caller), "session.act-for", {"account": acting}, None)
    return replace(caller, acting=acting)


@use_case
async def every(installation: Installation, name: str) -> Sequence[Session]:
    """The sessions of a user that last, oldest first."""
    user = await users.oneself(installation, name)
    now = installation.now()
    return [each for each in await installation.people.sessions(user.id) if not _over(each, now)]


@audited("session.end-all")
async def end_all(installation: Installation, name: str) -> None:
    """End every session of a user."""
    user = await users.oneself(installation, name)
    await installation.people.change(user.id, {"status": user.status}, True)


@use_case
@administrators_only
async def sweep(installation: Installation) -> int:
    """A chore: forget the sessions that are over."""
    now = installation.now()
    return await installation.people.end_old(now - LONGEST, now - IDLE)


async def throttle(installation: Installation, key: str) -> None:
    """Count a try at somebody's password; fails with `Throttled`."""
    await _throttle(installation, key, TRIES, PERIOD)


async def renew(installation: Installation, user: User, old: Session) -> SignedIn:
    """A session in place of one that has just ended, for who proved to be themselves in it."""
    token = installation.new_secret()
    session = replace(old, digest=installation.vault.digest(token), seen_at=installation.now())
    if not await installation.people.open(session, user.password):
        raise Denied
    return SignedIn(token, _caller(user, session))


async def _check_code(installation: Installation, user: User, code: str) -> None:
    if not code:
        raise CodeNeeded
    await _throttle(installation, f"sign-in-code:{user.id}", CODES, CODE_PERIOD)
    step = one_time.step_of(installation.vault, user, user.totp, code, installation.now())
    if step and await installation.people.use_step(user.id, step):
        return
    digest = one_time.recovery_digest(installation.vault, code)
    if not await installation.people.use_recovery(user.id, digest):
        raise Denied


async def _throttle(installation: Installation, key: str, most: int, period: int) -> None:
    """At most that many tries in the period, taken before anything is looked at, so that none slip through together."""
    if installation.counters is None:
        return
    wait = await installation.counters.throttle(key, 1, most, period, most)
    if wait:
        raise Throttled(wait)


def _over(session: Session, now: int) -> bool:
    return now - session.seen_at > IDLE or now - session.created_at > LONGEST


def _caller(user: User, session: Session) -> Caller:
    administrator = user.role == ADMINISTRATOR
    return Caller(USER, user.name, user.id, administrator, user.account, session.acting, None, session.address)
