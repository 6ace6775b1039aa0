"""Where a request came from."""

from __future__ import annotations

from twisted.web.iweb import IRequest


def address_of(request: IRequest) -> str:
    """The IP address of who asks, "" where there is none."""
    return str(getattr(request.getClientAddress(), "host", ""))
