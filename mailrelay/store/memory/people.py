"""The memory twin of users and sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, execute, succeed
from zope.interface import implementer

from ...interfaces.people import ACTIVE, IPeople, Session, User
from ...interfaces.registry import Taken


@implementer(IPeople)
class MemoryPeople:
    """Users and sessions in memory."""

    def __init__(self) -> None:
        self._users: dict[str, User] = {}
        self._sessions: dict[str, Session] = {}

    def users(self) -> Deferred[Sequence[User]]:
        return succeed(sorted(self._users.values(), key=lambda user: (user.created_at, user.id)))

    def named(self, name: str) -> Deferred[User | None]:
        return succeed(next((user for user in self._users.values() if user.name == name), None))

    def add(self, user: User) -> Deferred[None]:
        return execute(self._add, user)

    def _add(self, user: User) -> None:
        if any(each.name == user.name for each in self._users.values()):
            raise Taken(f"user {user.name}")
        self._users[user.id] = user

    def change(self, id: str, changes: Mapping[str, object], end_sessions: bool = False) -> Deferred[User]:
        return execute(self._change, id, dict(changes), end_sessions)

    def _change(self, id: str, changes: dict[str, Any], end_sessions: bool) -> User:
        self._users[id] = replace(self._users[id], **changes)
        if end_sessions:
            self._end_of(id)
        return self._users[id]

    def _end_of(self, user: str) -> None:
        self._sessions = {digest: each for digest, each in self._sessions.items() if each.user != user}

    def use_step(self, id: str, step: int) -> Deferred[bool]:
        user = self._users.get(id)
        if user is None or user.totp_step >= step:
            return succeed(False)
        self._users[id] = replace(user, totp_step=step)
        return succeed(True)

    def use_recovery(self, id: str, digest: str) -> Deferred[bool]:
        user = self._users.get(id)
        if user is None or digest not in user.recovery:
            return succeed(False)
        self._users[id] = replace(user, recovery=tuple(each for each in user.recovery if each != digest))
        return succeed(True)

    def remove(self, id: str) -> Deferred[None]:
        return execute(self._remove, id)

    def _remove(self, id: str) -> None:
        del self._users[id]
        self._end_of(id)

    def open(self, session: Session, password: str) -> Deferred[bool]:
        user = self._users.get(session.user)
        if user is None or user.password != password or user.status != ACTIVE:
            return succeed(False)
        self._sessions[session.digest] = session
        return succeed(True)

    def session(self, digest: str) -> Deferred[tuple[Session, User] | None]:
        found = self._sessions.get(digest)
        return succeed(None if found is None else (found, self._users[found.user]))

    def sessions(self, user: str) -> Deferred[Sequence[Session]]:
        found = [each for each in self._sessions.values() if each.user == user]
        return succeed(sorted(found, key=lambda each: (each.created_at, each.digest)))

    def touch(self, digest: str, changes: Mapping[str, object]) -> Deferred[None]:
        if digest in self._sessions:
            given: dict[str, Any] = dict(changes)
            self._sessions[digest] = replace(self._sessions[digest], **given)
        return succeed(None)

    def end(self, digest: str) -> Deferred[None]:
        self._sessions.pop(digest, None)
        return succeed(None)

    def end_old(self, created_before: int, seen_before: int) -> Deferred[int]:
        old = [
            digest
            for digest, each in self._sessions.items()
            if each.created_at < created_before or each.seen_at < seen_before
        ]
        for digest in old:
            del self._sessions[digest]
        return succeed(len(old))
