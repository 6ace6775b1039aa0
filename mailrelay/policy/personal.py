"""What is made personal in a message: what its connection wants, unless the message says otherwise.

Without public pages there is nothing that a link could lead to, so that only the To field can be a recipient's own.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..mail.envelope import Instructions, Personal
from .dialect import Dialect
from .verdict import JSON


def personal(
    options: Mapping[str, JSON], instructions: Instructions, *, key: int, tags: bool, to: bool
) -> Personal | None:
    """What compose is to do, None for nothing.

    `options` are the merged ones of the connection; `key` is the number of the link key that signs, 0 where there are
    no public pages; `tags` tells that marks stand in the source, `to` that the To field is made for each recipient.
    """
    if not key:
        return Personal(to=True) if to else None
    opens = _wanted(instructions.track_opens, options, "track_opens")
    clicks = _wanted(instructions.track_clicks, options, "track_clicks")
    unsubscribe = bool(options.get("list_unsubscribe"))
    if not (opens or clicks or tags or unsubscribe):
        return Personal(to=True) if to else None
    return Personal(opens, clicks, tags, unsubscribe, to, str(key))


def _wanted(said: bool | None, options: Mapping[str, JSON], name: str) -> bool:
    return bool(options.get(name)) if said is None else said


#: Options by which mail gets links that lead to public pages.
LINKED = ("track_opens", "track_clicks", "list_unsubscribe")


def needs_pages(dialect: Dialect) -> bool:
    """Does the mail of this dialect have links that lead to public pages, unless a connection says otherwise?"""
    return dialect.body_tags is not None or any(bool(dialect.options[name]) for name in LINKED)
