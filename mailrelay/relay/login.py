"""Login: credential checkers, and the realm that turns a connection's id into its avatar.

The SMTP server asks a `twisted.cred` `Portal` with `PasswordLogin` or `AddressLogin` and gets an `IConnection`. A
login that fails for any reason looks the same from outside (`auth_failed`); the reason is logged. A connection that is
blocked or not activated, speaks another dialect than the listener can carry, or comes from an address outside its list
is turned down without counting as a failure. Nothing here ever logs a secret.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import Interface, implementer

from ..interfaces.counters import ICounters, login_key
from ..interfaces.directory import ConnectionFacts, Credential, IDirectory
from ..interfaces.submission import AddressLogin, IAddressLogin, IConnection, IPasswordLogin, PasswordLogin, Peer
from ..mail.address import AddressError, parse_mailbox
from ..mail.network import within
from ..mail.reply import Refusal
from ..policy.dialect import Dialect, Dialects
from .hashing import SlowHash

log = Logger()

#: The user names that go with a short password which was made without one of its own.
_OWN_ADDRESS = ("*@{domain}",)


def obstacle(connection: ConnectionFacts, peer: Peer, dialects: Dialects, spoken: str) -> str:
    """Why a connection with good credentials is not let in; "" when it is."""
    if connection.status != "active":
        return f"connection is {connection.status}"
    if connection.networks and not within(peer.address, connection.networks):
        return "address is not on the connection's list"
    theirs, ours = dialects.get(spoken), dialects.get(connection.dialect)
    if not theirs.carries(ours):
        return f"dialect {ours.name} is not taken on a listener of {theirs.name}"
    if not peer.tls and "plain" not in ours.ports:
        return f"dialect {ours.name} is not spoken without TLS"
    return ""


@dataclass(frozen=True, slots=True)
class LoginGuard:
    """After how many failed sessions within `window` seconds a client must wait: for one user name, and for all."""

    failures_per_user: int = 5
    failures_per_address: int = 50
    window: float = 600.0


@implementer(ICredentialsChecker)
class PasswordChecker:
    """Judges a user name and a secret: the guard first, then every credential under that name."""

    credentialInterfaces = (IPasswordLogin,)

    def __init__(
        self,
        directory: IDirectory,
        counters: ICounters,
        digest: Callable[[str], str],
        slow: SlowHash,
        guard: LoginGuard,
        dialects: Dialects,
    ) -> None:
        self._directory = directory
        self._counters = counters
        self._digest = digest
        self._slow = slow
        self._guard = guard
        self._dialects = dialects
        self._counted: dict[tuple[str, str], None] = {}

    def requestAvatarId(self, credentials: Any) -> Deferred[bytes | tuple[()]]:
        return Deferred.fromCoroutine(self._judge(credentials))

    async def _judge(self, login: PasswordLogin) -> bytes | tuple[()]:
        by_user = login_key(login.peer.address, login.username)
        by_address = login_key(login.peer.address)
        guard = self._guard
        # the session whose failure was the last one allowed may still try its other mechanisms
        own = int((login.peer.session, by_user) in self._counted)
        if (
            await self._counters.failures(by_user, guard.window) - own >= guard.failures_per_user
            or await self._counters.failures(by_address, guard.window) - own >= guard.failures_per_address
        ):
            log.info("login of {peer} held back: too many failures", peer=login.peer.address)
            raise Refusal("auth_throttled", rule="login_guard")
        credential = await self._match(login, await self._directory.credentials(login.username))
        if credential is None:
            await self._count(login, by_user, by_address)
            raise UnauthorizedLogin("wrong user name or secret")
        reason = obstacle(credential.connection, login.peer, self._dialects, login.dialect)
        if reason or (reason := await self._poverty(credential.connection)):
            log.info("login of {connection} turned down: {reason}", connection=credential.connection.id, reason=reason)
            raise Refusal("auth_failed", rule="login", facts={"connection": credential.connection.id, "reason": reason})
        await self._counters.clear(by_user)
        return credential.connection.id.encode("ascii")

    async def _poverty(self, connection: ConnectionFacts) -> str:
        """Why a connection is not let in for lack of money, where its dialect says so at AUTH; "" when it is."""
        if not self._dialects.get(connection.dialect).login_needs_balance:
            return ""
        facts = await self._directory.sender(connection.account, connection.id, "")
        return "" if facts.available > 0 else "nothing is left to send"

    async def _match(self, login: PasswordLogin, candidates: tuple[Credential, ...]) -> Credential | None:
        digest = self._digest(login.password)
        for candidate in candidates:
            if candidate.kind != "password" and hmac.compare_digest(candidate.digest, digest):
                return candidate
        for candidate in await self._directory.keys(digest):
            if await self._goes_with(candidate, login):
                return candidate
        given = [candidate for candidate in candidates if candidate.kind == "password"]
        for candidate in given:
            if await self._slow.matches(login.username, candidate.digest, login.password, login.peer.address):
                return candidate
        if not given:
            # a name without a password, or no name at all, must not answer faster than any other
            await self._slow.matches_nothing(login.username, login.password, login.peer.address)
        return None

    async def _goes_with(self, key: Credential, login: PasswordLogin) -> bool:
        """Is this a user name that goes with a key?"""
        patterns = self._dialects.get(key.connection.dialect).key_usernames if key.kind == "api_key" else _OWN_ADDRESS
        name = login.username.casefold()
        for pattern in patterns:
            if pattern == "*@{domain}":
                if await self._sends_as(key.connection, login.username):
                    return True
            elif (
                pattern == "*"
                or name == pattern.casefold()
                or (pattern == "{key}" and login.username == login.password)
            ):
                return True
        return False

    async def _sends_as(self, connection: ConnectionFacts, username: str) -> bool:
        """Is a user name an address of a domain from which the connection may send?"""
        try:
            domain = parse_mailbox(username).domain
        except AddressError:
            return False
        if domain == connection.sender_domain or connection.options.get("sender") != "domain":
            return domain == connection.sender_domain
        return (await self._directory.sender(connection.account, connection.id, domain)).domain == "verified"

    async def _count(self, login: PasswordLogin, by_user: str, by_address: str) -> None:
        """Count the failure once per session and user name, however many mechanisms the client tries."""
        session = (login.peer.session, by_user)
        if session in self._counted:
            return
        self._counted[session] = None
        if len(self._counted) > 10_000:
            del self._counted[next(iter(self._counted))]
        await self._counters.fail(by_user, self._guard.window)
        await self._counters.fail(by_address, self._guard.window)
        log.info("login of {peer} failed", peer=login.peer.address)


@implementer(ICredentialsChecker)
class AddressChecker:
    """Lets in who comes from a trusted network of the listener, as the listener's connection."""

    credentialInterfaces = (IAddressLogin,)

    def __init__(
        self, directory: IDirectory, listeners: Mapping[str, tuple[tuple[str, ...], str]], dialects: Dialects
    ) -> None:
        """`listeners`: name → (trusted networks, connection id)."""
        self._directory = directory
        self._listeners = listeners
        self._dialects = dialects

    def requestAvatarId(self, credentials: Any) -> Deferred[bytes | tuple[()]]:
        return Deferred.fromCoroutine(self._judge(credentials))

    async def _judge(self, login: AddressLogin) -> bytes | tuple[()]:
        networks, connection = self._listeners[login.peer.listener]
        if not within(login.peer.address, networks):
            raise UnauthorizedLogin("address is not trusted here")
        reason = obstacle(await self._directory.connection(connection), login.peer, self._dialects, login.dialect)
        if reason:
            log.info("login of {connection} turned down: {reason}", connection=connection, reason=reason)
            raise Refusal("auth_failed", rule="login", facts={"connection": connection, "reason": reason})
        return connection.encode("ascii")


