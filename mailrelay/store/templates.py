"""Templates and their versions over a database: `ITemplates`, and the hot read of the one that a message names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..interfaces.registry import Taken
from ..interfaces.templates import ITemplates, Template
from .accept import clean
from .jobs import CALL, LOOK_UP
from .reader import Reader
from .schema import accounts, templates
from .work import Work
from .writer import Writer

_NAMES = tuple(column.name for column in templates.c)
_TEXTS = ("name", "from_name", "from_address", "return_path", "reply_to", "subject", "html", "text", "tag", "syntax")

#: The newest version, the account's own before the one that serves all.
newest_template = (
    sa.select(templates)
    .where(
        sa.or_(templates.c.account == sa.bindparam("owner"), templates.c.account == sa.literal_column("''")),
        templates.c.id == sa.bindparam("template_id"),
    )
    .order_by(templates.c.account.desc(), templates.c.version.desc())
    .limit(1)
)


def read_template(work: Work, account: str, id: str) -> Template | None:
    """The template that an account means by an id."""
    found = work.rows(newest_template, {"owner": account, "template_id": id})
    return _template(dict(zip(_NAMES, found[0], strict=True))) if found else None


@implementer(ITemplates)
class Templates:
    """Templates in a database."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    def every(self, account: str | None = None) -> Deferred[Sequence[Template]]:
        newest = (
            sa.select(templates.c.account, templates.c.id, sa.func.max(templates.c.version).label("version"))
            .group_by(templates.c.account, templates.c.id)
            .subquery()
        )
        statement = sa.select(templates).join(
            newest,
            sa.and_(
                templates.c.account == newest.c.account,
                templates.c.id == newest.c.id,
                templates.c.version == newest.c.version,
            ),
        )
        if account is not None:
            statement = statement.where(templates.c.account == account)
        return self._list(statement.order_by(templates.c.id, templates.c.account))

    def versions(self, account: str, id: str) -> Deferred[Sequence[Template]]:
        return self._list(sa.select(templates).where(_of(account, id)).order_by(templates.c.version.desc()))

    def save(self, template: Template, new: bool) -> Deferred[Template]:
        def save(work: Work) -> Template:
            account = template.account
            if account and not work.execute(sa.select(accounts.c.id).where(accounts.c.id == account)).first():
                raise KeyError(account)
            newest = sa.select(templates.c.version, templates.c.created_at).where(_of(account, template.id))
            before = work.execute(newest.order_by(templates.c.version.desc()).limit(1)).first()
            if before is not None and new:
                raise Taken(f"template {template.id}")
            if before is None and not new:
                raise KeyError(template.id)
            texts: dict[str, Any] = {name: clean(getattr(template, name)) for name in _TEXTS}
            version, created_at = (
                (before.version + 1, before.created_at) if before is not None else (1, template.saved_at)
            )
            saved = replace(template, version=version, created_at=created_at, **texts)
            work.execute(sa.insert(templates), {**asdict(saved), "strict": int(saved.strict)})
            return saved

        return self._writer.ask(CALL, save)

    def remove(self, account: str, id: str) -> Deferred[None]:
        def remove(work: Work) -> None:
            if not work.execute(sa.delete(templates).where(_of(account, id))).rowcount:
                raise KeyError(id)

        return self._writer.ask(CALL, remove)

    def _list(self, statement: sa.Select[Any]) -> Deferred[Sequence[Template]]:
        return self._reader.ask(LOOK_UP, lambda work: [_template(row._mapping) for row in work.execute(statement)])


def _of(account: str, id: str) -> sa.ColumnElement[bool]:
    return sa.and_(templates.c.account == account, templates.c.id == id)


def _template(row: Any) -> Template:
    return Template(**{**row, "strict": bool(row["strict"])})
