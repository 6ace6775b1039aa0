"""The page of files: what is in the cache, adding to it, taking a file out of it or away.

What is uploaded goes from the disk into the store piece by piece. A file is given back as something to be saved, never
shown, since a stranger may have written it (H11).
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlencode

from klein import Klein
from twisted.web.server import Request

from ...interfaces.files import StoredFile
from ...manage import files
from ...manage.errors import Invalid, Unknown
from ...manage.files import MAX_FILE, PIECE, QUOTA
from .. import query
from ..markup import Markup, join, tag
from . import faults, look, owners, uploaded
from .frame import Console
from .visit import Visit

HERE = "/console/files"
EVERYBODY = "everybody"

_EMPTY = "There is no file yet. A file is uploaded once, and messages attach it by its key."


def add_routes(app: Klein, console: Console) -> None:
    """Serve the page."""

    @app.route(HERE, methods=["GET"])
    async def console_files(request: Request) -> bytes:
        return await shown(request, await console.visit(request))

    @app.route(f"{HERE}/add", methods=["POST"])
    async def console_file_add(request: Request) -> bytes:
        given = await uploaded.read(request, console.installation)
        visit = await console.visit(request)
        owner = owners.owned(visit, request)
        try:
            file = given.get("file")
            if file is None or not file.filename:
                raise Invalid("file", "choose one")
            upload = await files.begin(visit.installation, owner, file.filename, query.text(request, "called").strip())
            try:
                while piece := file.stream.read(PIECE):
                    await upload.write(piece)
            except Exception:
                await upload.abort()
                raise
            made = await upload.finish()
        except (Invalid, Unknown) as fault:
            request.setResponseCode(400)
            return await shown(request, visit, fault)
        return console.go(request, path_of(visit, made.account), f"{made.name} is there, under the key {made.key}.")

    @app.route(f"{HERE}/remove", methods=["POST"])
    async def console_file_remove(request: Request) -> bytes:
        visit = await console.visit(request)
        owner = owners.owned(visit, request)
        removed = await files.remove(visit.installation, owner, query.text(request, "id"))
        return console.go(request, path_of(visit, owner), f"{removed.name} is removed.")

    @app.route(f"{HERE}/content", methods=["GET"])
    async def console_file_content(request: Request) -> bytes:
        visit = await console.visit(request)
        owner = owners.owned(visit, request)
        found, octets = await files.content(visit.installation, owner, query.text(request, "id"))
        request.setHeader(b"Content-Type", b"application/octet-stream")
        request.setHeader(b"Content-Security-Policy", b"sandbox; default-src 'none'")
        name = quote(found.name.replace("/", "_").encode("utf-8", "replace"), safe="")
        request.setHeader(b"Content-Disposition", f"attachment; filename*=UTF-8''{name}".encode("ascii"))
        return octets

    async def shown(request: Request, visit: Visit, fault: Invalid | Unknown | None = None) -> bytes:
        owner = owners.owned(visit, request)
        found = await files.every(visit.installation, owner)
        body = (
            await _choosing(visit, owner),
            _listed(visit, owner, found) if found else look.nothing(_EMPTY),
            tag("h2", "Add a file"),
            _adding(request, visit, owner, fault),
        )
        return console.page(request, visit, "Files", *body, here=HERE)


def path_of(visit: Visit, owner: str) -> str:
    """The page of an account's files."""
    return HERE if visit.caller.bound else f"{HERE}?{urlencode({'account': owner})}"


async def _choosing(visit: Visit, owner: str) -> Markup | str:
    fields = await owners.field(visit, owner, EVERYBODY)
    return look.filters(HERE, *fields) if fields else ""


def _listed(visit: Visit, owner: str, found: Sequence[StoredFile]) -> Markup:
    rows = [
        (
            tag("a", each.name, href=f"{HERE}/content?{urlencode({'account': owner, 'id': each.id})}", download=True),
            look.copied(each.key),
            each.type,
            look.when(each.created_at, visit.now, visit.zone),
            _removing(visit, each),
            _size(each.size),
        )
        for each in reversed(found)
    ]
    used = sum(each.size for each in found)
    full = tag("label", "Room ", tag("progress", value=str(used), max=str(QUOTA)))
    told = tag("p", full, f" {_size(used)} of {_size(QUOTA)}", class_="progress")
    heads = ("Name", "Key", "Kind", "Since", "Change", "Size")
    return join(look.table("Files, each kept until it is removed", heads, rows, 1), told)


def _removing(visit: Visit, each: StoredFile) -> Markup:
    hidden = [tag("input", type="hidden", name=name, value=value)
              for name, value in (("account", each.account), ("id", each.id))]  # fmt: skip
    warning = "Messages that name it are refused then; those that were accepted keep it."
    remove = look.form(f"{HERE}/remove", visit.key, *hidden, look.button("Remove", "danger"))
    return look.confirm("Remove …", warning, remove)


def _adding(request: Request, visit: Visit, owner: str, fault: Invalid | Unknown | None) -> Markup:
    wrong = faults.beside(fault)
    about = next((wrong[each] for each in ("file", "name", "content-type") if each in wrong), "")
    fields = [
        tag("input", type="hidden", name="account", value=owner) if not visit.caller.bound else "",
        look.file_field("file", "File", about, f"Up to {_size(MAX_FILE)}."),
        look.field("called", "Key", wrong.get("key", ""), "What messages attach it by; empty: one is made.",
                   value=query.text(request, "called"), autocomplete="off"),
        look.button("Upload"),
    ]  # fmt: skip
    return look.form(f"{HERE}/add", visit.key, *fields, stacked=True, upload=True)


def _size(octets: int) -> str:
    """Octets as people read them."""
    for unit, length in (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)):
        if octets >= length:
            return f"{octets / length:.1f} {unit}"
    return f"{octets} B"
