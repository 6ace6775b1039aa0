"""Templates: kept for an account or for all, every save a version, and never one that cannot be compiled.

A template belongs to an account, or with "" for the account to all of them. Only texts are checked here, in the render
children like everything that is done with a template: whether the domain of a From address may be sent from is judged
when a message is, since that may change at any time.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..interfaces import registry as registry_border
from ..interfaces.templates import SYNTAXES, Template
from ..mail.envelope import PRIORITIES
from ..mail.rendering import MAX_SOURCE, Rendering, Source
from ..mail.reply import Refusal
from . import checked, names
from .audited import audited
from .errors import Invalid, Taken, Unknown
from .installation import Installation, use_case

MAX_ID = 128  #: characters: what a header can name
MAX_LINE = 1000  #: characters of a subject, a name, an address

#: What is rendered, in the order in which it is shown.
RENDERED = ("from_name", "from_address", "return_path", "reply_to", "subject", "html", "text")
_ADDRESSES = ("from_address", "return_path", "reply_to")
_BODIES = ("html", "text")
#: What a person may set.
FIELDS = ("name", *RENDERED, "tag", "syntax", "strict", "priority")

_NOT_IN_IDS = re.compile(r"[^a-z0-9._-]+")


_PLACE = re.compile(rf"({'|'.join(RENDERED)})(?:, line [0-9]+)?: ")


class Wrong(Invalid):
    """A template that cannot be compiled or rendered."""

    @property
    def source(self) -> str:
        """In which of `RENDERED` it is wrong, "" where it is the whole or the variables."""
        found = _PLACE.match(self.reason)
        return found[1] if found else ""


@audited("template.create")
async def create(installation: Installation, account: str, fields: Mapping[str, object], id: str = "") -> Template:
    """A new template; an empty `id` is made of its name. `fields` are some of `FIELDS`."""
    owner = await names.account_id(installation.registry, account)
    wanted = _with(Template(owner, ""), fields)
    given = _id(id) if id else ""
    await _compile(installation, wanted)
    for made in [given] if given else _ids(wanted.name, installation):
        try:
            saving = replace(wanted, id=made, saved_at=installation.now())
            return await installation.templates.save(saving, True)
        except registry_border.Taken as error:
            if given:
                raise Taken("template", given) from error
    raise AssertionError("the last id that is tried is nobody's")


@audited("template.edit")
async def edit(installation: Installation, account: str, id: str, fields: Mapping[str, object]) -> Template:
    """A new version that differs in these fields; without a difference the newest stays the newest."""
    before = await _find(installation, account, id)
    wanted = _with(before, fields)
    if wanted == before:
        return before
    await _compile(installation, wanted)
    return await installation.templates.save(replace(wanted, saved_at=installation.now()), False)


@use_case
async def every(installation: Installation, account: str = "") -> Sequence[Template]:
    """The newest version of each template of an account, or of all."""
    return await installation.templates.every(await names.account_id(installation.registry, account) or None)


@use_case
async def find(installation: Installation, account: str, id: str, version: int = 0) -> Template:
    """One version of a template, 0 for the newest."""
    found = await _find(installation, account, id)
    return await _version(installation, found, version) if version else found


@use_case
async def versions(installation: Installation, account: str, id: str) -> Sequence[Template]:
    """All versions of a template, the newest first."""
    found = await _find(installation, account, id)
    return await installation.templates.versions(found.account, found.id)


@audited("template.restore")
async def restore(installation: Installation, account: str, id: str, version: int) -> Template:
    """An older version saved again, as the newest."""
    older = await _version(installation, await _find(installation, account, id), version)
    await _compile(installation, older)
    return await installation.templates.save(replace(older, saved_at=installation.now()), False)


@audited("template.remove")
async def remove(installation: Installation, account: str, id: str) -> Template:
    """Forget a template with all its versions; messages that were accepted with it keep what was rendered."""
    found = await _find(installation, account, id)
    await installation.templates.remove(found.account, found.id)
    return found


@use_case
async def render(
    installation: Installation, account: str, id: str, variables: str, version: int = 0
) -> Mapping[str, str]:
    """What comes of a template with variables (JSON of an object), by field; fails with `Wrong`."""
    found = await _find(installation, account, id)
    return await _render(installation, await _version(installation, found, version) if version else found, variables)


@use_case
async def try_out(
    installation: Installation, fields: Mapping[str, object], variables: str | None = None
) -> Mapping[str, str]:
    """Check fields that are not kept, and render them when there are variables; fails with `Invalid` or `Wrong`."""
    wanted = _with(Template("", ""), fields)
    await _compile(installation, wanted)
    return {} if variables is None else await _render(installation, wanted, variables)


@use_case
async def variables(installation: Installation, fields: Mapping[str, object]) -> Sequence[str]:
    """The names of the variables that fields ask for, sorted; fails with `Invalid` or `Wrong`."""
    found = await _compile(installation, _with(Template("", ""), fields))
    return sorted({name for each in found.values() for name in each.split("\n") if name})


def _with(template: Template, fields: Mapping[str, object]) -> Template:
    """A template with other fields, all of which are checked."""
    changed: dict[str, str] = {}
    strict, priority = template.strict, template.priority
    for field, value in fields.items():
        if field == "strict":
            if not isinstance(value, bool):
                raise Invalid(field, "must be true or false")
            strict = value
        elif field == "priority":
            priority = _priority(value)
        elif field not in FIELDS:
            raise Invalid(field, f"is nothing that a template has: those are {', '.join(FIELDS)}")
        elif not isinstance(value, str):
            raise Invalid(field, "must be a text")
        else:
            changed[field] = _text(field, value)
    whole = replace(template, strict=strict, priority=priority, **changed)  # type: ignore[arg-type]  # texts only
    if not whole.html and not whole.text:
        raise Invalid("html", "a template needs HTML, or text, or both")
    return whole


def _priority(value: object) -> int | None:
    if value == "":
        return None
    if not isinstance(value, str) or value not in PRIORITIES:
        raise Invalid("priority", f"must be one of {', '.join(PRIORITIES)}, or empty")
    return PRIORITIES[value]


def _text(field: str, value: str) -> str:
    if field in _BODIES:
        if len(value) > MAX_SOURCE:
            raise Invalid(field, f"is longer than {MAX_SOURCE} characters")
        return value
    value = checked.printable(field, value.strip(), checked.MAX_NAME if field == "name" else MAX_LINE)
    if field == "syntax" and value not in SYNTAXES:
        raise Invalid(field, f"{value!r} is none of {', '.join(SYNTAXES)}")
    if field == "tag" and len(value) > MAX_ID:
        raise Invalid(field, f"is longer than {MAX_ID} characters")
    # what is made of variables is known when they are
    if field in _ADDRESSES and value and "{" not in value:
        return checked.mailbox(field, value).address
    return value


def _id(text: str) -> str:
    text = checked.printable("id", text.strip(), MAX_ID)
    if not text or "/" in text:
        raise Invalid("id", "must be one word or more, without a slash")
    return text


def _ids(name: str, installation: Installation) -> Sequence[str]:
    """Ids to try, made of a name; the last is nobody's."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    slug = _NOT_IN_IDS.sub("-", plain).strip("-.")[:40]
    fresh = installation.new_id().lower()
    return [slug, f"{slug}-{fresh[-6:]}", fresh] if slug else [fresh]


