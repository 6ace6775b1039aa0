"""The sandbox's mail as it is asked for: what arrived at the sink, found by address and time, and its octets.

`since` is an instant in ISO 8601 or in seconds since 1970, itself included, or the id of a message, itself not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest

from ..interfaces.sandbox import IInbox, Kept
from ..mail.address import AddressError, parse_mailbox
from . import query
from .problem import Problem

MAX_LIMIT = 10_000

_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")


def plain(kept: Kept) -> dict[str, object]:
    """One message as it is listed."""
    return {
        "id": kept.id,
        "received_at": query.iso(kept.received_at),
        "mail_from": kept.mail_from,
        "rcpt_to": kept.rcpt_to,
        "subject": kept.subject,
        "size": kept.size,
    }


def listing(request: IRequest, inbox: IInbox, default: int) -> Deferred[Sequence[Kept]]:
    """The messages that the request of a page asks for."""
    limit = query.number(request, "limit", default, MAX_LIMIT)
    return found(inbox, limit, query.address(request, "to"), query.text(request, "since"))


def found(inbox: IInbox, limit: int, to: str, since: str) -> Deferred[Sequence[Kept]]:
    """So many of the newest, for one address and since an instant or a message, where they are not ""."""
    since = since.strip()
    after = since if _ID.fullmatch(since) else ""
    at = query.instant("since", since) if since and not after else 0
    return inbox.messages(limit, _as_kept(to), at, after).addErrback(not_found)


def _as_kept(to: str) -> str:
    """An address as it stands on the wire, its domain in ASCII; what is no address is looked for as it is."""
    try:
        return parse_mailbox(to).address if to else ""
    except AddressError:
        return to


def not_found(failure: Failure) -> Failure:
    """Say that there is no such message, if that is what failed."""
    if failure.check(KeyError):
        raise Problem(404, "there is no such message") from failure.value
    return failure


def source(request: IRequest, inbox: IInbox, id: str) -> Deferred[bytes]:
    """Answer with the octets of a message."""

    def send(octets: bytes) -> bytes:
        request.setHeader(b"Content-Type", b"message/rfc822")
        request.setHeader(b"Content-Disposition", b'attachment; filename="%s.eml"' % id.encode("ascii"))
        request.setHeader(b"Content-Length", b"%d" % len(octets))
        return octets

    return inbox.source(id).addCallback(send).addErrback(not_found)
