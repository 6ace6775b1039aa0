"""An answer that is written while it is made, no faster than it is read.

The transport says when its buffer is full and when there is room again (`IPushProducer`); whoever writes waits in
between, so that a large answer to a slow reader costs no memory. When the reader goes away the next write fails.
"""

from __future__ import annotations

from typing import cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPushProducer, ITCPTransport
from twisted.web.http import Request
from zope.interface import implementer


class Gone(Exception):
    """The reader has closed the connection."""


@implementer(IPushProducer)
class Stream:
    """The body of one answer."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._room: Deferred[None] | None = None
        self._gone = False
        request.registerProducer(self, True)

    def write(self, text: str) -> Deferred[None]:
        """Write a part; fires when there is room for the next, and fails with `Gone`."""
        if not self._gone:
            self._request.write(text.encode("utf-8", "replace"))
        if self._gone:
            raise Gone
        if self._room is None:
            return succeed(None)
        return self._room

    def end(self) -> None:
        """Nothing more is written."""
        self._request.unregisterProducer()

    def cut_off(self) -> None:
        """What was to come cannot be made: the reader sees that it is missing."""
        if not self._gone:
            self._gone = True
            cast(ITCPTransport, self._request.channel.transport).abortConnection()

    def pauseProducing(self) -> None:
        if self._room is None:
            self._room = Deferred()

    def resumeProducing(self) -> None:
        room, self._room = self._room, None
        if room is not None:
            room.callback(None)

    def stopProducing(self) -> None:
        self._gone = True
        room, self._room = self._room, None
        if room is not None:
            room.errback(Gone())
