"""Templates put into a message under way: a stored one in the place of the message's own texts, and variables in both.

What a stored template says goes before what the message says; what it leaves open the message keeps. Without variables
nothing is rendered, whatever stands in the texts; an empty object renders them. Only texts that hold something to be
rendered are sent to the renderer, all of one message together, once for all its recipients: what is stored is what came
of it, so that no retry ever renders again. Who the message is from may change here, so it is judged once more after.
Taking a large message apart and putting one together would hold the reactor up, so a thread does that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from twisted.internet.defer import execute

from ..interfaces.renderer import IRenderer
from ..interfaces.templates import Template
from ..mail.address import AddressError
from ..mail.leaves import UTF8, Leaf
from ..mail.message import Message
from ..mail.rebuild import with_texts
from ..mail.rendering import Rendering, Source
from ..mail.reply import Refusal
from ..mail.templated import NAMED, SUBJECT, filled, from_somebody_else, parsed, texts
from .aside import AT_ONCE, Aside, large

if TYPE_CHECKING:
    from .prepare import Draft

FROM, REPLY_TO = NAMED

#: What everything to be rendered begins with: an expression, a statement, a comment.
_MARKS = {"jinja": ("{{", "{%", "{#"), "literal": ("{{",)}


async def fill(
    renderer: IRenderer, draft: Draft, template: Template | None, account: str, aside: Aside = execute
) -> Draft:
    """The draft with a stored template, if there is one, and with variables, if there are any.

    `aside` calls a function in a thread. Fails with `Refusal` "template_failed" where a text cannot be rendered, or an
    address that comes out is none.
    """
    variables = draft.instructions.variables
    if template is None and variables is None:
        return draft
    said = {} if template is None else _of_template(template)
    syntax = "jinja" if template is None else template.syntax
    apart = large(draft.message)
    own: dict[str, Source] = await (aside if apart else execute)(_of_message, draft.message, syntax)
    if "html" in said or "text" in said:
        own = {name: source for name, source in own.items() if not name.isdigit()}
    found = {name: source.text for name, source in (own | said).items()}
    if variables is not None:
        strict = template is not None and template.strict
        found |= await _rendered(renderer, own | said, variables, strict, account)
    apart = apart or sum(map(len, found.values())) > AT_ONCE
    try:
        filled_in: Draft = await (aside if apart else execute)(_filled, draft, found, frozenset(said))
    except AddressError as error:
        reason = f"an address that it gives is none: {error}"
        raise Refusal("template_failed", {"reason": reason}, rule="template", facts={"reason": reason}) from None
    return filled_in


def _filled(draft: Draft, found: Mapping[str, str], said: frozenset[str]) -> Draft:
    """The draft with the texts that were found, those that a template `said` before those of the message."""
    message = _with_template(draft, {name: found[name] for name in said})
    return_path = parsed(found["return_path"]) if "return_path" in said else draft.return_path
    own = {name: text for name, text in found.items() if name not in said}
    return replace(draft, message=filled(message, own), return_path=return_path)


def _of_message(message: Message, syntax: str = "jinja") -> dict[str, Source]:
    return {
        name: Source(text, f"{syntax}-html" if html else f"{syntax}-text")
        for name, (text, html) in texts(message).items()
    }


def _of_template(template: Template) -> dict[str, Source]:
    """The texts that a template says, by their names here."""
    said = {
        SUBJECT: template.subject,
        FROM: template.from_name,
        "from_address": template.from_address,
        "return_path": template.return_path,
        "reply_to": template.reply_to,
        "text": template.text,
    }
    made = {name: Source(text, f"{template.syntax}-text") for name, text in said.items() if text}
    return made | ({"html": Source(template.html, f"{template.syntax}-html")} if template.html else {})


async def _rendered(
    renderer: IRenderer, sources: Mapping[str, Source], variables: str, strict: bool, account: str
) -> Mapping[str, str]:
    """What came of those that hold something to be rendered."""
    chosen = {
        name: source
        for name, source in sources.items()
        if any(mark in source.text for mark in _MARKS[source.mode.partition("-")[0]])
    }
    if not chosen:
        return {}
    told = _told(chosen)
    asked = {told[name]: source for name, source in chosen.items()}
    rendered = await renderer.render(Rendering(asked, variables, strict, owner=account))
    return {name: rendered[told[name]] for name in chosen}


def _told(sources: Mapping[str, Source]) -> dict[str, str]:
    """What each source is called where a fault tells of it: as people know it, and no two alike."""
    called: dict[str, str] = {}
    for name, source in sources.items():
        kind = ("HTML" if source.mode.endswith("html") else "text") if name.isdigit() else name
        number = sum(each.partition(" ")[0] == kind for each in called.values())
        called[name] = f"{kind} {number + 1}" if number else kind
    return called


def _with_template(draft: Draft, said: Mapping[str, str]) -> Message:
    """The message with what a template says in the place of its own."""
    message = draft.message
    body = [
        Leaf(html, said[name].encode(UTF8), UTF8) for name, html in (("text", False), ("html", True)) if name in said
    ]
    if body:
        message = with_texts(message, body, draft.id)
    if SUBJECT in said:
        message = filled(message, {SUBJECT: said[SUBJECT]})
    if FROM in said or "from_address" in said:
        message = from_somebody_else(message, FROM, said.get(FROM), said.get("from_address", ""))
    if "reply_to" in said:
        message = from_somebody_else(message, REPLY_TO, "", said["reply_to"])
    return message
