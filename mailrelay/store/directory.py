"""The hot reads of admission and login: never a wait on the disk in the reactor's thread, never older than a second.

Connections, credentials, domains and switches are remembered for less than a second, so a change by the command line
holds within two. Recipients are looked up in bulk; an account that suppresses nothing is remembered as such. This
module never writes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import sqlalchemy as sa
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure
from zope.interface import implementer

from ..interfaces.directory import (
    ConnectionFacts,
    Credential,
    IDirectory,
    RecipientFacts,
    SenderFacts,
    SigningKey,
    TagFacts,
)
from ..interfaces.ledger import KEY_LIFETIME
from ..interfaces.routes import RouteNames, StoredRoute
from ..interfaces.templates import Template
from ..mail.envelope import DAY, SECOND
from ..policy.verdict import JSON
from .jobs import LOOK_UP
from .reader import Reader
from .routes import read_names, read_route
from .schema import (
    accounts,
    connections,
    counters,
    credentials,
    daily,
    domain_keys,
    domains,
    full_mailboxes,
    holding,
    keyed,
    senders,
    settings,
    suppressions,
)
from .templates import read_template
from .work import Work

#: How long an answer is remembered, and how many are.
TTL = SECOND * 9 // 10
ROOM = 10_000
#: With fewer sends left than this, what is left is looked up again after each spending: an empty balance shows at MAIL.
SCARCE = 1_000

T = TypeVar("T")
MergedOptions: TypeAlias = Callable[[str, Mapping[str, JSON]], Mapping[str, JSON]]
_NOTHING = RecipientFacts("", 0)

_connection_columns = (
    connections.c.id,
    connections.c.account,
    connections.c.name,
    connections.c.dialect,
    connections.c.status,
    connections.c.sender,
    connections.c.sender_domain,
    connections.c.networks,
    connections.c.rate,
    connections.c.rate_period,
    connections.c.rate_burst,
    connections.c.options,
)
connection_by_id = sa.select(*_connection_columns).where(connections.c.id == sa.bindparam("connection_id"))
_credential_columns = (credentials.c.id, credentials.c.kind, credentials.c.digest, credentials.c.username)
credentials_by_name = (
    sa.select(*_credential_columns, *_connection_columns)
    .join_from(credentials, connections, connections.c.id == credentials.c.connection)
    .where(credentials.c.username_folded == sa.bindparam("username"))
    .order_by(credentials.c.id)
)
credentials_by_digest = (
    sa.select(*_credential_columns, *_connection_columns)
    .join_from(credentials, connections, connections.c.id == credentials.c.connection)
    .where(credentials.c.digest == sa.bindparam("digest"), credentials.c.username_folded == "")
    .order_by(credentials.c.id)
)
suppression_by_key = sa.select(suppressions.c.reason).where(
    suppressions.c.account == sa.bindparam("owner"),
    suppressions.c.key.in_((sa.bindparam("mailbox"), sa.bindparam("hidden"))),
    holding(sa.bindparam("now", type_=sa.BigInteger)),
)
full_by_key = sa.select(full_mailboxes.c.at).where(
    full_mailboxes.c.account == sa.bindparam("owner"), full_mailboxes.c.key == sa.bindparam("mailbox")
)
_any_suppression = sa.select(suppressions.c.key).where(suppressions.c.account == sa.bindparam("owner")).limit(1)
_any_full = sa.select(full_mailboxes.c.key).where(full_mailboxes.c.account == sa.bindparam("owner")).limit(1)
_sender = sa.select(
    sa.select(domains.c.status)
    .where(domains.c.account == sa.bindparam("owner"), domains.c.name == sa.bindparam("domain"))
    .scalar_subquery(),
    sa.select(accounts.c.balance - accounts.c.reserved).where(accounts.c.id == sa.bindparam("owner")).scalar_subquery(),
    sa.select(connections.c.status).where(connections.c.id == sa.bindparam("connection_id")).scalar_subquery(),
    sa.select(senders.c.status)
    .where(senders.c.account == sa.bindparam("owner"), senders.c.key == sa.bindparam("address"))
    .limit(1)
    .scalar_subquery(),
)
_signing_keys = (
    sa.select(domain_keys.c.selector, domain_keys.c.algorithm, domain_keys.c.sealed)
    .select_from(
        sa.outerjoin(
            domains,
            domain_keys,
            sa.and_(
                domain_keys.c.account == domains.c.account,
                domain_keys.c.domain == domains.c.name,
                domain_keys.c.active == 1,
            ),
        )
    )
    .where(domains.c.account == sa.bindparam("owner"), domains.c.name == sa.bindparam("domain"))
    # "rsa-sha256" before "ed25519-sha256": who knows one algorithm only looks at the first
    .order_by(domain_keys.c.algorithm.desc(), domain_keys.c.selector)
)
_connections = sa.select(connections.c.id).where(connections.c.account == sa.bindparam("owner"))


def tags_statement() -> sa.Select[tuple[str]]:
    """Every tag of a connection, by a loose scan: one step of the counters' key for each tag."""
    of: sa.BindParameter[str] = sa.bindparam("connection_id")
    first = sa.select(sa.func.min(counters.c.tag).label("tag")).where(counters.c.connection == of)
    tag = first.cte("used", recursive=True)
    following = sa.select(sa.func.min(counters.c.tag)).where(counters.c.connection == of, counters.c.tag > tag.c.tag)
    tag = tag.union_all(sa.select(following.correlate(tag).scalar_subquery()).where(tag.c.tag.is_not(None)))
    return sa.select(tag.c.tag).where(tag.c.tag > sa.literal_column("''"))


