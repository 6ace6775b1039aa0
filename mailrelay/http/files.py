"""``/api/v1/files``: the file cache. ``POST ?name=logo.png`` takes the body as a file and answers with its key.

The body goes to a temporary file as it comes in and from there into the store piece by piece, so a large one is never
in memory. `account` names whose it is, "" makes it everybody's; `key` may be given; the request's Content-Type is
checked against what the octets show. A compressed body is not unpacked but refused.
"""

from __future__ import annotations

from collections.abc import Collection

from klein import Klein
from twisted.web.iweb import IRequest
from twisted.web.server import Request

from ..interfaces.files import StoredFile
from ..manage import accounts, files, plain
from ..manage.installation import Installation
from . import query
from .problem import Problem

PATH = b"/api/v1/files"

#: What clients send that do not know the type of a body, or think of a form.
_NO_TYPES = frozenset({"application/x-www-form-urlencoded"})


async def receive(
    installation: Installation, request: Request, account: str, name: str, key: str = "", *, no_types: Collection[str]
) -> StoredFile:
    """The body of a request as a file of an account; its Content-Type tells nothing where it is one of `no_types`."""
    if request.getHeader(b"Content-Encoding") not in (None, b"identity"):
        raise Problem(415, "a compressed body is not taken")
    said = (request.getHeader(b"Content-Type") or b"").decode("ascii", "replace")
    told = said.partition(";")[0].strip().lower() not in no_types
    upload = await files.begin(installation, account, name, key, said if told else "")
    content = request.content
    assert content is not None, "a request that is rendered has a body, if an empty one"
    try:
        while piece := content.read(files.PIECE):
            await upload.write(piece)
    except Exception:
        await upload.abort()
        raise
    return await upload.finish()


def add_routes(app: Klein, installation: Installation) -> None:
    """Serve the file cache."""

    async def shown(file: StoredFile) -> dict[str, object]:
        owners = {each.id: each.name for each in await accounts.every(installation)}
        return dict(plain.file(file, owners))

    @app.route("/api/v1/files", methods=["GET"])
    async def file_list(request: IRequest) -> bytes:
        found = await files.every(installation, query.text(request, "account"))
        return query.send_json(request, [await shown(each) for each in found])

    @app.route("/api/v1/files", methods=["POST"])
    async def file_add(request: Request) -> bytes:
        made = await receive(
            installation,
            request,
            query.text(request, "account"),
            query.text(request, "name"),
            query.text(request, "key"),
            no_types=_NO_TYPES,
        )
        request.setResponseCode(201)
        return query.send_json(request, await shown(made))

    @app.route("/api/v1/files/<string:key>", methods=["GET"])
    async def file_show(request: IRequest, key: str) -> bytes:
        return query.send_json(
            request, await shown(await files.find(installation, query.text(request, "account"), key))
        )

    @app.route("/api/v1/files/<string:key>", methods=["DELETE"])
    async def file_remove(request: IRequest, key: str) -> bytes:
        await files.remove(installation, query.text(request, "account"), key)
        request.setResponseCode(204)
        return b""
