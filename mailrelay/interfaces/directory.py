"""What the relay asks on the way of a message: hot reads that never block the reactor.

Answers may be up to one second old, so that a change by the command line holds within two. Look-ups that arrive
while one is under way are gathered into the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from zope.interface import Interface

from ..policy.verdict import JSON
from .routes import RouteNames, StoredRoute
from .templates import Template


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """A connection as login and admission see it.

    `status` is "not_activated", "active" or "blocked". `rate` is how many units may pass per `rate_period` seconds with
    `rate_burst` at once; 0 means no limit. `networks` are CIDR texts, none means any address. `sender_domain` is in
    A-labels. `options` are the switches of `policy.options`, merged with what the dialect sets.
    """

    id: str
    account: str
    name: str
    dialect: str
    status: str
    sender: str
    sender_domain: str
    networks: tuple[str, ...] = ()
    rate: int = 0
    rate_period: int = 60
    rate_burst: int = 1
    options: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Credential:
    """One way into a connection. `kind` is "password" (given by a person: `digest` is Argon2id's text), "generated" (at
    least 128 random bits), "short" (a shorter one for applications that take no longer), or "api_key" (itself the
    look-up; the dialect says which user names go with it). The `digest` of all but the first is the hex of HMAC-SHA256
    under the installation's key. `username` is "" where any that the dialect takes will do."""

    id: str
    kind: str
    digest: str
    connection: ConnectionFacts
    username: str = ""


@dataclass(frozen=True, slots=True)
class SenderFacts:
    """What MAIL is judged by: the domain ("" unknown, "unverified", "verified"), what is left to spend, and the address
    ("" unknown or not asked for, "requested", "confirmed")."""

    domain: str
    available: int
    status: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class RecipientFacts:
    """What RCPT is judged by: the reason of a suppression or "", and when the mailbox last was full (0: never)."""

    suppression: str
    mailbox_full_at: int


@dataclass(frozen=True, slots=True)
class TagFacts:
    """What a tag is judged by: how many different ones the account has `used`, and whether this one is among them."""

    used: int
    known: bool


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key by which a domain signs: see `interfaces.registry.DomainKey`."""

    selector: str
    algorithm: str
    sealed: str = field(repr=False)


class IDirectory(Interface):
    """Hot reads."""

    def credentials(username: str) -> Deferred[tuple[Credential, ...]]:
        """All credentials under a user name, compared without regard to case; empty when there is none."""

    def keys(digest: str) -> Deferred[tuple[Credential, ...]]:
        """All credentials that are looked up by themselves, under the digest of one."""

    def connection(id: str) -> Deferred[ConnectionFacts]:
        """A connection by its id; fails with `KeyError`."""

    def sender(account: str, connection: str, domain: str, address: str = "") -> Deferred[SenderFacts]:
        """Facts about a sender's domain (A-labels), and its canonical address where one is given; `status` is the
        connection's present one."""

    def signing_keys(account: str, domain: str) -> Deferred[tuple[SigningKey, ...] | None]:
        """The active keys of a domain (A-labels), RSA before Ed25519; None when it is no domain of the account."""

    def recipient(account: str, key: str) -> Deferred[RecipientFacts]:
        """Facts about a recipient by canonical key."""

    def tag(account: str, tag: str) -> Deferred[TagFacts]:
        """Facts about a tag that is not empty."""

    def routes(account: str) -> Deferred[RouteNames]:
        """The stored routes that an account may name."""

    def route(account: str, id: str) -> Deferred[StoredRoute | None]:
        """The stored route that an account means by an id: its own, else the one that serves every account; None when
        there is none."""

    def template(account: str, id: str) -> Deferred[Template | None]:
        """The newest version of the template that an account means by an id: its own, else the one that serves every
        account; None when there is none."""

    def spent(account: str) -> None:
        """Sends of the account were taken: where few are left, the next `sender` looks anew."""

    def keyed(connection: str, now: int) -> Deferred[bool]:
        """Whether an idempotency key of the connection holds at that instant; never remembered."""

    def sent(connection: str, now: int) -> Deferred[int]:
        """How many recipients count against the connection's daily limit since the day of that instant began."""

    def weights() -> Deferred[Mapping[str, int]]:
        """The weights of the accounts whose weight is not 1."""

    def settings() -> Deferred[Mapping[str, str]]:
        """Switches of the whole installation that the command line moves, such as ``paused``."""
