"""Stored routes over a database: `IRoutes`, and the hot reads of those that an account may name."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..interfaces.registry import Taken
from ..interfaces.routes import IRoutes, RouteNames, StoredRoute
from .accept import clean
from .jobs import CALL, LOOK_UP
from .reader import Reader
from .schema import routes
from .work import Work
from .writer import Writer

#: What is kept as JSON, where it is not as usual.
_OPTIONS = ("mx", "port", "sources", "rotate", "domains")
_USUAL: Mapping[str, object] = {each.name: each.default for each in fields(StoredRoute)}

_whose = sa.or_(routes.c.account == sa.bindparam("owner"), routes.c.account == sa.literal_column("''"))
route_names = sa.select(routes.c.account, routes.c.id, routes.c.options).where(_whose)
#: The account's own before the one that serves all.
route_by_id = (
    sa.select(routes).where(_whose, routes.c.id == sa.bindparam("route_id")).order_by(routes.c.account.desc()).limit(1)
)


def read_names(work: Work, account: str) -> RouteNames:
    """The routes that an account may name."""
    rows = work.rows(route_names, {"owner": account})
    return RouteNames.of(
        [(owner, id, tuple(json.loads(options).get("domains", ())) if options else ()) for owner, id, options in rows]
    )


def read_route(work: Work, account: str, id: str) -> StoredRoute | None:
    """The route that an account means by an id."""
    rows = work.rows(route_by_id, {"owner": account, "route_id": id})
    return _route(rows[0]) if rows else None


@implementer(IRoutes)
class StoredRoutes:
    """Routes in a database."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    def every(self, account: str | None = None) -> Deferred[Sequence[StoredRoute]]:
        statement = sa.select(routes).order_by(routes.c.created_at, routes.c.id)
        if account is not None:
            statement = statement.where(routes.c.account == account)
        return self._reader.ask(LOOK_UP, lambda work: [_route(tuple(row)) for row in work.execute(statement)])

    def add(self, route: StoredRoute) -> Deferred[None]:
        def add(work: Work) -> None:
            if work.execute(sa.select(routes.c.id).where(_of(route.account, route.id))).first():
                raise Taken(f"route {route.id}")
            work.execute(sa.insert(routes), _row(route))

        return self._writer.ask(CALL, add)

    def put(self, route: StoredRoute) -> Deferred[None]:
        def put(work: Work) -> None:
            if not work.execute(sa.update(routes).where(_of(route.account, route.id)), _row(route)).rowcount:
                raise KeyError(route.id)

        return self._writer.ask(CALL, put)

    def remove(self, account: str, id: str) -> Deferred[None]:
        def remove(work: Work) -> None:
            if not work.execute(sa.delete(routes).where(_of(account, id))).rowcount:
                raise KeyError(id)

        return self._writer.ask(CALL, remove)


def _of(account: str, id: str) -> sa.ColumnElement[bool]:
    return sa.and_(routes.c.account == account, routes.c.id == id)


def _row(route: StoredRoute) -> Mapping[str, object]:
    special = {name: value for name in _OPTIONS if (value := getattr(route, name)) != _USUAL[name]}
    return {
        "account": route.account,
        "id": clean(route.id),
        "hosts": json.dumps(route.hosts),
        "tls": route.tls,
        "username": clean(route.username),
        "sealed": route.sealed,
        "created_at": route.created_at,
        "weights": json.dumps(route.weights) if route.weights else "",
        "fallback": clean(route.fallback),
        "options": json.dumps(special) if special else "",
    }


def _route(row: Sequence[Any]) -> StoredRoute:
    account, id, hosts, tls, username, sealed, created_at, weights, fallback, options = row
    found = tuple((host, port) for host, port in json.loads(hosts))
    shares = tuple(json.loads(weights)) if weights else ()
    special = json.loads(options) if options else {}
    rest: dict[str, Any] = {name: tuple(each) if isinstance(each, list) else each for name, each in special.items()}
    return StoredRoute(account, id, found, tls, username, sealed, created_at, shares, fallback, **rest)
