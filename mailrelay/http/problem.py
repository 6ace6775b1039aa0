"""What HTTP says when a request cannot be answered: a problem as JSON (RFC 9457), never a traceback.

A `Problem` is raised by whoever finds it, and turned into octets at one place. Its text is for the caller; causes
inside stay in the log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from twisted.web.iweb import IRequest

CONTENT_TYPE = b"application/problem+json"


class Problem(Exception):
    """A request that fails: an HTTP `status`, a sentence of `detail`, the `field` that is wrong or "", and `more`
    members that say what is wrong."""

    def __init__(
        self,
        status: int,
        detail: str = "",
        field: str = "",
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail
        self.field = field
        self.headers = headers or {}
        self.more = more or {}

    @property
    def title(self) -> str:
        """The status in words."""
        return HTTPStatus(self.status).phrase

    def encode(self) -> bytes:
        """The problem as JSON."""
        members: dict[str, object] = {"type": "about:blank", "title": self.title, "status": self.status}
        if self.detail:
            members["detail"] = self.detail
        if self.field:
            members["field"] = self.field
        return json.dumps({**members, **self.more}).encode("ascii")

    def head(self, request: IRequest) -> None:
        """Put status and headers into the response."""
        request.setResponseCode(self.status)
        for name, value in self.headers.items():
            request.setHeader(name.encode("ascii"), value.encode("ascii"))

    def answer(self, request: IRequest) -> bytes:
        """Put the problem into the response; gives its body."""
        self.head(request)
        request.setHeader(b"Content-Type", CONTENT_TYPE)
        return self.encode()
