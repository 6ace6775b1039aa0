"""The twin of the API's tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, execute, succeed
from zope.interface import implementer

from ...interfaces.people import User
from ...interfaces.registry import Taken
from ...interfaces.tokens import Found, ITokens, Token


@implementer(ITokens)
class MemoryTokens:
    """The memory twin; `users` are by id."""

    def __init__(self, users: Mapping[str, User]) -> None:
        self._users = users
        self._tokens: dict[str, Token] = {}

    def every(self, account: str | None = None) -> Deferred[Sequence[Token]]:
        found = [each for each in self._tokens.values() if account in (None, each.account)]
        return succeed(sorted(found, key=lambda each: (each.created_at, each.id)))

    def add(self, token: Token) -> Deferred[None]:
        return execute(self._add, token)

    def _add(self, token: Token) -> None:
        if any((each.account, each.name) == (token.account, token.name) for each in self._tokens.values()):
            raise Taken(f"token {token.name}")
        self._tokens[token.id] = token

    def find(self, digest: str) -> Deferred[Found | None]:
        for each in self._tokens.values():
            if each.digest == digest:
                return succeed(Found(each, self._users.get(each.maker)))
        return succeed(None)

    def change(self, id: str, changes: Mapping[str, object]) -> Deferred[bool]:
        given: dict[str, Any] = dict(changes)
        if id in self._tokens:
            self._tokens[id] = replace(self._tokens[id], **given)
        return succeed(id in self._tokens)

    def remove(self, id: str) -> Deferred[bool]:
        return succeed(self._tokens.pop(id, None) is not None)
