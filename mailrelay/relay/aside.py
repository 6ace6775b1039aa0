"""Work on a message that takes time in proportion to it: a small one is dealt with at once, a large one by a thread.

Looking for links in HTML costs some 100 ms for each megabyte, which nobody else's session may wait for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from twisted.internet.defer import Deferred

from ..mail.message import Message

T = TypeVar("T")

#: Octets and letters that are handled in the reactor's own thread: some two milliseconds' worth.
AT_ONCE = 16 * 1024

#: Calls a function elsewhere, and gives what it gave.
Aside: TypeAlias = Callable[..., "Deferred[Any]"]


def large(message: Message) -> bool:
    """Is it for a thread?"""
    return len(message.source) > AT_ONCE


async def apart(aside: Aside, message: Message, function: Callable[..., T], *given: object) -> T:
    """What a function gives that is called in proportion to a message: by a thread, where that is large."""
    if not large(message):
        return function(*given)
    found: T = await aside(function, *given)
    return found
