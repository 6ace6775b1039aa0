"""The twin of the directory."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred, execute
from zope.interface import implementer

from ...interfaces.directory import (
    ConnectionFacts,
    Credential,
    IDirectory,
    RecipientFacts,
    SenderFacts,
    SigningKey,
    TagFacts,
)
from ...interfaces.ledger import KEY_LIFETIME
from ...interfaces.routes import RouteNames, StoredRoute
from ...interfaces.templates import Template
from .state import MemoryState


@implementer(IDirectory)
class MemoryDirectory:
    """Hot reads of the shared state."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    def credentials(self, username: str) -> Deferred[tuple[Credential, ...]]:
        return execute(self._state.credentials.get, username.casefold(), ())

    def connection(self, id: str) -> Deferred[ConnectionFacts]:
        return execute(lambda: self._state.connections[id])

    def keys(self, digest: str) -> Deferred[tuple[Credential, ...]]:
        return execute(self._state.keys.get, digest, ())

    def sender(self, account: str, connection: str, domain: str, address: str = "") -> Deferred[SenderFacts]:
        def facts() -> SenderFacts:
            state = self._state
            known = state.connections.get(connection)
            return SenderFacts(
                state.domains.get((account, domain), ""),
                state.available(account),
                known.status if known is not None else "",
                state.senders.get((account, address), ""),
            )

        return execute(facts)

    def signing_keys(self, account: str, domain: str) -> Deferred[tuple[SigningKey, ...] | None]:
        owned = (account, domain) in self._state.domains
        return execute(lambda: self._state.signing_keys.get((account, domain), ()) if owned else None)

    def recipient(self, account: str, key: str) -> Deferred[RecipientFacts]:
        state = self._state
        return execute(
            lambda: RecipientFacts(state.suppressions.get((account, key), ""), state.full.get((account, key), 0))
        )

    def tag(self, account: str, tag: str) -> Deferred[TagFacts]:
        def facts() -> TagFacts:
            submissions = self._state.submissions.values()
            used = {each.instructions.tag for each in submissions if each.account == account} - {""}
            return TagFacts(len(used), tag in used)

        return execute(facts)

    def routes(self, account: str) -> Deferred[RouteNames]:
        found = [each for each in self._state.routes.values() if each.account in (account, "")]
        return execute(RouteNames.of, [(each.account, each.id, each.domains) for each in found])

    def route(self, account: str, id: str) -> Deferred[StoredRoute | None]:
        found = self._state.routes
        return execute(lambda: found.get((account, id)) or found.get(("", id)))

    def template(self, account: str, id: str) -> Deferred[Template | None]:
        def find() -> Template | None:
            for owner in (account, ""):
                if kept := self._state.templates.get((owner, id)):
                    return kept[-1]
            return None

        return execute(find)

    def spent(self, account: str) -> None:
        """Nothing is remembered here."""

    def keyed(self, connection: str, now: int) -> Deferred[bool]:
        found = [at for (owner, _), (_, _, at, _) in self._state.keyed.items() if owner == connection]
        return execute(lambda: any(at > now - KEY_LIFETIME for at in found))

    def sent(self, connection: str, now: int) -> Deferred[int]:
        return execute(self._state.sent, connection, now)

    def weights(self) -> Deferred[Mapping[str, int]]:
        return execute(lambda: dict(self._state.weights))

    def settings(self) -> Deferred[Mapping[str, str]]:
        return execute(lambda: dict(self._state.switches))
