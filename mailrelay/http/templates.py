"""``/api/v1/templates``: stored templates, in the objects that the command line prints.

A body is a JSON object with some of the fields of a template (`manage.templates.FIELDS`); `account` in the query names
whose it is, left out it serves all (or, of one that exists, the only one that can be meant). What cannot be compiled or
rendered is 422, what cannot be read 400. ``POST …/ID/render`` takes ``{"variables": {…}, "version": 2}`` and answers
with the texts by field.
"""

from __future__ import annotations

import json
from typing import Any

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.web.iweb import IRequest
from twisted.web.server import Request

from ..interfaces.templates import Template
from ..mail.rendering import MAX_SOURCE
from ..manage import accounts, plain, templates
from ..manage.installation import Installation
from . import query
from .body import json_object
from .problem import Problem

PATH = b"/api/v1/templates"
#: Octets of a body: HTML and text in JSON, letters escaped here and there.
MAX_BODY = 4 * MAX_SOURCE


def add_routes(app: Klein, installation: Installation) -> None:
    """Serve the templates."""

    async def shown(request: IRequest, asked: Deferred[Template], code: int = 200) -> bytes:
        """A template that is made or found; 422 where it is wrong in itself."""
        found = await _right(asked)
        owners = {each.id: each.name for each in await accounts.every(installation)}
        request.setResponseCode(code)
        return query.send_json(request, plain.template(found, owners))

    async def listed(request: IRequest, found: Any) -> bytes:
        owners = {each.id: each.name for each in await accounts.every(installation)}
        return query.send_json(request, [plain.template(each, owners) for each in await found])

    @app.route("/api/v1/templates", methods=["GET"])
    async def template_list(request: IRequest) -> bytes:
        return await listed(request, templates.every(installation, query.text(request, "account")))

    @app.route("/api/v1/templates", methods=["POST"])
    async def template_create(request: Request) -> bytes:
        fields = json_object(request)
        id, account = _word(fields, "id"), query.text(request, "account") or _word(fields, "account")
        return await shown(request, templates.create(installation, account, fields, id), 201)

    @app.route("/api/v1/templates/<string:id>", methods=["GET"])
    async def template_show(request: IRequest, id: str) -> bytes:
        version = _version(request)
        return await shown(request, templates.find(installation, query.text(request, "account"), id, version))

    @app.route("/api/v1/templates/<string:id>", methods=["PUT"])
    async def template_edit(request: Request, id: str) -> bytes:
        return await shown(
            request, templates.edit(installation, query.text(request, "account"), id, json_object(request))
        )

    @app.route("/api/v1/templates/<string:id>", methods=["DELETE"])
    async def template_remove(request: IRequest, id: str) -> bytes:
        await templates.remove(installation, query.text(request, "account"), id)
        request.setResponseCode(204)
        return b""

    @app.route("/api/v1/templates/<string:id>/versions", methods=["GET"])
    async def template_versions(request: IRequest, id: str) -> bytes:
        return await listed(request, templates.versions(installation, query.text(request, "account"), id))

    @app.route("/api/v1/templates/<string:id>/restore", methods=["POST"])
    async def template_restore(request: Request, id: str) -> bytes:
        version = query.number(request, "version", 0, 10**9)
        if not version:
            raise Problem(400, "version: must be given", "version")
        return await shown(request, templates.restore(installation, query.text(request, "account"), id, version))

    @app.route("/api/v1/templates/<string:id>/render", methods=["POST"])
    async def template_render(request: Request, id: str) -> bytes:
        asked = json_object(request)
        variables, version = asked.pop("variables", {}), asked.pop("version", 0)
        if asked:
            raise Problem(400, f"{next(iter(asked))}: is not known here", next(iter(asked)))
        if not isinstance(variables, dict):
            raise Problem(400, "variables: must be an object", "variables")
        if not isinstance(version, int) or isinstance(version, bool):
            raise Problem(400, "version: must be a whole number", "version")
        account = query.text(request, "account")
        rendering = templates.render(installation, account, id, json.dumps(variables), version)
        return query.send_json(request, dict(await _right(rendering)))


async def _right(asked: Deferred[Any]) -> Any:
    try:
        return await asked
    except templates.Wrong as error:
        raise Problem(422, error.reason, error.field) from None


def _version(request: IRequest) -> int:
    return query.number(request, "version", 0, 10**9)


def _word(fields: dict[str, Any], name: str) -> str:
    """A member that is not a field of the template itself, taken out; "" when it is missing."""
    found = fields.pop(name, "")
    if not isinstance(found, str):
        raise Problem(400, f"{name}: must be a text", name)
    return found
