"""The send history as a file that is written while it is read, for API and console."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from twisted.logger import Logger
from twisted.web.iweb import IRequest
from twisted.web.server import Request

from ..manage import export
from ..manage.installation import Installation
from ..manage.queue import Which
from .streaming import Gone, Stream

log = Logger()


async def send_export(
    request: IRequest, installation: Installation, which: Which, states: Sequence[str], format: str
) -> bytes:
    """Write the file; `format` is one of `manage.export.FORMATS`. What is wrong with the question shows before it
    begins; a failure later cuts it off, so that nobody takes a part for the whole."""
    stream: Stream | None = None

    async def write(text: str) -> None:
        nonlocal stream
        if stream is None:
            request.setHeader(b"Content-Type", export.FORMATS[format].encode("ascii"))
            request.setHeader(b"Content-Disposition", f'attachment; filename="messages.{format}"'.encode("ascii"))
            stream = Stream(cast(Request, request))
        await stream.write(text)

    try:
        await export.export(installation, which, states, format, write)
    except Exception as error:
        if stream is None:
            raise
        if not isinstance(error, Gone):
            log.failure("an export was cut off")
            stream.cut_off()
    if stream is not None:
        stream.end()
    else:
        request.setHeader(b"Content-Type", export.FORMATS[format].encode("ascii"))
    return b""
