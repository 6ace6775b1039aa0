"""Whose a thing of the console is: members never choose, an administrator who acts for nobody does.

A page about one thing has the account's id in its path, so that it means the same for everybody who may see it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from twisted.web.server import Request

from ...manage import accounts
from ...manage.errors import Unknown
from .. import query
from ..markup import Markup
from . import look
from .visit import Visit


async def named(visit: Visit) -> Mapping[str, str]:
    """The names of the accounts that the caller sees, by id."""
    return {each.id: each.name for each in await accounts.every(visit.installation)}


def owned(visit: Visit, request: Request) -> str:
    """The id of the account that a form or a list is about, "" where none was chosen."""
    return visit.caller.bound or query.text(request, "account")


def sight(visit: Visit, owner: str, what: str, name: str) -> None:
    """Fail as if there were no such thing where the caller may not know of the account (A12)."""
    if not visit.caller.sees(owner):
        raise Unknown(what, name)


async def field(visit: Visit, chosen: str, everybody: str = "", fault: str = "") -> Sequence[Markup]:
    """The line of a form that asks for an account, where there is something to choose; `everybody` is the choice of
    none, `fault` what is wrong with the one that is chosen."""
    if visit.caller.bound:
        return ()
    options = [("", everybody)] if everybody else []
    options += list((await named(visit)).items())
    return (look.choice("account", "Account", options, chosen, fault),)
