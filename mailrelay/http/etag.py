"""Entity tags (RFC 9110 8.8.3): who has an answer already is told that it has not changed, and who changes something
may say which state of it is meant.

The tag of an answer is made of its octets. GET with If-None-Match is 304 while the answer is the same. PATCH, PUT and
DELETE with If-Match are 412, and do nothing, unless GET of the same place would give that tag now; between the look and
the change another may come in, by less than a thousandth of a second.
"""

from __future__ import annotations

import re
from hashlib import sha256

from twisted.web.iweb import IRequest
from twisted.web.server import Request

from .problem import Problem

_TAG = re.compile(r'\s*(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")\s*')


def tag_of(body: bytes) -> str:
    """The entity tag of an answer."""
    return f'"{sha256(body).hexdigest()[:32]}"'


def tagged(request: Request, body: bytes) -> bytes:
    """An answer under its tag; nothing, as 304, where its reader has it already."""
    tag = tag_of(body)
    request.setHeader(b"ETag", tag.encode("ascii"))
    if not _fits(_header(request, b"If-None-Match"), tag):
        return body
    request.setResponseCode(304)
    for name in (b"Content-Type", b"Content-Length"):
        request.responseHeaders.removeHeader(name)
    return b""


def names_a_state(request: IRequest) -> bool:
    """Does a request say which state of a thing it means?"""
    return request.getHeader(b"If-Match") is not None


def require_match(request: IRequest, body: bytes | None) -> None:
    """Raise the `Problem` of a request that means another state than that in `body` (None: there is nothing that has
    states)."""
    if body is None or not _fits(_header(request, b"If-Match"), tag_of(body)):
        raise Problem(412, "it is not in the state that If-Match names: look at it again")


def _header(request: IRequest, name: bytes) -> str:
    found: bytes = request.getHeader(name) or b""
    return found.decode("latin-1")


def _fits(given: str, tag: str) -> bool:
    """Is a tag among those of a header, or does the header take any?"""
    return given.strip() == "*" or any(
        found is not None and found.group(1) == tag for found in map(_TAG.fullmatch, given.split(","))
    )
