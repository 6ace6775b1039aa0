"""What mail asks on its way, and how it is taken, for one account alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from ...interfaces.directory import ConnectionFacts, IDirectory, RecipientFacts, SenderFacts, SigningKey, TagFacts
from ...interfaces.ledger import ILedger, Once
from ...interfaces.posting import IPostOffice, Post, Posted, Rehearsed
from ...interfaces.registry import IRegistry
from ...interfaces.route_tests import IRouteTests, RouteTest
from ...interfaces.routes import RouteNames, StoredRoute
from ...interfaces.templates import Template
from ...interfaces.tls_reports import ITlsReports
from ...mail.envelope import Delivery, Submission
from ..settings import PAUSED
from .base import Narrowed, answers

_OF_THE_RELAY = "is done by the relay alone"


class OwnLedger(Narrowed[ILedger]):
    """`ILedger` of one account: it takes messages, and carries nothing out."""

    CLOSED: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("lanes", "claim", "settle", "bounce_later", "release", "leases", "expire"), _OF_THE_RELAY
    )

    @answers
    async def accept(self, submission: Submission, lease: bool) -> Sequence[Delivery]:
        self._require(submission.account)
        return await self._whole.accept(submission, lease)

    @answers
    async def accept_once(self, submission: Submission, lease: bool) -> Once:
        self._require(submission.account)
        return await self._whole.accept_once(submission, lease)


class OwnDirectory(Narrowed[IDirectory]):
    """`IDirectory` of one account: nobody is logged in by it."""

    CLOSED: ClassVar[Mapping[str, str]] = {
        "credentials": "logins are judged by the relay alone",
        "keys": "logins are judged by the relay alone",
        "weights": "accounts do not know each other",
    }

    @answers
    async def connection(self, id: str) -> ConnectionFacts:
        found = await self._whole.connection(id)
        if found.account != self._account:
            raise KeyError(id)
        return found

    @answers
    async def sender(self, account: str, connection: str, domain: str, address: str = "") -> SenderFacts:
        self._require(account)
        await self.connection(connection)
        return await self._whole.sender(account, connection, domain, address)

    @answers
    async def signing_keys(self, account: str, domain: str) -> tuple[SigningKey, ...] | None:
        return await self._whole.signing_keys(account, domain) if account == self._account else None

    @answers
    async def recipient(self, account: str, key: str) -> RecipientFacts:
        self._require(account)
        return await self._whole.recipient(account, key)

    @answers
    async def tag(self, account: str, tag: str) -> TagFacts:
        self._require(account)
        return await self._whole.tag(account, tag)

    @answers
    async def routes(self, account: str) -> RouteNames:
        return await self._whole.routes(account) if account == self._account else RouteNames()

    @answers
    async def route(self, account: str, id: str) -> StoredRoute | None:
        return await self._whole.route(account, id) if account == self._account else None

    @answers
    async def template(self, account: str, id: str) -> Template | None:
        return await self._whole.template(account, id) if account == self._account else None

    def spent(self, account: str) -> None:
        if account == self._account:
            self._whole.spent(account)

    @answers
    async def keyed(self, connection: str, now: int) -> bool:
        await self.connection(connection)
        return await self._whole.keyed(connection, now)

    @answers
    async def sent(self, connection: str, now: int) -> int:
        await self.connection(connection)
        return await self._whole.sent(connection, now)

    @answers
    async def settings(self) -> Mapping[str, str]:
        """Whether mail is taken at all, which everybody meets."""
        return {name: text for name, text in (await self._whole.settings()).items() if name == PAUSED}


class OwnPostOffice(Narrowed[IPostOffice]):
    """`IPostOffice` for the connections of one account."""

    CLOSED: ClassVar[Mapping[str, str]] = {"tallies": "figures of the whole process are told by its metrics"}

    def __init__(self, whole: IPostOffice, account: str, registry: IRegistry) -> None:
        super().__init__(whole, account)
        self._registry = registry

    async def _require_connection(self, id: str) -> None:
        if all(each.id != id for each in await self._registry.connections(self._account)):
            raise KeyError(id)

    @answers
    async def submit(self, post: Post) -> Posted:
        await self._require_connection(post.connection)
        return await self._whole.submit(post)

    @answers
    async def rehearse(self, post: Post) -> Rehearsed:
        await self._require_connection(post.connection)
        return await self._whole.rehearse(post)


class OwnRouteTests(Narrowed[IRouteTests]):
    """`IRouteTests` of one account's routes."""

    @answers
    async def test(self, account: str, route: str, domain: str, sender: str = "", recipient: str = "") -> RouteTest:
        self._require(account)
        return await self._whole.test(account, route, domain, sender, recipient)


class NoTlsReports(Narrowed[ITlsReports]):
    """`ITlsReports` for nobody: a report about a domain holds the sessions of every account."""

    CLOSED: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("add", "sessions", "due", "every", "change", "forget"),
        "a report about TLS holds the sessions of every account, and is shown to administrators only",
    )