async def _find(installation: Installation, account: str, id: str) -> Template:
    """The newest version; without an account that which serves all, or else it must belong to one only."""
    owner = await names.account_id(installation.registry, account)
    found = [each for each in await installation.templates.every(owner or None) if each.id == id]
    if not found:
        raise Unknown("template", id)
    common = [each for each in found if not each.account]
    if len(found) > 1 and not common:
        raise Invalid("template", f"{id!r} belongs to several accounts: name one")
    return (common or found)[0]


async def _version(installation: Installation, template: Template, version: int) -> Template:
    for each in await installation.templates.versions(template.account, template.id):
        if each.version == version:
            return each
    raise Unknown("version", f"{template.id} {version}")


def _sources(template: Template) -> Mapping[str, Source]:
    """What is rendered, by field."""
    texts = {field: str(getattr(template, field)) for field in RENDERED}
    return {
        field: Source(text, f"{template.syntax}-{'html' if field == 'html' else 'text'}")
        for field, text in texts.items()
        if text
    }


async def _compile(installation: Installation, template: Template) -> Mapping[str, str]:
    """The names of the variables of each source, one on a line."""
    rendering = Rendering(_sources(template), strict=template.strict, check=True, owner=template.account)
    return await _ask(installation, rendering)


async def _render(installation: Installation, template: Template, variables: str) -> Mapping[str, str]:
    rendering = Rendering(_sources(template), variables, template.strict, owner=template.account)
    return await _ask(installation, rendering)


async def _ask(installation: Installation, rendering: Rendering) -> Mapping[str, str]:
    try:
        return await installation.renderer.render(rendering)
    except Refusal as refusal:
        if refusal.key != "template_failed":
            raise
        raise Wrong("template", str(refusal.fields["reason"])) from None
