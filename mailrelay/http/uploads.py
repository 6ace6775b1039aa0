"""Uploads to the file cache at the addresses that services have for them (`[upload]` of a dialect).

An application authenticates as it always did, by the key of its connection behind the service's own word in the
Authorization header; the file is its account's, and the answer has the service's form. The Content-Type that such
clients send is that of the request, not of the file, so the name and the octets tell what it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from klein import Klein
from twisted.web.server import Request

from ..manage import keys
from ..manage.errors import Unknown
from ..manage.files import MAX_FILE
from ..manage.installation import Installation
from ..policy.dialect import Dialects
from ..policy.upload import Upload
from . import query
from .peer import address_of
from .problem import Problem
from .receiving import receive

_NO_TYPES = frozenset({"", "text/plain", "application/json", "application/x-www-form-urlencoded"})


def paths(dialects: Dialects) -> frozenset[str]:
    """Where files are taken."""
    return frozenset(dialect.upload.path for dialect in dialects if dialect.upload is not None)


def bounds(dialects: Dialects) -> dict[bytes, int]:
    """How many octets a body may have there."""
    return {path.encode("ascii"): MAX_FILE for path in paths(dialects)}


def add_routes(app: Klein, installation: Installation) -> None:
    """Serve what the dialects say."""
    for path in sorted(paths(installation.dialects)):
        here = {
            dialect.name: dialect.upload
            for dialect in installation.dialects
            if dialect.upload is not None and dialect.upload.path == path
        }
        _add_route(app, installation, path, here)


def _add_route(app: Klein, installation: Installation, path: str, uploads: Mapping[str, Upload]) -> None:
    @app.route(path, methods=["POST"])
    async def upload(request: Request) -> bytes:
        scheme, _, key = (request.getHeader(b"Authorization") or b"").decode("ascii", "replace").partition(" ")
        spoken = [name for name, each in uploads.items() if each.scheme.lower() == scheme.lower()]
        address = address_of(request)
        try:
            connection = await keys.holder(installation, key.strip(), spoken, address)
        except Unknown:
            challenge = ", ".join(sorted({each.scheme for each in uploads.values()}))
            raise Problem(401, "the key opens no connection", headers={"WWW-Authenticate": challenge}) from None
        made = await receive(installation, request, connection.account, query.text(request, "name"), no_types=_NO_TYPES)
        request.setResponseCode(201)
        return query.send_json(request, uploads[connection.dialect].told(made.key, made.name))
