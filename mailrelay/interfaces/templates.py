"""What is kept of templates: every save is a version of its own, and the newest one is used.

A template belongs to an account, or to the account "" and then serves every one that has none of that id itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from zope.interface import Interface

#: How the texts of a template are read: as Jinja2, or with ``{{name}}`` replaced and nothing else.
SYNTAXES = ("jinja", "literal")


@dataclass(frozen=True, slots=True)
class Template:
    """One version of a template.

    What is "" leaves to the message what it says itself: the name and address of From, the return path, Reply-To,
    Subject, tag; `html` and `text` are the body, and one of them at least is there. All but the tag are rendered.
    `strict` makes the use of a variable that is not there an error; `priority` is that of a message which names none,
    one of `mail.envelope.PRIORITIES`, or None. `version` counts from 1; `saved_at` is when this
    one was saved, `created_at` when the first was.
    """

    account: str
    id: str
    version: int = 0
    name: str = ""
    from_name: str = ""
    from_address: str = ""
    return_path: str = ""
    reply_to: str = ""
    subject: str = ""
    html: str = ""
    text: str = ""
    tag: str = ""
    syntax: str = "jinja"
    strict: bool = False
    created_at: int = 0
    saved_at: int = 0
    priority: int | None = None

    @property
    def has_body(self) -> bool:
        """Whether it takes the place of the message's own texts."""
        return bool(self.html or self.text)


class ITemplates(Interface):
    """Templates and their versions."""

    def every(account: str | None = None) -> Deferred[Sequence[Template]]:
        """The newest version of each template of an account, or of all, by id."""

    def versions(account: str, id: str) -> Deferred[Sequence[Template]]:
        """All versions of a template, the newest first; none when there is no such template."""

    def save(template: Template, new: bool) -> Deferred[Template]:
        """Keep a version, which becomes the newest, and give it with its number.

        Fails with `Taken` when it should be `new` but the account has the id already, with `KeyError` when it should
        not but there is none, or there is no such account.
        """

    def remove(account: str, id: str) -> Deferred[None]:
        """Remove a template with all its versions; fails with `KeyError`."""
