"""Serves the description of the API: for programs at ``/api/v1/openapi.json``, for people as a page at ``/api/v1/``.

Both are open to everybody: they tell what any installation of this version can do, and nothing about this one but
whether it is a sandbox. They are made when somebody asks first.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from klein import Klein
from twisted.web.iweb import IRequest

from ..manage.installation import Installation
from . import manual, openapi
from .dispatch import ROOT
from .operation import JSON, Operation

_STYLE = f"{ROOT}/api.css"
_DOCUMENT = f"{ROOT}/openapi.json"
#: What of ``/api`` is open to everybody, as the segments of its paths.
OPEN = frozenset(path.removeprefix("/") for path in (ROOT, f"{ROOT}/", _STYLE, _DOCUMENT))
_POLICY = b"default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def add_routes(app: Klein, operations: Sequence[Operation], installation: Installation) -> None:
    """Serve the description of these operations."""
    style = (resources.files("mailrelay.http") / "assets" / "api.css").read_bytes()
    made: list[tuple[bytes, bytes]] = []

    async def told() -> tuple[bytes, bytes]:
        """The document and the page."""
        if not made:
            made.append(await installation.aside(_make, operations))
        return made[0]

    def send(request: IRequest, kind: bytes, body: bytes) -> bytes:
        request.setHeader(b"Content-Type", kind)
        request.setHeader(b"Cache-Control", b"public, max-age=300")
        return body

    @app.route(_DOCUMENT, methods=["GET"])
    async def api_document(request: IRequest) -> bytes:
        return send(request, JSON.encode("ascii"), (await told())[0])

    @app.route(f"{ROOT}/", methods=["GET"])
    async def api_manual(request: IRequest) -> bytes:
        request.setHeader(b"Content-Security-Policy", _POLICY)
        return send(request, b"text/html; charset=utf-8", (await told())[1])

    @app.route(ROOT, methods=["GET"])
    def api_root(request: IRequest) -> bytes:
        request.setResponseCode(308)
        request.setHeader(b"Location", f"{ROOT}/".encode("ascii"))
        return b""

    @app.route(_STYLE, methods=["GET"])
    def api_style(request: IRequest) -> bytes:
        return send(request, b"text/css; charset=utf-8", style)


def _make(operations: Sequence[Operation]) -> tuple[bytes, bytes]:
    described = openapi.document(operations)
    return openapi.encode(described), manual.page(described, style=_STYLE, document=_DOCUMENT)
