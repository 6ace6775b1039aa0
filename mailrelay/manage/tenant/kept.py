"""Files, templates, routes, webhooks, plans, tokens and users as one account sees them: its own.

What serves every account can be named in a message, and is looked after by administrators: it is in no list here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from ...interfaces.files import IFiles, StoredFile
from ...interfaces.people import MEMBER, IPeople, Session, User
from ...interfaces.plans import IPlans, Plan
from ...interfaces.routes import IRoutes, StoredRoute
from ...interfaces.templates import ITemplates, Template
from ...interfaces.tokens import Found, ITokens, Token
from ...interfaces.webhooks import Delivery, IWebhooks, Webhook
from ..errors import Forbidden
from .base import Narrowed, answers


class OwnFiles(Narrowed[IFiles]):
    """`IFiles` of one account. Pieces are put under ids that were drawn just now, and are part of no file before it is
    added."""

    def __init__(self, whole: IFiles, account: str) -> None:
        super().__init__(whole, account)
        self._coming: set[str] = set()

    @answers
    async def put(self, id: str, number: int, octets: bytes) -> None:
        self._coming.add(id)
        await self._whole.put(id, number, octets)

    @answers
    async def add(self, file: StoredFile, quota: int) -> None:
        self._require(file.account)
        await self._whole.add(file, quota)
        self._coming.discard(file.id)

    @answers
    async def every(self, account: str) -> Sequence[StoredFile]:
        return await self._whole.every(account) if account == self._account else ()

    @answers
    async def find(self, account: str, keys: Collection[str]) -> Mapping[str, StoredFile]:
        return await self._whole.find(account, keys) if account == self._account else {}

    @answers
    async def read(self, id: str) -> bytes:
        await self._require_file(id)
        return await self._whole.read(id)

    @answers
    async def remove(self, id: str) -> None:
        if id not in self._coming:
            await self._require_file(id)
        self._coming.discard(id)
        await self._whole.remove(id)

    async def _require_file(self, id: str) -> None:
        if all(each.id != id for each in await self._whole.every(self._account)):
            raise KeyError(id)


class OwnTemplates(Narrowed[ITemplates]):
    """`ITemplates` of one account."""

    @answers
    async def every(self, account: str | None = None) -> Sequence[Template]:
        return await self._whole.every(self._account) if account in (None, self._account) else ()

    @answers
    async def versions(self, account: str, id: str) -> Sequence[Template]:
        return await self._whole.versions(account, id) if account == self._account else ()

    @answers
    async def save(self, template: Template, new: bool) -> Template:
        self._require(template.account)
        return await self._whole.save(template, new)

    @answers
    async def remove(self, account: str, id: str) -> None:
        self._require(account)
        await self._whole.remove(account, id)


class OwnRoutes(Narrowed[IRoutes]):
    """`IRoutes` of one account."""

    @answers
    async def every(self, account: str | None = None) -> Sequence[StoredRoute]:
        return await self._whole.every(self._account) if account in (None, self._account) else ()

    @answers
    async def add(self, route: StoredRoute) -> None:
        self._require(route.account)
        await self._whole.add(route)

    @answers
    async def put(self, route: StoredRoute) -> None:
        self._require(route.account)
        await self._whole.put(route)

    @answers
    async def remove(self, account: str, id: str) -> None:
        self._require(account)
        await self._whole.remove(account, id)


class OwnWebhooks(Narrowed[IWebhooks]):
    """`IWebhooks` of one account."""

    @answers
    async def every(self, account: str | None = None) -> Sequence[Webhook]:
        return await self._whole.every(self._account) if account in (None, self._account) else ()

    @answers
    async def add(self, webhook: Webhook) -> None:
        self._require(webhook.account)
        await self._whole.add(webhook)

    @answers
    async def change(self, id: str, changes: Mapping[str, object], deliveries: Sequence[Delivery] = ()) -> bool:
        return await self._is_own(id) and await self._whole.change(id, changes, deliveries)

    @answers
    async def deliveries(self, id: str, before: str = "", limit: int = 50) -> Sequence[Delivery]:
        return await self._whole.deliveries(id, before, limit) if await self._is_own(id) else ()

    @answers
    async def remove(self, id: str) -> bool:
        return await self._is_own(id) and await self._whole.remove(id)

    async def _is_own(self, id: str) -> bool:
        return any(each.id == id for each in await self._whole.every(self._account))


class OwnPlans(Narrowed[IPlans]):
    """`IPlans` of one account."""

    @answers
    async def every(self) -> Sequence[Plan]:
        return [each for each in await self._whole.every() if each.account == self._account]

    @answers
    async def put(self, account: str, monthly: int) -> None:
        self._require(account)
        await self._whole.put(account, monthly)

    @answers
    async def turn(self, account: str, month: int, now: int) -> bool:
        self._require(account)
        return await self._whole.turn(account, month, now)


class OwnTokens(Narrowed[ITokens]):
    """`ITokens` of one account."""

    @answers
    async def every(self, account: str | None = None) -> Sequence[Token]:
        return await self._whole.every(self._account) if account in (None, self._account) else ()

    @answers
    async def add(self, token: Token) -> None:
        self._require(token.account)
        await self._whole.add(token)

    @answers
    async def find(self, digest: str) -> Found | None:
        found = await self._whole.find(digest)
        return found if found is not None and found.token.account == self._account else None

    @answers
    async def change(self, id: str, changes: Mapping[str, object]) -> bool:
        return await self._is_own(id) and await self._whole.change(id, changes)

    @answers
    async def remove(self, id: str) -> bool:
        return await self._is_own(id) and await self._whole.remove(id)

    async def _is_own(self, id: str) -> bool:
        return any(each.id == id for each in await self._whole.every(self._account))


class OwnPeople(Narrowed[IPeople]):
    """`IPeople` of one account: its members, and who asks, where that is an administrator who acts for it."""

    CLOSED: ClassVar[Mapping[str, str]] = {"end_old": "sessions that are over are swept by the daemon"}

    def __init__(self, whole: IPeople, account: str, oneself: str) -> None:
        super().__init__(whole, account)
        self._oneself = oneself

    def _sees(self, user: User) -> bool:
        return user.account == self._account or (bool(self._oneself) and user.id == self._oneself)

    async def _require_user(self, id: str) -> None:
        if all(each.id != id for each in await self._mine()):
            raise KeyError(id)

    async def _mine(self) -> Sequence[User]:
        return [each for each in await self._whole.users() if self._sees(each)]

    @answers
    async def users(self) -> Sequence[User]:
        return await self._mine()

    @answers
    async def named(self, name: str) -> User | None:
        found = await self._whole.named(name)
        return found if found is not None and self._sees(found) else None

    @answers
    async def add(self, user: User) -> None:
        self._require(user.account)
        await self._whole.add(user)

    @answers
    async def change(self, id: str, changes: Mapping[str, object], end_sessions: bool = False) -> User:
        await self._require_user(id)
        if changes.get("role", MEMBER) != MEMBER or changes.get("account", self._account) != self._account:
            raise Forbidden("nobody leaves an account from inside")
        return await self._whole.change(id, changes, end_sessions)

    @answers
    async def use_step(self, id: str, step: int) -> bool:
        await self._require_user(id)
        return await self._whole.use_step(id, step)

    @answers
    async def use_recovery(self, id: str, digest: str) -> bool:
        await self._require_user(id)
        return await self._whole.use_recovery(id, digest)

    @answers
    async def remove(self, id: str) -> None:
        await self._require_user(id)
        await self._whole.remove(id)

    @answers
    async def open(self, session: Session, password: str) -> bool:
        await self._require_user(session.user)
        return await self._whole.open(session, password)

    @answers
    async def session(self, digest: str) -> tuple[Session, User] | None:
        found = await self._whole.session(digest)
        return found if found is not None and self._sees(found[1]) else None

    @answers
    async def sessions(self, user: str) -> Sequence[Session]:
        return await self._whole.sessions(user) if any(each.id == user for each in await self._mine()) else ()

    @answers
    async def touch(self, digest: str, changes: Mapping[str, object]) -> None:
        if await self.session(digest) is not None:
            await self._whole.touch(digest, changes)

    @answers
    async def end(self, digest: str) -> None:
        if await self.session(digest) is not None:
            await self._whole.end(digest)
