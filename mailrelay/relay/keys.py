"""Login by a key that comes with the message, where a dialect judges credentials at end of data.

`KeyLogin` says whose a key is: one look-up by its digest, no Argon2, whatever user name stands beside it. The guard
holds as at AUTH, and every wrong key counts. `LateChecker` and `LateRealm` are what cred's portal needs before that:
they let in everybody, as nobody yet. Nothing here ever logs a secret.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.portal import IRealm
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from zope.interface import Interface, implementer

from ..interfaces.counters import ICounters, login_key
from ..interfaces.directory import ConnectionFacts, IDirectory
from ..interfaces.submission import IConnection, INoLogin, IPasswordLogin, PasswordLogin, Peer
from ..mail.reply import Refusal
from ..policy.dialect import Dialect, Dialects
from .login import LoginGuard, obstacle

log = Logger()

#: What stands for a user name where AUTH gave none: no client can give it.
NO_NAME = "\0"


class KeyLogin:
    """Who gives a key, and comes from there."""

    def __init__(
        self,
        directory: IDirectory,
        counters: ICounters,
        digest: Callable[[str], str],
        guard: LoginGuard,
        dialects: Dialects,
        dialect: Dialect,
    ) -> None:
        self._directory = directory
        self._counters = counters
        self._digest = digest
        self._guard = guard
        self._dialects = dialects
        self._dialect = dialect

    def __call__(self, peer: Peer, secret: str) -> Deferred[ConnectionFacts]:
        return Deferred.fromCoroutine(self._judge(peer, secret))

    async def _judge(self, peer: Peer, secret: str) -> ConnectionFacts:
        if not secret:
            raise Refusal("api_key_missing", rule="login")
        by_user, by_address = login_key(peer.address, peer.login or NO_NAME), login_key(peer.address)
        guard, counters = self._guard, self._counters
        if (
            await counters.failures(by_user, guard.window) >= guard.failures_per_user
            or await counters.failures(by_address, guard.window) >= guard.failures_per_address
        ):
            log.info("login of {peer} held back: too many failures", peer=peer.address)
            raise Refusal("auth_throttled", rule="login_guard")
        found = [each for each in await self._directory.keys(self._digest(secret)) if each.kind == "api_key"]
        if not found:
            await counters.fail(by_user, guard.window)
            await counters.fail(by_address, guard.window)
            log.info("login of {peer} failed", peer=peer.address)
            raise Refusal("api_key_refused", rule="login", facts={"reason": "no such key"})
        connection = found[0].connection
        if reason := obstacle(connection, peer, self._dialects, self._dialect.name):
            log.info("login of {connection} turned down: {reason}", connection=connection.id, reason=reason)
            raise Refusal("api_key_refused", rule="login", facts={"connection": connection.id, "reason": reason})
        await counters.clear(by_user)
        return connection


@implementer(ICredentialsChecker)
class LateChecker:
    """Takes whatever AUTH gave, and nothing at all: the avatar's id is the secret."""

    credentialInterfaces = (IPasswordLogin, INoLogin)

    def requestAvatarId(self, credentials: Any) -> Deferred[bytes | tuple[()]]:
        secret = credentials.password if isinstance(credentials, PasswordLogin) else ""
        return succeed(secret.encode("utf-8", "surrogateescape"))


@implementer(IRealm)
class LateRealm:
    """Makes the avatar of somebody who has only said a secret, or none."""

    def __init__(self, avatar: Callable[[str], IConnection]) -> None:
        self._avatar = avatar

    def requestAvatar(
        self, avatarId: bytes | tuple[()], mind: object, *interfaces: type[Interface]
    ) -> Deferred[tuple[type[Interface], object, Callable[[], None]]]:
        if IConnection not in interfaces:
            raise NotImplementedError("only IConnection")
        avatar = self._avatar(bytes(avatarId).decode("utf-8", "surrogateescape"))
        return succeed((IConnection, avatar, avatar.logout))
