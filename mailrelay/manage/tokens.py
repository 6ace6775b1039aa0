"""Tokens: what programs use the API by, each for what it is allowed and no more.

A token belongs to an account, and then sees nothing but that (`tenant`), or to the whole installation, and then is an
administrator's. It may be bound to scopes and to networks, and end by itself. Its secret is shown once and kept as a
keyed digest. A token holds for as long as whoever made it could make it still: it ends, and is not found any more, when
that user is blocked, removed, or no longer of its account. One that was made by the command line has no such maker.

A secret has 166 random bits, so nobody guesses one; who tries is held back all the same, by address. Nothing here logs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ..interfaces import registry as registry_border
from ..interfaces.people import ACTIVE, ADMINISTRATOR
from ..interfaces.tokens import Found, Token
from ..mail.envelope import DAY, SECOND
from ..mail.network import within
from . import checked, names, scopes
from .audited import audited
from .caller import TOKEN, USER, Caller
from .errors import Forbidden, Invalid, Taken, Unknown
from .installation import Installation, use_case

#: What every secret begins with, so that people and scanners of source code know it for one.
PREFIX: Final = "mrt_"
#: Characters of a secret that are kept and shown.
BEGIN: Final = len(PREFIX) + 4
#: How exactly it is known when a token was last used.
EXACT: Final = 3600 * SECOND
#: Wrong tokens that an address may send in so many seconds.
TRIES, PERIOD = 100, 600
MAX_DAYS: Final = 3650
MAX_NETWORKS: Final = 100


class TooMany(Exception):
    """An address has sent too many wrong tokens; `seconds` says how long to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__("too many wrong tokens; wait a little")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a token shall be: without `account` an administrator's, without `scopes` for all that its account may,
    without `networks` from anywhere, without `days` without an end."""

    name: str
    account: str = ""
    scopes: Sequence[str] = ()
    networks: Sequence[str] = ()
    days: int = 0


@dataclass(frozen=True, slots=True)
class Issued:
    """A new token with its secret in clear: shown to whoever made it, and kept nowhere."""

    token: Token
    secret: str = field(repr=False)


@audited("token.create")
async def create(installation: Installation, wanted: Wanted) -> Issued:
    """A new token, no mightier than who makes it."""
    caller, now = installation.caller, installation.now()
    if not caller.sees_secrets:
        raise Forbidden("an administrator who acts for an account makes no token of it, for its secret would be shown")
    owner = await names.account_id(installation.registry, wanted.account)
    allowed = scopes.checked(wanted.scopes)
    if caller.scopes is not None and (not allowed or set(allowed) - caller.scopes):
        raise Forbidden("a token makes none that may more than itself: name scopes that it has")
    if len(wanted.networks) > MAX_NETWORKS:
        raise Invalid("networks", f"at most {MAX_NETWORKS} may be given")
    days = checked.number("days", wanted.days, 0, MAX_DAYS)
    secret = PREFIX + installation.new_secret()
    made = Token(
        id=installation.new_id(),
        account=owner,
        name=checked.name("token", wanted.name),
        digest=installation.vault.digest(secret),
        begin=secret[:BEGIN],
        scopes=allowed,
        networks=tuple(dict.fromkeys(map(checked.network, wanted.networks))),
        maker=await _maker(installation, caller),
        created_at=now,
        expires_at=now + days * DAY if days else 0,
    )
    try:
        await installation.tokens.add(made)
    except registry_border.Taken as error:
        raise Taken("token", made.name) from error
    return Issued(made, secret)


async def _maker(installation: Installation, caller: Caller) -> str:
    """The user who answers for a token: one that a token makes is its maker's, too."""
    if caller.kind == USER:
        return caller.id
    if caller.kind == TOKEN:
        return next((each.maker for each in await installation.tokens.every() if each.id == caller.id), "")
    return ""


@use_case
async def every(installation: Installation, account: str = "") -> Sequence[Token]:
    """All tokens, or those of one account, oldest first."""
    owner = await names.account_id(installation.registry, account)
    return await installation.tokens.every(owner or None)


@use_case
async def find(installation: Installation, name: str, account: str = "") -> Token:
    """A token by its id or name; of a name that several accounts have, the account must be told."""
    found = [each for each in await every(installation, account) if name in (each.id, each.name)]
    if not found:
        raise Unknown("token", name)
    if len(found) > 1:
        raise Invalid("account", f"several accounts have a token {name!r}: say which one is meant, or give its id")
    return found[0]


@use_case
async def makers(installation: Installation) -> Mapping[str, str]:
    """The names of users by id, as far as the caller sees them."""
    return {each.id: each.name for each in await installation.people.users()}


@audited("token.revoke")
async def revoke(installation: Installation, name: str, account: str = "") -> Token:
    """Forget a token: the next request with it is refused."""
    found = await find(installation, name, account)
    if not await installation.tokens.remove(found.id):
        raise Unknown("token", name)
    return found


@use_case
async def bearer(installation: Installation, secret: str, address: str) -> Caller | None:
    """Who bears a secret, asking from an IP address; None for nobody, which looks the same whatever is wrong. Cheap:
    one look-up. Fails with `TooMany` for an address that keeps guessing."""
    found = None
    if secret.startswith(PREFIX) and secret.isascii():
        found = await installation.tokens.find(installation.vault.digest(secret))
    now = installation.now()
    if found is None or not _holds(found, now, address):
        await _count(installation, address)
        return None
    token = found.token
    if now - token.used_at >= EXACT:
        await installation.tokens.change(token.id, {"used_at": now})
    allowed = scopes.meant(token.scopes) if token.scopes else None
    return Caller(TOKEN, token.name, token.id, not token.account, token.account, "", allowed, address)


def _holds(found: Found, now: int, address: str) -> bool:
    token, maker = found.token, found.maker
    if token.expires_at and now >= token.expires_at:
        return False
    if token.networks and not within(address, token.networks):
        return False
    if not token.maker:
        return True
    if maker is None or maker.status != ACTIVE:
        return False
    return maker.role == ADMINISTRATOR or (bool(token.account) and maker.account == token.account)


async def _count(installation: Installation, address: str) -> None:
    if installation.counters is None:
        return
    if await installation.counters.fail(f"token:[{address}]", PERIOD) > TRIES:
        raise TooMany(PERIOD)
