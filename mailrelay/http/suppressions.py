"""``/api/v1/suppressions``: addresses that are not sent to, in the objects that the command line prints.

``POST`` takes ``{"address": …, "reason": "manual", "days": 0}``; ``POST …/import`` a list in CSV, whole or not at all;
``GET`` gives what `account` and `reason` in the query ask for, with ``format=csv`` as CSV; ``POST …/undo`` takes
``{"reason": …, "origin": …, "since": …, "until": …}``. `account` in the query names whose they are. What cannot be read
is 400.
"""

from __future__ import annotations

import csv
import io
import json

from klein import Klein
from twisted.web.iweb import IRequest
from twisted.web.server import Request

from ..manage import accounts, plain, suppressions
from ..manage.installation import Installation
from . import query
from .problem import Problem

PATH = b"/api/v1/suppressions"
MAX_BODY = 8 << 20  #: octets of a list


def add_routes(app: Klein, installation: Installation) -> None:
    """Serve the suppressions."""

    async def owners() -> dict[str, str]:
        return {each.id: each.name for each in await accounts.every(installation)}

    @app.route("/api/v1/suppressions", methods=["GET"])
    async def suppression_list(request: IRequest) -> bytes:
        found = await suppressions.every(installation, query.text(request, "account"), query.text(request, "reason"))
        if query.text(request, "format") != "csv":
            named = await owners()
            return query.send_json(request, [plain.suppression(each, named) for each in found])
        written = io.StringIO()
        csv.writer(written).writerows(suppressions.written(found))
        request.setHeader(b"Content-Type", b"text/csv; charset=utf-8")
        return written.getvalue().encode()

    @app.route("/api/v1/suppressions", methods=["POST"])
    async def suppression_add(request: Request) -> bytes:
        given = _texts(request, ("address", "reason", "origin"), ("days",))
        days = given.get("days", 0)
        made = await suppressions.add(
            installation,
            query.text(request, "account"),
            [str(given.get("address", ""))],
            str(given.get("reason", "manual")),
            str(given.get("origin", "api")),
            days if isinstance(days, int) else 0,
        )
        request.setResponseCode(201)
        return query.send_json(request, plain.suppression(made[0], await owners()))

    @app.route("/api/v1/suppressions/import", methods=["POST"])
    async def suppression_import(request: Request) -> bytes:
        try:
            text = _body(request).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Problem(400, "the list is not UTF-8") from None
        reason, origin = query.text(request, "reason") or "manual", query.text(request, "origin") or "import"
        lines = text.splitlines(keepends=True)
        count = await suppressions.take_in(installation, query.text(request, "account"), lines, reason, origin)
        return query.send_json(request, {"rows": count})

    @app.route("/api/v1/suppressions/undo", methods=["POST"])
    async def suppression_undo(request: Request) -> bytes:
        given = _texts(request, ("reason", "origin", "since", "until"))
        cause = suppressions.Cause(**{name: str(value) for name, value in given.items()})
        count = await suppressions.undo(installation, query.text(request, "account"), cause)
        return query.send_json(request, {"undone": count})

    @app.route("/api/v1/suppressions/<string:address>", methods=["GET"])
    async def suppression_show(request: IRequest, address: str) -> bytes:
        found = await suppressions.find(installation, query.text(request, "account"), address)
        return query.send_json(request, plain.suppression(found, await owners()))

    @app.route("/api/v1/suppressions/<string:address>", methods=["DELETE"])
    async def suppression_remove(request: IRequest, address: str) -> bytes:
        await suppressions.remove(installation, query.text(request, "account"), [address])
        request.setResponseCode(204)
        return b""


def _body(request: Request) -> bytes:
    content = request.content
    assert content is not None, "a request that is rendered has a body, if an empty one"
    found: bytes = content.read()
    return found


def _texts(request: Request, texts: tuple[str, ...], numbers: tuple[str, ...] = ()) -> dict[str, str | int]:
    """The members of a JSON object, each of its kind."""
    try:
        found = json.loads(_body(request) or b"{}")
    except (ValueError, RecursionError):
        raise Problem(400, "the body is not JSON in UTF-8") from None
    if not isinstance(found, dict):
        raise Problem(400, "the body is not a JSON object")
    for name, value in found.items():
        if name not in texts and name not in numbers:
            raise Problem(400, f"{name}: is not known here", name)
        kind = str if name in texts else int
        if not isinstance(value, kind) or isinstance(value, bool):
            raise Problem(400, f"{name}: must be a {'text' if kind is str else 'whole number'}", name)
    return found