@implementer(IRealm)
class Realm:
    """Makes the avatar of a connection."""

    def __init__(
        self, directory: IDirectory, avatar: Callable[[ConnectionFacts, Dialect], IConnection], dialects: Dialects
    ) -> None:
        self._directory = directory
        self._avatar = avatar
        self._dialects = dialects
        self._spoken: dict[tuple[str, str], Dialect] = {}

    def requestAvatar(
        self, avatarId: bytes | tuple[()], mind: object, *interfaces: type[Interface]
    ) -> Deferred[tuple[type[Interface], object, Callable[[], None]]]:
        if IConnection not in interfaces:
            raise NotImplementedError("only IConnection")
        return Deferred.fromCoroutine(self._make(bytes(avatarId).decode("ascii")))

    async def _make(self, id: str) -> tuple[type[Interface], object, Callable[[], None]]:
        facts = await self._directory.connection(id)
        avatar = self._avatar(facts, self._speaking(facts))
        return IConnection, avatar, avatar.logout

    def _speaking(self, facts: ConnectionFacts) -> Dialect:
        """The dialect in the forms that the connection asks for; one value for each, since each has a voice."""
        dialect = self._dialects.get(facts.dialect)
        manner = (dialect.name, repr(facts.options["replies"]))
        if manner not in self._spoken:
            self._spoken[manner] = dialect.speaking(facts.options)
        return self._spoken[manner]
