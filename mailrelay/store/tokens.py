"""Tokens over a database: `ITokens`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..interfaces.registry import Taken
from ..interfaces.tokens import Found, ITokens, Token
from .jobs import CALL, LOOK_UP
from .people import user_of
from .reader import Reader
from .schema import tokens, users
from .work import Work
from .writer import Writer

_LISTS = ("scopes", "networks")
_TOKEN = tuple(tokens.c.keys())
_WIDTH = len(_TOKEN)
_found = sa.select(tokens, users).outerjoin(users, users.c.id == tokens.c.maker)


@implementer(ITokens)
class Tokens:
    """Tokens in a database."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    def every(self, account: str | None = None) -> Deferred[Sequence[Token]]:
        statement = sa.select(tokens).order_by(tokens.c.created_at, tokens.c.id)
        if account is not None:
            statement = statement.where(tokens.c.account == account)
        return self._reader.ask(LOOK_UP, lambda work: [_token(tuple(row)) for row in work.execute(statement)])

    def add(self, token: Token) -> Deferred[None]:
        same = sa.select(tokens.c.id).where(tokens.c.account == token.account, tokens.c.name == token.name)

        def add(work: Work) -> None:
            if work.execute(same).first():
                raise Taken(f"token {token.name}")
            work.execute(sa.insert(tokens), _row(asdict(token)))

        return self._writer.ask(CALL, add)

    def find(self, digest: str) -> Deferred[Found | None]:
        def find(work: Work) -> Found | None:
            row = work.execute(_found.where(tokens.c.digest == digest)).first()
            if row is None:
                return None
            maker = None if row[_WIDTH] is None else user_of(tuple(row[_WIDTH:]))
            return Found(_token(tuple(row[:_WIDTH])), maker)

        return self._reader.ask(LOOK_UP, find)

    def change(self, id: str, changes: Mapping[str, object]) -> Deferred[bool]:
        statement = sa.update(tokens).where(tokens.c.id == id).values(_row(changes))
        return self._writer.ask(CALL, lambda work: work.execute(statement).rowcount == 1)

    def remove(self, id: str) -> Deferred[bool]:
        statement = sa.delete(tokens).where(tokens.c.id == id)
        return self._writer.ask(CALL, lambda work: work.execute(statement).rowcount == 1)


def _row(values: Mapping[str, object]) -> dict[str, object]:
    return {name: json.dumps(value) if name in _LISTS else value for name, value in values.items()}


def _token(row: Sequence[Any]) -> Token:
    values = dict(zip(_TOKEN, row, strict=True))
    return Token(**(values | {name: tuple(json.loads(values[name])) for name in _LISTS}))