_tags = tags_statement()
_keyed = (
    sa.select(keyed.c.id)
    .where(keyed.c.connection == sa.bindparam("connection_id"), keyed.c.at > sa.bindparam("after"))
    .limit(1)
)
_sent = sa.select(daily.c.sent).where(
    daily.c.connection == sa.bindparam("connection_id"), daily.c.day == sa.bindparam("today")
)
_settings = sa.select(settings.c.key, settings.c.value)


def fold(username: str) -> str:
    """A user name as it is compared: case does not count."""
    return username.casefold()


@implementer(IDirectory)
class Directory:
    """Hot reads over a reader; `options` merges what was set for a connection with what its dialect (by name) sets,
    `hide` gives the key that an address has in suppressions once it was erased."""

    def __init__(
        self, reader: Reader, now: Callable[[], int], options: MergedOptions, hide: Callable[[str], str]
    ) -> None:
        self._reader = reader
        self._now = now
        self._options = options
        self._hide = hide
        self._known: dict[tuple[str, ...], tuple[int, Any]] = {}
        self._asked: dict[tuple[str, ...], list[Deferred[Any]]] = {}
        self._spent: dict[str, int] = {}

    def credentials(self, username: str) -> Deferred[tuple[Credential, ...]]:
        name = fold(username)
        if not _is_storable(name):
            return succeed(())
        values = {"username": name}
        return self._remembered(
            ("credentials", name), lambda work: self._read_credentials(work, credentials_by_name, values)
        )

    def keys(self, digest: str) -> Deferred[tuple[Credential, ...]]:
        values = {"digest": digest}
        return self._remembered(
            ("keys of", digest), lambda work: self._read_credentials(work, credentials_by_digest, values)
        )

    def connection(self, id: str) -> Deferred[ConnectionFacts]:
        return self._remembered(("connection", id), lambda work: self._read_connection(work, id))

    def sender(self, account: str, connection: str, domain: str, address: str = "") -> Deferred[SenderFacts]:
        if not _is_storable(domain + address):
            domain = address = ""
        values = {"owner": account, "connection_id": connection, "domain": domain, "address": address}
        key = ("sender", account, connection, domain, address)
        known = self._known.get(key)
        if known is not None and known[1].available < SCARCE and known[0] <= self._spent.get(account, -1):
            del self._known[key]
        return self._remembered(key, lambda work: _read_sender(work, values))

    def spent(self, account: str) -> None:
        self._spent[account] = self._now()

    def signing_keys(self, account: str, domain: str) -> Deferred[tuple[SigningKey, ...] | None]:
        values = {"owner": account, "domain": domain}
        return self._remembered(("keys", account, domain), lambda work: _read_signing_keys(work, values))

    def recipient(self, account: str, key: str) -> Deferred[RecipientFacts]:
        bare = self._known.get(("bare", account))
        if bare is not None and 0 <= self._now() - bare[0] < TTL:
            if bare[1]:
                return succeed(_NOTHING)
        elif ("bare", account) not in self._asked:
            self._remembered(("bare", account), lambda work: _has_nothing(work, account)).addErrback(lambda _: None)
        if not _is_storable(key):
            return succeed(_NOTHING)
        return self._reader.ask(read_recipients, (account, key, self._hide(key), self._now()))

    def tag(self, account: str, tag: str) -> Deferred[TagFacts]:
        # a tag that was used stays used; one that is not known is looked for anew
        used = self._known.get(("tags", account))
        if used is not None and tag in used[1]:
            return succeed(TagFacts(len(used[1]), True))
        if not _is_storable(tag):
            tag = ""
        self._known.pop(("tags", account), None)
        found = self._remembered(("tags", account), lambda work: _read_tags(work, account))
        return found.addCallback(lambda used: TagFacts(len(used), tag in used))

    def routes(self, account: str) -> Deferred[RouteNames]:
        return self._remembered(("routes", account), lambda work: read_names(work, account))

    def route(self, account: str, id: str) -> Deferred[StoredRoute | None]:
        if not _is_storable(id):
            return succeed(None)
        return self._remembered(("route", account, id), lambda work: read_route(work, account, id))

    def template(self, account: str, id: str) -> Deferred[Template | None]:
        if not id or not _is_storable(id):
            return succeed(None)
        return self._remembered(("template", account, id), lambda work: read_template(work, account, id))

    def keyed(self, connection: str, now: int) -> Deferred[bool]:
        values = {"connection_id": connection, "after": now - KEY_LIFETIME}
        return self._reader.ask(LOOK_UP, lambda work: bool(work.rows(_keyed, values)))

    def sent(self, connection: str, now: int) -> Deferred[int]:
        values = {"connection_id": connection, "today": now // DAY}
        return self._reader.ask(LOOK_UP, lambda work: sum(found for (found,) in work.rows(_sent, values)))

    def weights(self) -> Deferred[Mapping[str, int]]:
        statement = sa.select(accounts.c.id, accounts.c.weight).where(accounts.c.weight != 1)
        return self._remembered(("weights",), lambda work: {row.id: row.weight for row in work.execute(statement)})

    def settings(self) -> Deferred[Mapping[str, str]]:
        return self._remembered(("settings",), _read_settings)

    def forget(self) -> None:
        """Remember nothing: the next answers are fresh."""
        self._known.clear()

    def _read_connection(self, work: Work, id: str) -> ConnectionFacts:
        found = work.rows(connection_by_id, {"connection_id": id})
        if not found:
            raise KeyError(id)
        return self._facts(found[0])

    def _read_credentials(
        self, work: Work, statement: sa.Select[Any], values: Mapping[str, str]
    ) -> tuple[Credential, ...]:
        return tuple(
            Credential(id, kind, digest, self._facts(rest), username)
            for id, kind, digest, username, *rest in work.rows(statement, values)
        )

    def _facts(self, row: Sequence[Any]) -> ConnectionFacts:
        id, account, name, dialect, status, sender, domain, networks, rate, period, burst, own = row
        options = self._options(dialect, json.loads(own))
        return ConnectionFacts(
            id,
            account,
            name,
            dialect,
            status,
            sender,
            domain,
            tuple(json.loads(networks)),
            rate,
            period,
            burst,
            options,
        )

    def _remembered(self, key: tuple[str, ...], read: Callable[[Work], T]) -> Deferred[T]:
        """The answer remembered under a key, else the one look-up that all who ask meanwhile share."""
        known = self._known.get(key)
        now = self._now()
        if known is not None and 0 <= now - known[0] < TTL:
            return succeed(known[1])
        waiting = self._asked.get(key)
        answer: Deferred[T] = Deferred()
        if waiting is not None:
            waiting.append(answer)
            return answer
        self._asked[key] = [answer]
        self._reader.ask(LOOK_UP, read).addBoth(self._tell, key, now)
        return answer

    def _tell(self, result: Any, key: tuple[str, ...], asked_at: int) -> None:
        if not isinstance(result, Failure):
            if len(self._known) >= ROOM:
                self._known.clear()
            self._known[key] = (asked_at, result)
        for waiting in self._asked.pop(key):
            if isinstance(result, Failure):
                waiting.errback(result)
            else:
                waiting.callback(result)


def read_recipients(work: Work, members: Sequence[tuple[str, str, str, int]]) -> list[RecipientFacts]:
    """For each (account, key, key that it has once erased, now) what is known of it."""
    found = []
    for account, key, hidden, now in members:
        values = {"owner": account, "mailbox": key, "hidden": hidden, "now": now}
        reasons = work.rows(suppression_by_key, values)
        full = work.rows(full_by_key, values)
        found.append(RecipientFacts(reasons[0][0] if reasons else "", full[0][0] if full else 0))
    return found


def _has_nothing(work: Work, account: str) -> bool:
    values = {"owner": account}
    return not work.rows(_any_suppression, values) and not work.rows(_any_full, values)


def _read_sender(work: Work, values: Mapping[str, str]) -> SenderFacts:
    domain_status, available, status, address = work.rows(_sender, values)[0]
    return SenderFacts(domain_status or "", available or 0, status or "", address or "")


def _read_signing_keys(work: Work, values: Mapping[str, str]) -> tuple[SigningKey, ...] | None:
    found = work.rows(_signing_keys, values)
    return tuple(SigningKey(*row) for row in found if row[0] is not None) if found else None


def _read_tags(work: Work, account: str) -> frozenset[str]:
    owned = work.rows(_connections, {"owner": account})
    return frozenset(row[0] for (id,) in owned for row in work.rows(_tags, {"connection_id": id}))


def _read_settings(work: Work) -> Mapping[str, str]:
    return dict(work.rows(_settings, {}))


def _is_storable(text: str) -> bool:
    """Can it stand in a key at all? What cannot is nobody's name."""
    return "\0" not in text and (text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text))
