"""Idempotency keys: a POST that is sent again because nobody knows whether it arrived is carried out once.

A caller names a request by the header Idempotency-Key, of its own choice. For a day the key stands for what was asked
first under it: the same request again is given the first one's answer, with the header Idempotency-Replayed; another
one is 422. While the first is under way, and when nobody knows what came of it because the process died, it is 409.
What was refused did nothing, and leaves the key free. Answers are kept sealed, since a new password may stand in one;
where an installation keeps no secrets a repetition is told 409 in place of it.

Messages have keys of their own, in the body or by this header, which the ledger holds in the very commit that accepts
them; there a repetition that comes too early waits.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from hashlib import sha256

from twisted.web.server import Request

from ..interfaces.answers import Answered
from ..manage.caller import Caller
from ..manage.errors import Forbidden, Invalid, Unknown
from ..manage.installation import Installation
from .problem import CONTENT_TYPE, Problem

HEADER = "Idempotency-Key"
MAX_KEY = 255
#: Octets of an answer that are kept.
MAX_ANSWER = 1 << 20
_PIECE = 1 << 16
_UNKNOWN = "a request under this key was begun, and nobody knows yet what came of it"


def key_of(request: Request) -> str:
    """The key that a request bears, "" for none; one that is no printable ASCII, or long, is a `Problem`."""
    found: bytes = request.getHeader(HEADER.encode("ascii")) or b""
    if not found:
        return ""
    text = found.decode("latin-1")
    if len(text) > MAX_KEY or not text.isascii() or not text.isprintable():
        raise Problem(400, f"{HEADER}: must be at most {MAX_KEY} printable characters of ASCII", HEADER)
    return text


async def once(
    installation: Installation, caller: Caller, request: Request, run: Callable[[], Awaitable[bytes]]
) -> bytes:
    """Carry a request out, unless it was under its key; gives the body of the answer."""
    key = key_of(request)
    if not key:
        return await run()
    who = caller.id or caller.name
    asked = Answered(who, key, await installation.aside(_digest, request), installation.now())
    found = await installation.answers.begin(asked)
    if found is not None:
        return _again(installation, request, found, asked.digest)
    try:
        body = await run()
    except Problem as problem:
        await _failed(installation, asked, problem.status)
        raise
    except (Invalid, Unknown, Forbidden):
        await installation.answers.drop(who, key)
        raise
    type = (request.responseHeaders.getRawHeaders(b"Content-Type") or [b""])[0].decode("latin-1")
    await installation.answers.end(_answered(installation, asked, request.code, type, body))
    return body


def _digest(request: Request) -> str:
    """What is asked: method, path with query, and body."""
    digest = sha256(request.method + b" " + request.uri + b"\n")
    content = request.content
    assert content is not None, "a request that is rendered has a body, if an empty one"
    content.seek(0)
    while piece := content.read(_PIECE):
        digest.update(piece)
    content.seek(0)
    return digest.hexdigest()


async def _failed(installation: Installation, asked: Answered, status: int) -> None:
    """What was refused, or could not be done for now, leaves the key free; a failure inside is not known to have done
    nothing, and keeps it."""
    if status != 500:
        await installation.answers.drop(asked.caller, asked.key)


def _answered(installation: Installation, asked: Answered, status: int, type: str, body: bytes) -> Answered:
    sealed = ""
    if installation.reveal_secrets and len(body) <= MAX_ANSWER:
        sealed = installation.vault.seal(base64.b64encode(body).decode("ascii"), _context(asked))
    return Answered(asked.caller, asked.key, asked.digest, asked.at, status, type, sealed)


def _again(installation: Installation, request: Request, found: Answered, digest: str) -> bytes:
    """The answer to a request that was there before."""
    if found.digest != digest:
        raise Problem(422, f"{HEADER}: stands for another request, made in the last 24 hours", HEADER)
    if not found.status:
        raise Problem(409, _UNKNOWN, HEADER)
    if not found.sealed:
        raise Problem(409, f"was carried out already, with status {found.status}; the answer is not kept", HEADER)
    request.setResponseCode(found.status)
    request.setHeader(b"Idempotency-Replayed", b"true")
    request.setHeader(b"Content-Type", found.type.encode("latin-1") or CONTENT_TYPE)
    return base64.b64decode(installation.vault.unseal(found.sealed, _context(found)))


def _context(answered: Answered) -> str:
    return f"answer {answered.caller} {answered.key}"
