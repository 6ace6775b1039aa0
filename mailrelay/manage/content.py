"""What stands in a message: its source as it was accepted, and what one recipient of it reads.

Both are there as long as bodies are kept (`[retention] bodies`) and until the person is erased.
"""

from __future__ import annotations

from ..interfaces.web_version import WebVersion
from . import messages
from .errors import Invalid
from .installation import Installation, use_case

#: Why there is nothing to be read any more.
FORGOTTEN = "is kept no longer (retention, or its person was erased)"


@use_case
async def source(installation: Installation, id: str) -> bytes:
    """The octets of a message as they were accepted, by its id or that of one of its recipients."""
    card = await messages.find(installation, id)
    try:
        return await installation.bodies.read(card.id)
    except KeyError:
        raise Invalid("content", FORGOTTEN) from None


@use_case
async def rendered(installation: Installation, recipient: str) -> WebVersion:
    """What a recipient reads, links and all, by its id; only a daemon can tell."""
    await messages.find(installation, recipient)
    if installation.web_versions is None:
        raise Invalid("content", "is made by the daemon alone")
    try:
        return await installation.web_versions.read(recipient)
    except KeyError:
        raise Invalid("content", FORGOTTEN) from None
