"""Stored templates, in versions. What cannot be compiled or rendered is 422."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import Field, JsonValue

from ...interfaces.templates import Template as Found
from ...mail.rendering import MAX_SOURCE
from ...manage import plain, templates
from ...manage.installation import Installation
from ..members import Changes, Instant, Members, Name, Owned, Whole
from ..operation import Asked, Nothing, Operation, operation
from ..problem import Problem
from .owners import owners

TAG = "templates"
READ, WRITE = "templates:read", "templates:write"
#: Octets of a body: HTML and text in JSON, letters escaped here and there.
MAX_BODY = 4 * MAX_SOURCE
Plain = plain.Plain

T = TypeVar("T")

Line = Annotated[str, Field(max_length=templates.MAX_LINE)]
Source = Annotated[str, Field(max_length=MAX_SOURCE, examples=["<p>Hello {{ name }}!</p>"])]
Syntax = Annotated[str, Field(max_length=32, examples=["jinja"])]
Version = Annotated[Whole, Field(ge=1, le=10**9)]

_WRONG = {422: "It cannot be compiled or rendered; `detail` names the line."}


class Template(Members):
    """A version of a template."""

    id: str
    account: Annotated[str, Field(description="empty where it serves all")]
    version: int
    name: str
    from_name: str
    from_address: str
    return_path: str
    reply_to: str
    subject: str
    html: str
    text: str
    tag: str
    syntax: str
    strict: Annotated[bool, Field(description="is it an error to use a variable that is not there?")]
    priority: str
    created_at: Instant
    saved_at: Instant


class TemplateChange(Changes):
    """What shall be another way in a new version. What is empty leaves to the message what it says itself."""

    name: Annotated[str | None, Field(max_length=100)] = None
    from_name: Line | None = None
    from_address: Line | None = None
    return_path: Line | None = None
    reply_to: Line | None = None
    subject: Annotated[Line | None, Field(examples=["Your order {{ number }}"])] = None
    html: Source | None = None
    text: Annotated[str | None, Field(max_length=MAX_SOURCE)] = None
    tag: Annotated[str | None, Field(max_length=128)] = None
    syntax: Syntax | None = None
    strict: bool | None = None
    priority: Annotated[str | None, Field(max_length=32, examples=["normal"])] = None


class NewTemplate(TemplateChange):
    """A template to be made; `html` or `text` is needed."""

    id: Annotated[str, Field(max_length=templates.MAX_ID, description="made of its name if left out")] = ""
    account: Annotated[Name, Field(description="left out: it serves all")] = ""


class TemplateAt(Owned):
    """Which version."""

    version: Annotated[Version | None, Field(description="the newest if left out")] = None


class TemplateBack(Owned):
    """Which version is brought back."""

    version: Version


class Variables(Members):
    """By what it is rendered."""

    variables: Annotated[dict[str, JsonValue], Field(examples=[{"name": "Ann"}])] = {}
    version: Annotated[int, Field(ge=0, le=10**9, description="0: the newest")] = 0


class Draft(TemplateChange):
    """A template that is not kept."""

    variables: Annotated[dict[str, JsonValue] | None, Field(description="left out: it is only checked")] = None


async def _right(asked: Awaitable[T]) -> T:
    try:
        return await asked
    except templates.Wrong as error:
        raise Problem(422, error.reason, error.field) from None


async def _told(installation: Installation, found: Found) -> Plain:
    return plain.template(found, await owners(installation))


def _fields(body: TemplateChange) -> Mapping[str, Any]:
    return {name: value for name, value in body.given.items() if name in templates.FIELDS}


@operation("GET", "/templates", TAG, READ, list[Template], query=Owned)
async def template_list(asked: Asked[Owned, None]) -> list[Plain]:
    """The templates of an account, or all, each in its newest version."""
    named = await owners(asked.installation)
    return [plain.template(each, named) for each in await templates.every(asked.installation, asked.query.account)]


@operation(
    "POST", "/templates", TAG, WRITE, Template, 201, query=Owned, body=NewTemplate, most=MAX_BODY, also=_WRONG,
    members={"template": "id"},
)  # fmt: skip
async def template_create(asked: Asked[Owned, NewTemplate]) -> Plain:
    """Make a template."""
    body = asked.body
    account = asked.query.account or body.account
    made = await _right(templates.create(asked.installation, account, _fields(body), body.id))
    return await _told(asked.installation, made)


@operation("GET", "/templates/{id}", TAG, READ, Template, query=TemplateAt)
async def template_show(asked: Asked[TemplateAt, None]) -> Plain:
    """One template, in its newest version or in another."""
    query = asked.query
    found = await templates.find(asked.installation, query.account, asked.path["id"], query.version or 0)
    return await _told(asked.installation, found)


@operation("PUT", "/templates/{id}", TAG, WRITE, Template, query=Owned, body=TemplateChange, most=MAX_BODY, also=_WRONG)
async def template_edit(asked: Asked[Owned, TemplateChange]) -> Plain:
    """Save a new version that differs in what is given."""
    fields, account = _fields(asked.body), asked.query.account
    made = await _right(templates.edit(asked.installation, account, asked.path["id"], fields))
    return await _told(asked.installation, made)


@operation("DELETE", "/templates/{id}", TAG, WRITE, None, 204, query=Owned)
async def template_remove(asked: Asked[Owned, None]) -> None:
    """Forget a template with all its versions; mail that was accepted with it goes out all the same."""
    await templates.remove(asked.installation, asked.query.account, asked.path["id"])


@operation("GET", "/templates/{id}/versions", TAG, READ, list[Template], query=Owned)
async def template_versions(asked: Asked[Owned, None]) -> list[Plain]:
    """All versions of a template, the newest first."""
    named = await owners(asked.installation)
    found = await templates.versions(asked.installation, asked.query.account, asked.path["id"])
    return [plain.template(each, named) for each in found]


@operation("POST", "/templates/{id}/restore", TAG, WRITE, Template, query=TemplateBack, also=_WRONG)
async def template_restore(asked: Asked[TemplateBack, None]) -> Plain:
    """Bring an older version back, as a new one."""
    query = asked.query
    made = await _right(templates.restore(asked.installation, query.account, asked.path["id"], query.version))
    return await _told(asked.installation, made)


@operation(
    "POST", "/templates/{id}/render", TAG, READ, dict[str, str], query=Owned, body=Variables, most=MAX_BODY,
    also=_WRONG,
)  # fmt: skip
async def template_render(asked: Asked[Owned, Variables]) -> Mapping[str, str]:
    """See what comes of a template with variables, by field."""
    body, account = asked.body, asked.query.account
    variables = json.dumps(body.variables)
    rendering = templates.render(asked.installation, account, asked.path["id"], variables, body.version)
    return dict(await _right(rendering))


@operation("POST", "/templates/check", TAG, READ, dict[str, str], body=Draft, most=MAX_BODY, also=_WRONG)
async def template_check(asked: Asked[Nothing, Draft]) -> Mapping[str, str]:
    """Check a template that is not kept, and see what comes of it where there are variables."""
    body = asked.body
    variables = None if body.variables is None else json.dumps(body.variables)
    return dict(await _right(templates.try_out(asked.installation, _fields(body), variables)))


OPERATIONS: tuple[Operation, ...] = (
    template_list,
    template_check,
    template_create,
    template_show,
    template_edit,
    template_remove,
    template_versions,
    template_restore,
    template_render,
)
