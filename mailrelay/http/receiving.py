"""Takes the body of a request into the file cache, piece by piece.

The body goes to a temporary file as it comes in and from there into the store, so a large one is never in memory. The
request's Content-Type is checked against what the octets show. A compressed body is not unpacked but refused.
"""

from __future__ import annotations

from collections.abc import Collection

from twisted.web.server import Request

from ..interfaces.files import StoredFile
from ..manage import files
from ..manage.installation import Installation
from .reading import require_plain


async def receive(
    installation: Installation, request: Request, account: str, name: str, key: str = "", *, no_types: Collection[str]
) -> StoredFile:
    """The body of a request as a file of an account; its Content-Type tells nothing where it is one of `no_types`."""
    require_plain(request)
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
    return await files.received(installation, upload)
