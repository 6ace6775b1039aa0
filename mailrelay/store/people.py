"""Users and sessions over a database: `IPeople`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..interfaces.people import ACTIVE, IPeople, Session, User
from ..interfaces.registry import Taken
from .accept import clean
from .jobs import CALL, LOOK_UP
from .reader import Reader
from .schema import sessions, users
from .work import Work
from .writer import Writer

_session = sa.select(sessions, users).join(users, users.c.id == sessions.c.user)
_USER, _SESSION = tuple(users.c.keys()), tuple(sessions.c.keys())
_WIDTH = len(_SESSION)


@implementer(IPeople)
class People:
    """Users and sessions in a database."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    def users(self) -> Deferred[Sequence[User]]:
        statement = sa.select(users).order_by(users.c.created_at, users.c.id)
        return self._reader.ask(LOOK_UP, lambda work: [user_of(tuple(row)) for row in work.execute(statement)])

    def named(self, name: str) -> Deferred[User | None]:
        statement = sa.select(users).where(users.c.name == clean(name))

        def find(work: Work) -> User | None:
            row = work.execute(statement).first()
            return None if row is None else user_of(tuple(row))

        return self._reader.ask(LOOK_UP, find)

    def add(self, user: User) -> Deferred[None]:
        def add(work: Work) -> None:
            if work.execute(sa.select(users.c.id).where(users.c.name == user.name)).first():
                raise Taken(f"user {user.name}")
            work.execute(sa.insert(users), _row(user))

        return self._writer.ask(CALL, add)

    def change(self, id: str, changes: Mapping[str, object], end_sessions: bool = False) -> Deferred[User]:
        values = {name: json.dumps(value) if name == "recovery" else value for name, value in changes.items()}

        def change(work: Work) -> User:
            found = work.execute(sa.update(users).where(users.c.id == id).values(values).returning(users)).first()
            if found is None:
                raise KeyError(id)
            if end_sessions:
                work.execute(sa.delete(sessions).where(sessions.c.user == id))
            return user_of(tuple(found))

        return self._writer.ask(CALL, change)

    def use_step(self, id: str, step: int) -> Deferred[bool]:
        newer = sa.update(users).where(users.c.id == id, users.c.totp_step < step).values(totp_step=step)
        return self._writer.ask(CALL, lambda work: work.execute(newer).rowcount == 1)

    def use_recovery(self, id: str, digest: str) -> Deferred[bool]:
        def use(work: Work) -> bool:
            kept = json.loads(work.execute(sa.select(users.c.recovery).where(users.c.id == id)).scalar() or "[]")
            if digest not in kept:
                return False
            left = json.dumps([each for each in kept if each != digest])
            # what was read is named again, so that of two who use the same code one does not find it
            before = sa.and_(users.c.id == id, users.c.recovery == json.dumps(kept))
            return work.execute(sa.update(users).where(before).values(recovery=left)).rowcount == 1

        return self._writer.ask(CALL, use)

    def remove(self, id: str) -> Deferred[None]:
        def remove(work: Work) -> None:
            work.execute(sa.delete(sessions).where(sessions.c.user == id))
            if not work.execute(sa.delete(users).where(users.c.id == id)).rowcount:
                raise KeyError(id)

        return self._writer.ask(CALL, remove)

    def open(self, session: Session, password: str) -> Deferred[bool]:
        good = sa.select(users.c.id).where(
            users.c.id == session.user, users.c.password == password, users.c.status == ACTIVE
        )

        def open_(work: Work) -> bool:
            if work.execute(good if work.sqlite else good.with_for_update()).first() is None:
                return False
            columns = {name: getattr(session, name) for name in _SESSION}
            work.execute(sa.insert(sessions), columns | {"agent": clean(session.agent)})
            return True

        return self._writer.ask(CALL, open_)

    def session(self, digest: str) -> Deferred[tuple[Session, User] | None]:
        def find(work: Work) -> tuple[Session, User] | None:
            row = work.execute(_session.where(sessions.c.digest == digest)).first()
            return None if row is None else (Session(*row[:_WIDTH]), user_of(tuple(row[_WIDTH:])))

        return self._reader.ask(LOOK_UP, find)

    def sessions(self, user: str) -> Deferred[Sequence[Session]]:
        columns = sessions.c
        statement = sa.select(sessions).where(columns.user == user).order_by(columns.created_at, columns.digest)
        return self._reader.ask(LOOK_UP, lambda work: [Session(*row) for row in work.execute(statement)])

    def touch(self, digest: str, changes: Mapping[str, object]) -> Deferred[None]:
        def touch(work: Work) -> None:
            work.execute(sa.update(sessions).where(sessions.c.digest == digest).values(dict(changes)))

        return self._writer.ask(CALL, touch)

    def end(self, digest: str) -> Deferred[None]:
        def end(work: Work) -> None:
            work.execute(sa.delete(sessions).where(sessions.c.digest == digest))

        return self._writer.ask(CALL, end)

    def end_old(self, created_before: int, seen_before: int) -> Deferred[int]:
        old = sa.or_(sessions.c.created_at < created_before, sessions.c.seen_at < seen_before)
        return self._writer.ask(CALL, lambda work: work.execute(sa.delete(sessions).where(old)).rowcount)


def _row(user: User) -> Mapping[str, object]:
    row = {name: getattr(user, name) for name in _USER}
    return row | {"recovery": json.dumps(user.recovery)}


def user_of(row: Sequence[Any]) -> User:
    values = dict(zip(_USER, row, strict=True))
    return User(**(values | {"recovery": tuple(json.loads(values["recovery"]))}))
