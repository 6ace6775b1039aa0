"""People who sign in: administrators of the installation, and members of one account.

A password that somebody sets, a role that changes and a second factor that goes end all sessions of the user. This
module never prints or logs a secret.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..interfaces import registry as registry_border
from ..interfaces.people import ACTIVE, ADMINISTRATOR, BLOCKED, MEMBER, User
from . import checked, names, one_time
from .audited import audited
from .errors import Invalid, Taken, Unknown
from .installation import Installation, use_case
from .one_time import Offered
from .rights import administrators_only, require_administrator

#: Shortest password, in characters (NIST SP 800-63B, 3.1.1.2, where it is not the only factor).
MIN_PASSWORD = 8
#: Longest, in octets: more would only cost time.
MAX_PASSWORD = 256
#: What names the installation in a telephone's application.
ISSUER = "mailrelay"

_NAME = re.compile(r"[a-z0-9][a-z0-9._%+@-]{0,99}")


@dataclass(frozen=True, slots=True)
class Made:
    """A user with the password in clear: shown to whoever made them, and kept nowhere."""

    user: User
    password: str = field(repr=False)


def folded(name: str) -> str:
    """A user's name as it is kept and looked for."""
    return unicodedata.normalize("NFKC", name.strip()).casefold()


@audited("user.add")
@administrators_only
async def add(installation: Installation, name: str, account: str = "", password: str = "") -> Made:
    """A member of an account, or without one an administrator; without a password one is made."""
    name = folded(name)
    if not _NAME.fullmatch(name):
        raise Invalid("name", "must be an e-mail address or a word of a-z, 0-9 and ._%+@- (1 to 100 characters)")
    owner = (await names.account(installation.registry, account)).id if account else ""
    secret = good_password(name, password) if password else installation.new_secret()
    digest = await installation.hash_password(secret)
    role = MEMBER if owner else ADMINISTRATOR
    made = User(installation.new_id(), name, role, owner, digest, created_at=installation.now())
    try:
        await installation.people.add(made)
    except registry_border.Taken as error:
        raise Taken("user", name) from error
    return Made(made, secret)


@use_case
async def every(installation: Installation, account: str = "") -> Sequence[User]:
    """Everybody, or the members of one account, oldest first."""
    owner = (await names.account(installation.registry, account)).id if account else ""
    return [each for each in await installation.people.users() if owner in ("", each.account)]


@use_case
async def find(installation: Installation, name: str) -> User:
    """A user by name or id."""
    return await named(installation, name)


@audited("user.set-password")
async def set_password(installation: Installation, name: str, password: str = "") -> Made:
    """Another password, made here unless it is given; every session of the user ends."""
    user = await oneself(installation, name)
    secret = good_password(user.name, password) if password else installation.new_secret()
    digest = await installation.hash_password(secret)
    return Made(await _change(installation, user, {"password": digest}, end_sessions=True), secret)


@audited("user.set-role")
@administrators_only
async def set_role(installation: Installation, name: str, account: str = "") -> User:
    """Make a user a member of an account, or without one an administrator; their sessions end."""
    user = await named(installation, name)
    owner = (await names.account(installation.registry, account)).id if account else ""
    if owner:
        await _another_administrator(installation, user)
    changes = {"role": MEMBER if owner else ADMINISTRATOR, "account": owner}
    return await _change(installation, user, changes, end_sessions=True)


@audited("user.block")
@administrators_only
async def block(installation: Installation, name: str) -> User:
    """Let a user sign in no more; their sessions end."""
    user = await named(installation, name)
    await _another_administrator(installation, user)
    return await _change(installation, user, {"status": BLOCKED}, end_sessions=True)


@audited("user.activate")
@administrators_only
async def activate(installation: Installation, name: str) -> User:
    """Let a blocked user sign in again."""
    return await _change(installation, await named(installation, name), {"status": ACTIVE})


@audited("user.remove")
@administrators_only
async def remove(installation: Installation, name: str) -> User:
    """Forget a user; the last administrator stays."""
    user = await named(installation, name)
    await _another_administrator(installation, user)
    await installation.people.remove(user.id)
    return user


@audited("user.begin-totp")
async def begin_totp(installation: Installation, name: str) -> Offered:
    """A secret for one-time codes, in force once a code of it was given to `confirm_totp`."""
    user = await oneself(installation, name)
    offered = one_time.offer(user.name, ISSUER)
    await _change(installation, user, {"totp_offered": one_time.seal(installation.vault, user.id, offered.secret)})
    return offered


@audited("user.confirm-totp")
async def confirm_totp(installation: Installation, name: str, code: str) -> tuple[str, ...]:
    """Ask for one-time codes from now on; fires with the recovery codes, which are shown once. Sessions end that began
    without one."""
    user = await oneself(installation, name)
    if not user.totp_offered:
        raise Invalid("code", "no one-time codes were begun for this user")
    step = one_time.step_of(installation.vault, user, user.totp_offered, "".join(code.split()), installation.now())
    if not step:
        raise Invalid("code", "is not the one that the application shows now; is its clock right?")
    codes = one_time.recovery_codes(installation.new_secret)
    digests = tuple(one_time.recovery_digest(installation.vault, each) for each in codes)
    changes = {"totp": user.totp_offered, "totp_offered": "", "totp_step": step, "recovery": digests}
    await _change(installation, user, changes, end_sessions=True)
    return codes


@audited("user.remove-totp")
async def remove_totp(installation: Installation, name: str) -> User:
    """Ask a user for no one-time codes any more; their sessions end."""
    user = await oneself(installation, name)
    return await _change(installation, user, {"totp": "", "totp_offered": "", "recovery": ()}, end_sessions=True)


async def named(installation: Installation, name: str) -> User:
    """A user by name or id."""
    wanted = folded(name)
    for each in await installation.people.users():
        if wanted == each.name or name == each.id:
            return each
    raise Unknown("user", name)


async def oneself(installation: Installation, name: str) -> User:
    """A user by name or id, of whom nobody but an administrator and they themselves change how they sign in."""
    user = await named(installation, name)
    if user.id != installation.caller.id:
        require_administrator(installation.caller, "change how somebody else signs in")
    return user


def good_password(name: str, password: str) -> str:
    """A password that a person chose; fails with `Invalid`."""
    if len(password) < MIN_PASSWORD:
        raise Invalid("password", f"must have at least {MIN_PASSWORD} characters")
    if len(password.encode("utf-8", "surrogateescape")) > MAX_PASSWORD:
        raise Invalid("password", f"is longer than {MAX_PASSWORD} octets")
    if folded(password) in (name, name.partition("@")[0]) or len(set(password)) < 3:
        raise Invalid("password", "is too easy to guess")
    return checked.password(password)


async def _change(
    installation: Installation, user: User, changes: Mapping[str, object], *, end_sessions: bool = False
) -> User:
    try:
        return await installation.people.change(user.id, changes, end_sessions)
    except KeyError:
        raise Unknown("user", user.name) from None


async def _another_administrator(installation: Installation, user: User) -> None:
    """Somebody must be left to look after the installation, once there was somebody."""
    others = [each for each in await installation.people.users() if each.id != user.id]
    if user.role == ADMINISTRATOR and not any(each.role == ADMINISTRATOR and each.status == ACTIVE for each in others):
        raise Invalid("user", f"{user.name} is the last administrator who can sign in")
