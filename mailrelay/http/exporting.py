"""Lists as files that are written while they are read, for API and console."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import cast

from twisted.logger import Logger
from twisted.web.iweb import IRequest
from twisted.web.server import Request

from ..manage import export
from ..manage.export import Progress, Write
from ..manage.installation import Installation
from ..manage.queue import Which
from .streaming import Gone, Stream

log = Logger()


async def send_export(
    request: IRequest,
    installation: Installation,
    which: Which,
    states: Sequence[str],
    format: str,
    progress: Progress | None = None,
) -> bytes:
    """Write the file of the send history; `format` is one of `manage.export.FORMATS`."""

    def make(write: Write) -> Awaitable[object]:
        return export.export(installation, which, states, format, write, progress)

    return await send_file(request, f"messages.{format}", export.FORMATS.get(format, ""), make)


async def send_file(request: IRequest, name: str, kind: str, make: Callable[[Write], Awaitable[object]]) -> bytes:
    """Write what is made, of a type and by a name. What is wrong with the question shows before it begins; a failure
    later cuts it off, so that nobody takes a part for the whole."""
    stream: Stream | None = None

    def head() -> None:
        request.setHeader(b"Content-Type", kind.encode("ascii"))
        request.setHeader(b"Content-Disposition", f'attachment; filename="{name}"'.encode("ascii"))

    async def write(text: str) -> None:
        nonlocal stream
        if stream is None:
            head()
            stream = Stream(cast(Request, request))
        await stream.write(text)

    try:
        await make(write)
    except Exception as error:
        if stream is None:
            raise
        if not isinstance(error, Gone):
            log.failure("an export was cut off")
            stream.cut_off()
    if stream is not None:
        stream.end()
    else:
        head()
    return b""
